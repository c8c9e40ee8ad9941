"""What the text of a reply asks for, step by step. The whole message, with its buttons and forms, is read in `judging`.

A message that says nothing else is taken at its word, also behind a disguise. Sentences are judged in `free_text`. A message
that merely contains a keyword is doubtful, and doubt goes to a person.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import groupby

from preferences.interpretation import free_text, normalisation
from preferences.interpretation.clauses import own_text
from preferences.interpretation.intents import DOUBT, OF_A_SENTENCE, Intent, IntentValue, doubtful
from preferences.interpretation.lexicon import LEXICON, Meaning, spelling, vocabulary
from preferences.interpretation.own_words import NO_OWN_WORDS, OwnWords
from preferences.interpretation.reading import FEWEST_SPELLED_LETTERS, LONGEST_TEXT, Reading, known_language
from preferences.interpretation.wishes import (
    INTENTS,
    Keywords,
    intent_of,
    keyword_inside,
    named,
    one_wish,
    pick,
    wishes_in,
)

__all__ = ["DOUBT", "LONGEST_TEXT", "classify", "doubtful", "known_language"]

_DISGUISED = 0.9
_MOST_DISGUISED = 8  # words of a message that is looked through for a disguised keyword
_MOST_NAMES = 3
_COURTESY = Intent(IntentValue.NONE, "text/courtesy", explanation="The message says nothing but courtesy.")
_EMPTY = Intent(IntentValue.NONE, "text/empty", explanation="The message has no words.")


def classify(
    text: str, *, language_hint: str | None = None, own_words: OwnWords = NO_OWN_WORDS, is_typed: bool = True
) -> Intent:
    """Judge the words of one message; never raises, always the same for the same text, hint and words.

    The hint (a language or locale code) decides only between languages that share a word. `own_words` are the brand's:
    they add to the built-in words and take none away. What nobody typed (labels, fields of forms) gets no second opinion.
    """
    reading = Reading.of(text, language_hint, own_words, is_typed=is_typed)
    if not reading.words and not normalisation.has_stop_emoji(reading.text):
        return _EMPTY
    for step in _STEPS:
        intent = step(reading)
        if intent is not None:
            return intent
    return free_text.FOUND_NOTHING


def _whole_message(reading: Reading) -> Intent | None:
    if reading.hint and not reading.is_cut and (word := LEXICON.where_spoken.get((reading.hint, reading.words))):
        return _of_whole_message((word,), reading.hint)
    found = LEXICON.spaced[reading.words] or LEXICON.unspaced[reading.joined]
    if found and any(keyword.meaning is Meaning.COURTESY for keyword in found):
        found = tuple(keyword for keyword in found if keyword.meaning is not Meaning.COURTESY)
    if not found or reading.is_cut:
        return None
    return _of_whole_message(found, reading.hint)


@cache
def _of_whole_message(found: Keywords, hint: str) -> Intent:
    # Most replies are one of a few words. The keywords and languages are ours, so there are only so many.
    keyword, language = pick(found, hint)
    return intent_of(keyword, language, f"The whole message is {named(keyword, found)}.")


def _only_stop_emoji(reading: Reading) -> Intent | None:
    if reading.words or reading.is_cut or not normalisation.is_only_stop_emoji(reading.text):
        return None
    explanation = "The whole message is a stop sign."
    return Intent(
        IntentValue.OPT_OUT, "emoji/stop", language=reading.hint, is_international=True, explanation=explanation
    )


def _only_keywords(reading: Reading) -> Intent | None:
    """ "Stop messages please", "STOP STOP", "Hello! Unsubscribe me. Thanks": one wish, said politely or often."""
    groups = None if reading.is_cut else wishes_in(reading)
    if groups == [] and reading.words:
        return _COURTESY
    found = one_wish(groups)
    if found is None:
        return None
    keyword, language = pick(found, reading.hint)
    return intent_of(keyword, language, f"Apart from courtesy, the message only says {named(keyword, found)}.")


def _disguised(reading: Reading) -> Intent | None:
    """ "st0p", "STOOOP", "ѕtop", "unsuscribe": a keyword that was written in another way."""
    if reading.is_cut or normalisation.is_unspaced(reading.words):
        return None
    written = _spelled_together(reading.words.split())
    if len(written) > _MOST_DISGUISED:
        return None
    read = list(map(spelling().read, written))
    if read == reading.words.split():
        return None
    plain = reading._replace(words=" ".join(read), text="")
    intent = _whole_message(plain) or _only_keywords(plain)
    if intent is None or intent.intent not in {IntentValue.OPT_OUT, IntentValue.HELP}:
        return None  # ordinary text never opts in
    return intent._replace(
        rule=f"{intent.rule}/spelling",
        confidence=_DISGUISED,
        explanation=f"Written in another spelling: {intent.explanation[0].lower()}{intent.explanation[1:]}",
    )


def _spelled_together(words: list[str]) -> list[str]:
    """Runs of single letters as words: "please s t o p"."""
    if sum(len(word) == 1 for word in words) < FEWEST_SPELLED_LETTERS:
        return words
    together: list[str] = []
    for is_letter, run in groupby(words, key=lambda word: len(word) == 1):
        letters = list(run)
        together += ["".join(letters)] if is_letter and len(letters) >= FEWEST_SPELLED_LETTERS else letters
    return together


def _with_a_name(reading: Reading) -> Intent | None:
    """ "STOP Maria", "Unsubscribe Ana López": a plain stop and what can only be a name."""
    if reading.is_cut:
        return None
    words = reading.words.split()
    found = LEXICON.spaced[words[0]] if 1 < len(words) <= _MOST_NAMES + 1 else ()
    typed = reading.text.split()
    if not found or INTENTS.get(found[0].meaning) is not IntentValue.OPT_OUT or not found[0].counts_inside:
        return None
    if len(typed) != len(words) or not all(name[0].isupper() and name.isalpha() for name in typed[1:]):
        return None
    languages = {keyword.language for keyword in found}
    if typed[-1].isupper() or any(not languages.isdisjoint(vocabulary()[name].languages) for name in words[1:]):
        return None
    keyword, language = pick(found, reading.hint)
    explanation = f"Beside what looks like a name, the message only says {named(keyword, found)}."
    intent = intent_of(keyword, language, explanation)
    return intent._replace(rule=f"{intent.rule}/name", confidence=OF_A_SENTENCE)


def _own_text(reading: Reading) -> Intent | None:
    """Without quoted lines and "Sent from my phone" the message may be a plain one."""
    own = reading.text if reading.is_cut else own_text(reading.text)
    if own == reading.text:
        return None
    return classify(own, language_hint=reading.hint, own_words=reading.own, is_typed=reading.is_typed)


def _stop_emoji_inside(reading: Reading) -> Intent | None:
    if not normalisation.has_stop_emoji(reading.text):
        return None
    explanation = "The message contains a stop sign and more than that."
    return doubtful(Intent(IntentValue.REVIEW, "emoji/stop/inside", explanation=explanation, is_international=True))


def _unread_rest(reading: Reading) -> Intent | None:
    if not reading.is_cut:
        return None
    explanation = f"The message is longer than {LONGEST_TEXT} characters and was not read to its end."
    return doubtful(Intent(IntentValue.REVIEW, "text/too_long", explanation=explanation))


_STEPS: tuple[Callable[[Reading], Intent | None], ...] = (
    _whole_message,
    _only_stop_emoji,
    _only_keywords,
    _disguised,
    _with_a_name,
    _own_text,
    free_text.judged,
    keyword_inside,
    _stop_emoji_inside,
    _unread_rest,
)
