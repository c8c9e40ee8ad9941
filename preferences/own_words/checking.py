"""Which words a brand may not add, why, and what to do: sentences for staff."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from preferences.interpretation import IntentValue, OwnWord, classify
from preferences.interpretation.everyday import everyday_language
from preferences.interpretation.lexicon import LEXICON, Keyword, Meaning
from preferences.interpretation.normalisation import is_unspaced, normalise
from preferences.models import WordMeaning
from preferences.own_words.backtest import Past

LONGEST_WORD = 40
MOST_WORDS = 200
#: A word that stands in more than this part of the replies that meant nothing, and in at least so many, is an everyday one.
_EVERYDAY_PART = 0.005
_EVERYDAY_NUMBER = 5

_MEANINGS = {
    Meaning.OPT_OUT: "an opt-out",
    Meaning.EVERYTHING: "an opt-out of all messages",
    Meaning.OPT_IN: "an opt-in",
    Meaning.HELP: "a call for help",
}


def check(words: Sequence[OwnWord], *, known: Iterable[OwnWord], past: Sequence[Past]) -> list[str]:
    """Why these cannot be the brand's words, an empty list if they can.

    `known` are those in force: what was accepted once is not refused because the desk or its people have learned since.
    `past` are the brand's newest replies.
    """
    reasons = []
    if len(words) > MOST_WORDS:
        reasons.append(
            f"These are {len(words)} words, and a brand may have {MOST_WORDS}. Remove {len(words) - MOST_WORDS}."
        )
    reasons += _contradictions(words)
    accepted = set(known)
    fresh = [word for word in words if word not in accepted]
    wrong = {word: reason for word in fresh if (reason := _refusal(word))}
    reasons += wrong.values()
    return reasons + list(_seen_every_day([word for word in fresh if word not in wrong], past))


def _contradictions(words: Iterable[OwnWord]) -> Iterator[str]:
    first: dict[str, OwnWord] = {}
    for word in words:
        other = first.setdefault(word.words, word)
        if word.words and other.meaning != word.meaning:
            yield (
                f"“{word.spelling}” stands under {_label(other)} and under {_label(word)}. "
                "A spelling has one meaning in all languages: remove it from one of them."
            )


def _refusal(word: OwnWord) -> str:
    """Why this word by itself cannot be added; "" if it can."""
    words = word.words
    if word.language not in LEXICON.names:
        return f"“{word.spelling}”: the desk does not know the language “{word.language}”. Choose one of the list."
    if word.meaning not in WordMeaning.values:
        return f"“{word.spelling}”: choose opt-out, opt-in or help."
    if not words:
        return f"“{word.spelling}” has no letters, so it would be found in nothing. Write a word."
    if len(words) > LONGEST_WORD:
        return (
            f"“{word.spelling}” has {len(words)} characters, and {LONGEST_WORD} are compared. Write a shorter phrase."
        )
    if words.replace(" ", "").isdecimal():
        return f"“{word.spelling}” is a number. People answer with numbers to anything: add a word."
    if len(words.replace(" ", "")) == 1:
        return f"“{word.spelling}” is a single character, which stands in too many replies. Write a whole word."
    if language := everyday_language(words):
        return (
            f"“{word.spelling}” is an everyday word in {language}: it stands in replies that ask for nothing. "
            "Add a phrase that says what is wanted."
        )
    return _built_in(word, words)


def _built_in(word: OwnWord, words: str) -> str:
    found = [one for one in LEXICON.keywords if one.words == words and one.meaning in _MEANINGS]
    if found:
        names = " and ".join(sorted({LEXICON.names[one.language] for one in found}))
        what = _MEANINGS[found[0].meaning]
        if _is_same(found[0], word):
            return f"“{word.spelling}” is built in already, as {what} in {names}. It needs no entry of yours."
        return f"“{word.spelling}” is built in as {what} in {names}. Built-in words keep their meaning: remove it."
    judged = classify(word.spelling)
    if judged.intent.value == word.meaning:
        return f"“{word.spelling}” is understood already. {judged.explanation} It needs no entry of yours."
    if word.meaning == WordMeaning.OPT_OUT:
        return ""
    if stop := _stop_inside(words):
        return (
            f"“{word.spelling}” contains “{stop}”, with which people ask to stop, so it can only mean an opt-out. "
            "Write it without that word."
        )
    if judged.intent in {IntentValue.OPT_OUT, IntentValue.REVIEW}:
        return f"“{word.spelling}” reads as a wish to stop, so it can only mean an opt-out. {judged.explanation}"
    return ""


def _stop_inside(words: str) -> str:
    """The built-in opt-out in a phrase. As a whole the phrase would be found before it, and the wish be overheard."""
    is_joined = is_unspaced(words)
    for one in LEXICON.keywords:
        is_stop = one.counts_inside and one.meaning in {Meaning.OPT_OUT, Meaning.EVERYTHING}
        if is_stop and (f" {one.words} " in f" {words} " or (is_joined and one.words in words)):
            return one.spelling
    return ""


def _is_same(keyword: Keyword, word: OwnWord) -> bool:
    meaning = Meaning.OPT_OUT if keyword.meaning is Meaning.EVERYTHING else keyword.meaning
    return meaning.value == word.meaning


def _seen_every_day(fresh: Sequence[OwnWord], past: Sequence[Past]) -> Iterator[str]:
    """Words that are in too many of the replies that meant nothing when they came."""
    harmless = [one.text for one in past if one.intent == IntentValue.NONE.value]
    wanted = {word.words for word in fresh}
    seen: Counter[str] = Counter()
    # Each different text is looked into once, however often it was written.
    for words, times in Counter(map(normalise, harmless)).items() if wanted else ():
        joined = words.replace(" ", "") if is_unspaced(words) else ""
        for one in wanted:
            if f" {one} " in f" {words} " or (joined and is_unspaced(one) and one in joined):
                seen[one] += times
    for word in fresh:
        number = seen[word.words]
        if number >= _EVERYDAY_NUMBER and number > _EVERYDAY_PART * len(harmless):
            yield (
                f"“{word.spelling}” stands in {number:,} of the {len(harmless):,} newest replies that asked for nothing. "
                "It is an everyday word here: add a longer phrase that says what is wanted."
            )


def _label(word: OwnWord) -> str:
    meaning = WordMeaning(word.meaning).label.lower() if word.meaning in WordMeaning.values else word.meaning
    return f"{meaning} ({LEXICON.names.get(word.language, word.language)})"
