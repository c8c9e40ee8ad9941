"""What the text of a reply asks for, step by step. The whole message, with its buttons and forms, is read in `judging`.

A message that says nothing else is taken at its word, also behind a disguise. Sentences are read in `sentences`. A message
that merely contains a keyword is doubtful, and doubt goes to a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import groupby
from typing import NamedTuple

from preferences.interpretation import normalisation, sentences
from preferences.interpretation.intents import Intent, IntentValue
from preferences.interpretation.lexicon import LEXICON, Index, Keyword, Meaning, spelling, vocabulary
from preferences.interpretation.opinion import second_opinion
from preferences.interpretation.own_words import NO_OWN_WORDS, OwnWords

LONGEST_TEXT = 65_536
"""Characters that are read; WhatsApp lets nobody type more."""

Keywords = tuple[Keyword, ...]

DOUBT = 0.5
_SENTENCE = 0.9
_DISGUISED = 0.9
_MOST_DISGUISED = 8  # words of a message that is looked through for a disguised keyword
_MOST_WORDS_BESIDE = 12
_MOST_NAMES = 3
_FEWEST_WORDS = 2  # of a message on which the second opinion is asked
# From which likelihood on it is a wish, and from which a person is asked: measured by `scripts/train_opinion.py --folds 5`.
# Where no word is known that could ask for anything, more is needed.
_LIKELY, _POSSIBLE, _POSSIBLE_UNKNOWN = 0.8, 0.4, 0.7
_OPEN_DOUBTS = ("/unclear", "/inside", "/complaint", "/of_what")
_MOST_NAMED = 3  # languages in an explanation
#: What a pattern of `sentences` says, and what made it doubtful.
SAYS = {
    "asks": "Asks for the end of messages",
    "do_not_send": "Asks not to be sent anything",
    "stop_sending": "Asks to stop sending",
    "stop_messages": "Asks to stop the messages",
    "no_more_messages": "Asks for no more messages",
    "no_messages": "Asks for no messages",
    "unwanted_messages": "Does not want messages",
    "remove_from_list": "Asks to be taken off the list",
    "remove_me": "Asks to be removed",
    "unsubscribe": "Asks to be unsubscribed",
    "plain_stop": "Asks to stop",
    "stop_unwanted": "Asks to stop and does not want it",
    "wrong_person_stop": "The messages reach somebody else, who asks for an end",
    "wrong_person": "The messages may reach somebody else",
    "complaint": "Complains about messages",
    "unclear": "May ask for the end of messages",
    "unwanted": "Does not want something",
    "keep_going": "Says the opposite of stop",
}
DOUBTS = {
    "question": "But it stands in a question.",
    "of_what": "But of what is not clear.",
    "condition": "But it stands under a condition.",
    "limits": "But only at times, or for now.",
    "keep_going": "But the message also says the opposite.",
    "wants": "But the message also asks for messages.",
}
_FEWEST_SPELLED_LETTERS = 3  # "S T O P"
_FOUND_NOTHING = Intent(IntentValue.NONE, "text/none", explanation="No keyword was found in the message.")
_COURTESY = Intent(IntentValue.NONE, "text/courtesy", explanation="The message says nothing but courtesy.")
_EMPTY = Intent(IntentValue.NONE, "text/empty", explanation="The message has no words.")
_INTENTS = {
    Meaning.OPT_OUT: IntentValue.OPT_OUT,
    Meaning.EVERYTHING: IntentValue.OPT_OUT,
    Meaning.OPT_IN: IntentValue.OPT_IN,
    Meaning.HELP: IntentValue.HELP,
    Meaning.AFFIRMATION: IntentValue.NONE,
}
_OLD_LANGUAGE_CODES = {"iw": "he", "in": "id"}


def classify(
    text: str, *, language_hint: str | None = None, own_words: OwnWords = NO_OWN_WORDS, is_typed: bool = True
) -> Intent:
    """Judge the words of one message; never raises, always the same for the same text, hint and words.

    The hint (a language or locale code) decides only between languages that share a word. `own_words` are the brand's:
    they add to the built-in words and take none away. What nobody typed (labels, fields of forms) gets no second opinion.
    """
    reading = _Reading.of(text, language_hint, own_words, is_typed=is_typed)
    if not reading.words and not normalisation.has_stop_emoji(reading.text):
        return _EMPTY
    for step in _STEPS:
        intent = step(reading)
        if intent is not None:
            return intent
    return _FOUND_NOTHING


class _Reading(NamedTuple):
    """A text as the steps see it: as typed, as compared, and the language it is probably in."""

    text: str
    words: str
    hint: str
    is_cut: bool
    own: OwnWords
    is_typed: bool

    @classmethod
    def of(cls, text: str, language_hint: str | None, own_words: OwnWords, *, is_typed: bool) -> _Reading:
        read = text[:LONGEST_TEXT]
        words = normalisation.normalise(read)
        return cls(
            text=read,
            words=words[:LONGEST_TEXT],
            hint=known_language(language_hint) if language_hint else "",
            is_cut=max(len(text), len(words)) > LONGEST_TEXT,
            own=own_words,
            is_typed=is_typed,
        )


def _whole_message(reading: _Reading) -> Intent | None:
    found = LEXICON.spaced[reading.words] or LEXICON.unspaced[_joined(reading)]
    if found and any(keyword.meaning is Meaning.COURTESY for keyword in found):
        found = tuple(keyword for keyword in found if keyword.meaning is not Meaning.COURTESY)
    if not found or reading.is_cut:
        return None
    return _of_whole_message(found, reading.hint)


@cache
def _of_whole_message(found: Keywords, hint: str) -> Intent:
    # Most replies are one of a few words. The keywords and languages are ours, so there are only so many.
    keyword, language = _pick(found, hint)
    return _keyword_intent(keyword, language, f"The whole message is {_named(keyword, found)}.")


def _only_stop_emoji(reading: _Reading) -> Intent | None:
    if reading.words or reading.is_cut or not normalisation.is_only_stop_emoji(reading.text):
        return None
    explanation = "The whole message is a stop sign."
    return Intent(
        IntentValue.OPT_OUT, "emoji/stop", language=reading.hint, is_international=True, explanation=explanation
    )


def _only_keywords(reading: _Reading) -> Intent | None:
    """ "Stop messages please", "STOP STOP", "Hello! Unsubscribe me. Thanks": one wish, said politely or often."""
    groups = None if reading.is_cut else _groups(reading)
    if groups == [] and reading.words:
        return _COURTESY
    found = _one_wish(groups)
    if found is None:
        return None
    keyword, language = _pick(found, reading.hint)
    return _keyword_intent(keyword, language, f"Apart from courtesy, the message only says {_named(keyword, found)}.")


def _groups(reading: _Reading) -> list[Keywords] | None:
    """The keywords a text consists of, apart from courtesy; None if there is more in it."""
    own = reading.own
    groups = _cover(reading.words.split(), LEXICON.spaced, own.spaced)
    joined = "" if groups else _joined(reading)
    return _cover(joined, LEXICON.unspaced, own.unspaced) if joined else groups


def _one_wish(groups: list[Keywords] | None) -> Keywords | None:
    """The keywords that say it, if all want the same."""
    if not groups or len({_INTENTS[found[0].meaning] for found in groups}) > 1:
        return None
    return next((found for found in groups if found[0].meaning is Meaning.EVERYTHING), groups[0])


def _disguised(reading: _Reading) -> Intent | None:
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
    if sum(len(word) == 1 for word in words) < _FEWEST_SPELLED_LETTERS:
        return words
    together: list[str] = []
    for is_letter, run in groupby(words, key=lambda word: len(word) == 1):
        letters = list(run)
        together += ["".join(letters)] if is_letter and len(letters) >= _FEWEST_SPELLED_LETTERS else letters
    return together


def _with_a_name(reading: _Reading) -> Intent | None:
    """ "STOP Maria", "Unsubscribe Ana López": a plain stop and what can only be a name."""
    if reading.is_cut:
        return None
    words = reading.words.split()
    found = LEXICON.spaced[words[0]] if 1 < len(words) <= _MOST_NAMES + 1 else ()
    typed = reading.text.split()
    if not found or _INTENTS.get(found[0].meaning) is not IntentValue.OPT_OUT or not found[0].counts_inside:
        return None
    if len(typed) != len(words) or not all(name[0].isupper() and name.isalpha() for name in typed[1:]):
        return None
    languages = {keyword.language for keyword in found}
    if typed[-1].isupper() or any(not languages.isdisjoint(vocabulary()[name].languages) for name in words[1:]):
        return None
    keyword, language = _pick(found, reading.hint)
    explanation = f"Beside what looks like a name, the message only says {_named(keyword, found)}."
    intent = _keyword_intent(keyword, language, explanation)
    return intent._replace(rule=f"{intent.rule}/name", confidence=_SENTENCE)


def _own_text(reading: _Reading) -> Intent | None:
    """Without quoted lines and "Sent from my phone" the message may be a plain one."""
    own = reading.text if reading.is_cut else sentences.own_text(reading.text)
    if own == reading.text:
        return None
    return classify(own, language_hint=reading.hint, own_words=reading.own, is_typed=reading.is_typed)


def _sentences(reading: _Reading) -> Intent | None:
    if reading.is_cut:
        return None  # what was not read may say anything
    clauses = _clauses(reading.text)
    languages = sentences.languages_of(clauses, vocabulary(), reading.hint)
    if not languages:
        found = _said_apart(reading, clauses) or (_FOUND_NOTHING if _is_all_read(reading) else None)
        return found and _with_second_opinion(reading, found, None)
    message = sentences.Message(clauses, vocabulary(), languages)
    found = _of_sentences(reading, clauses, message, languages)
    return found and _with_second_opinion(reading, found, message)


def signs_of(text: str) -> list[str]:
    """What the second opinion learns of a text, beside its words."""
    clauses = _clauses(text)
    languages = sentences.languages_of(clauses, vocabulary(), "")
    return sentences.Message(clauses, vocabulary(), languages).signs()


def _clauses(text: str) -> list[sentences.Clause]:
    read = spelling().read
    return [clause._replace(words=tuple(map(read, clause.words))) for clause in sentences.clauses_of(text)]


def _of_sentences(
    reading: _Reading, clauses: list[sentences.Clause], message: sentences.Message, languages: Sequence[str]
) -> Intent | None:
    finding = message.finding()
    if finding is not None and finding.intent is not IntentValue.REVIEW:
        return _from_finding(finding)
    is_contradicted = finding is not None and finding.pattern.endswith(("/wants", "/keep_going"))
    apart = None if is_contradicted else _said_apart(reading, clauses)
    if apart is not None and not message.is_business:
        return apart
    if apart is not None and (message.has_stop or apart.is_international or _is_alone(reading, clauses)):
        return doubtful(apart)
    if finding is not None:
        return _from_finding(finding)
    inside = _keyword_inside(reading, languages)
    if inside is None:
        return _FOUND_NOTHING if _is_all_read(reading) else None
    if not message.is_business and (message.has_stop or inside.is_international):
        return inside
    return inside if inside.rule.startswith("own/") else _nothing_meant(reading, message.language)


def _with_second_opinion(reading: _Reading, intent: Intent, message: sentences.Message | None) -> Intent:
    """The same, unless the rules found nothing or doubt and the words look like a wish to end messages. What a rule
    doubts for a reason that stands in the message stays doubtful."""
    is_open = intent.intent is IntentValue.NONE or intent.rule.endswith(_OPEN_DOUBTS)
    if not is_open or not reading.is_typed or intent.rule.endswith("/keep_going"):
        return intent
    words = [word for word in reading.words.split() if not word.isdigit()]
    if len(words) < _FEWEST_WORDS and not normalisation.is_unspaced(reading.words):
        return intent
    language = message.language if message else ""
    likelihood = second_opinion().likelihood(words, message.signs() if message else [sentences.UNKNOWN_SIGN])
    needed = _POSSIBLE if language else _POSSIBLE_UNKNOWN
    if likelihood < (needed if intent.intent is IntentValue.NONE else _LIKELY):
        return intent
    is_clear = likelihood >= _LIKELY and not intent.rule.endswith("/other")
    language = language or intent.language
    explanation = f"The words look like a wish to end messages (likelihood {likelihood:.0%}), though no rule names it."
    return Intent(
        IntentValue.OPT_OUT if is_clear else IntentValue.REVIEW,
        f"{language or 'any'}/opinion",
        confidence=round(likelihood, 2) if is_clear else DOUBT,
        language=language,
        explanation=explanation,
    )


def _is_all_read(reading: _Reading) -> bool:
    """Whether nothing is left that a later step could find."""
    is_short = len(reading.text) <= sentences.LONGEST_READ
    return is_short and reading.own.spaced is None and not normalisation.has_stop_emoji(reading.text)


def _from_finding(finding: sentences.Finding) -> Intent:
    pattern, _, doubt = finding.pattern.partition("/")
    language = LEXICON.names[finding.language]
    explanation = f"{SAYS[pattern]} ({language}): “{finding.quoted}”."
    if doubt:
        explanation += f" {DOUBTS[doubt]}"
    topic = "any" if finding.intent is IntentValue.OPT_OUT and _says_everything(finding) else "marketing"
    return Intent(
        finding.intent,
        f"{finding.language}/sentence/{finding.pattern}",
        confidence=DOUBT if finding.intent is IntentValue.REVIEW else _SENTENCE,
        language=finding.language,
        explanation=explanation,
        topic=topic,
    )


def _says_everything(finding: sentences.Finding) -> bool:
    units = finding.quoted.split()
    groups = LEXICON.spaced_inside.inside(units) if units else ()
    return any(found[0].meaning is Meaning.EVERYTHING for found in groups)


def _said_apart(reading: _Reading, clauses: list[sentences.Clause]) -> Intent | None:
    """ "Who is this? STOP", "Stop. Maria": a keyword in a sentence of its own, beside nothing that says otherwise."""
    if len(clauses) < 2:
        return None
    wishes = [_one_wish(_groups(reading._replace(words=" ".join(clause.words), text=""))) for clause in clauses]
    # A word for "enough" or "end" says stop only when nothing else is said.
    stops = [found for found in wishes if found and any(one.counts_inside for one in found) and _is_stop(found)]
    if not stops or any(found and _INTENTS[found[0].meaning] is IntentValue.OPT_IN for found in wishes):
        return None
    keyword, language = _pick(stops[0], reading.hint)
    said = _keyword_intent(keyword, language, f"A sentence of its own says {_named(keyword, stops[0])}.")
    said = said._replace(rule=f"{said.rule}/apart", confidence=_SENTENCE)
    beside = sum(len(clause.words) for clause, found in zip(clauses, wishes, strict=True) if not found)
    return doubtful(said) if beside > _MOST_WORDS_BESIDE else said


def _is_alone(reading: _Reading, clauses: list[sentences.Clause]) -> bool:
    """Whether a stop has a whole sentence or line to itself; "Cancel, please, my order" has none."""
    size = Counter(clause.sentence for clause in clauses)
    alone = [clause for clause in clauses if size[clause.sentence] == 1]
    wishes = [_one_wish(_groups(reading._replace(words=" ".join(clause.words), text=""))) for clause in alone]
    return any(found and _is_stop(found) for found in wishes)


def _is_stop(found: Keywords) -> bool:
    return _INTENTS[found[0].meaning] is IntentValue.OPT_OUT


def _nothing_meant(reading: _Reading, language: str) -> Intent | None:
    """A stop word among orders, places, habits, negations and questions how it works; or one that mostly is about them."""
    if normalisation.has_stop_emoji(reading.text):
        return None
    name = LEXICON.names[language]
    explanation = f"The words speak of something else than our messages, or ask how things work ({name})."
    return Intent(IntentValue.NONE, f"{language}/sentence/other", language=language, explanation=explanation)


def _keyword_inside(reading: _Reading, languages: Sequence[str] = ()) -> Intent | None:
    """A stop word among other words; with `languages`, only one of these, of the brand, or known worldwide."""
    groups = list(LEXICON.spaced_inside.inside(normalisation.tokens(reading.words)))
    groups += LEXICON.unspaced_inside.inside(_joined(reading))
    if reading.own.spaced is not None and reading.own.unspaced is not None:
        groups += reading.own.spaced.inside(normalisation.tokens(reading.words))
        groups += reading.own.unspaced.inside(_joined(reading))
        groups = [found for found in groups if found[0].meaning is not Meaning.HELP]
    if languages:
        groups = [found for found in groups if any(_is_in(keyword, languages) for keyword in found)]
    stops = [found for found in groups if _is_stop(found)]
    if not stops:
        return None
    found = max(stops, key=lambda found: (found[0].meaning is Meaning.EVERYTHING, len(found[0].words)))
    keyword, language = _pick(found, reading.hint)
    intent = _keyword_intent(
        keyword, language, f"The message contains {_named(keyword, found)} and says more than that."
    )
    if len(stops) < len(groups):
        explanation = "The message asks both to stop and to start."
        return doubtful(intent._replace(rule=f"{intent.rule}/and_start", explanation=explanation))
    return doubtful(intent._replace(rule=f"{intent.rule}/inside"))


def _is_in(keyword: Keyword, languages: Sequence[str]) -> bool:
    return keyword.language in languages or keyword.is_international or keyword.is_own


def _stop_emoji_inside(reading: _Reading) -> Intent | None:
    if not normalisation.has_stop_emoji(reading.text):
        return None
    explanation = "The message contains a stop sign and more than that."
    return doubtful(Intent(IntentValue.REVIEW, "emoji/stop/inside", explanation=explanation, is_international=True))


def _unread_rest(reading: _Reading) -> Intent | None:
    if not reading.is_cut:
        return None
    explanation = f"The message is longer than {LONGEST_TEXT} characters and was not read to its end."
    return doubtful(Intent(IntentValue.REVIEW, "text/too_long", explanation=explanation))


_STEPS: tuple[Callable[[_Reading], Intent | None], ...] = (
    _whole_message,
    _only_stop_emoji,
    _only_keywords,
    _disguised,
    _with_a_name,
    _own_text,
    _sentences,
    _keyword_inside,
    _stop_emoji_inside,
    _unread_rest,
)


def known_language(hint: str) -> str:
    """The language of a code or locale if there are keywords for it, else an empty string."""
    code = hint.replace("_", "-").split("-")[0].lower()
    code = _OLD_LANGUAGE_CODES.get(code, code)
    return code if code in LEXICON.names else ""


def _joined(reading: _Reading) -> str:
    """The words without spaces where spaces mean nothing, in East Asian scripts and in "S T O P"; else nothing."""
    if reading.words.isascii() and reading.words[1:2].strip():
        return ""  # the first word has two letters: nothing is spelled out
    units = reading.words.split()
    is_spelled_out = len(units) >= _FEWEST_SPELLED_LETTERS and all(len(unit) == 1 for unit in units)
    return "".join(units) if is_spelled_out or normalisation.is_unspaced(reading.words) else ""


def _cover(units: list[str] | str, index: Index, own: Index | None) -> list[Keywords] | None:
    """The keywords a message is made of when it has nothing beside them and courtesy, else None. The built-in meaning of
    a word is the one that counts."""
    groups: list[Keywords] = []
    start = 0
    while start < len(units):
        length, found = index.at(units, start)
        if own is not None:
            own_length, own_found = own.at(units, start)
            length, found = (own_length, own_found) if own_length > length else (length, found)
        if not found:
            return None
        if all(keyword.meaning is not Meaning.COURTESY for keyword in found):
            groups.append(found)
        start += length
    return groups


def _pick(found: Keywords, hint: str) -> tuple[Keyword, str]:
    """The keyword of the hinted language or the first, and the language it is evidence of, if of any. An English word that
    others borrowed is English."""
    keyword = next((keyword for keyword in found if keyword.language == hint), found[0])
    is_clear = len(found) == 1 or keyword.language == "en"
    if keyword.language == hint or (is_clear and not keyword.is_international):
        return keyword, keyword.language
    return keyword, hint if keyword.is_international else ""


def _named(keyword: Keyword, found: Keywords) -> str:
    kind = "button" if keyword.is_button else "phrase" if " " in keyword.spelling else "word"
    if keyword.is_international:
        return f'the international {kind} "{keyword.spelling.upper()}"'
    if keyword.is_own:
        return f'the brand\'s own {kind} "{keyword.spelling}"'
    sharing = found[:1] if keyword.language == "en" else found[:_MOST_NAMED]
    languages = " or ".join(LEXICON.names[other.language] for other in sharing)
    return f'the {languages} {kind} "{keyword.spelling}"'


def _keyword_intent(keyword: Keyword, language: str, explanation: str) -> Intent:
    is_affirmation = keyword.meaning is Meaning.AFFIRMATION
    if is_affirmation:
        explanation = f"{explanation} It says yes only to a question that was asked."
    return Intent(
        intent=_INTENTS[keyword.meaning],
        rule=f"{keyword.language}/affirmation" if is_affirmation else keyword.rule,
        language=language,
        explanation=explanation,
        topic="any" if keyword.meaning is Meaning.EVERYTHING else "marketing",
        is_international=keyword.is_international,
        is_affirmation=is_affirmation,
    )


def doubtful(intent: Intent) -> Intent:
    """The same, for a person to judge."""
    return intent._replace(intent=IntentValue.REVIEW, confidence=DOUBT)
