"""What sentences ask for, put together: what they say as sentences, the keywords that stand apart or inside, and the second
opinion where no rule is sure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from preferences.interpretation import normalisation, sentences
from preferences.interpretation.clauses import LONGEST_READ, Clause, clauses_of
from preferences.interpretation.explanations import of_finding
from preferences.interpretation.intents import DOUBT, OF_A_SENTENCE, Intent, IntentValue, doubtful
from preferences.interpretation.lexicon import LEXICON, Meaning, spelling, vocabulary
from preferences.interpretation.opinion import second_opinion
from preferences.interpretation.reading import Reading
from preferences.interpretation.wishes import (
    INTENTS,
    Keywords,
    intent_of,
    is_stop,
    keyword_inside,
    named,
    one_wish,
    pick,
    wishes_in,
)

_MOST_WORDS_BESIDE = 12
_FEWEST_WORDS = 2  # of a message on which the second opinion is asked
# From which likelihood on it is a wish, and from which a person is asked: measured by `scripts/train_opinion.py --folds 5`.
# Where no word is known that could ask for anything, more is needed.
_LIKELY, _POSSIBLE, _POSSIBLE_UNKNOWN = 0.8, 0.3, 0.6
_OPEN_DOUBTS = ("/unclear", "/inside", "/complaint", "/of_what")
FOUND_NOTHING = Intent(IntentValue.NONE, "text/none", explanation="No keyword was found in the message.")


class _Apart(NamedTuple):
    """What a keyword in a sentence of its own says, and whether a stop has a whole sentence or line to itself: "Cancel,
    please, my order" has none."""

    intent: Intent
    is_alone: bool


def judged(reading: Reading) -> Intent | None:
    """What the sentences ask for; None if they say nothing and something is left that later steps may find."""
    if reading.is_cut:
        return None  # what was not read may say anything
    clauses = _clauses(reading.text)
    languages = sentences.languages_of(clauses, vocabulary(), reading.hint)
    if not languages:
        apart = _said_apart(reading, clauses)
        found = apart.intent if apart else FOUND_NOTHING if _is_all_read(reading) else None
        return found and _with_second_opinion(reading, found, None)
    message = sentences.Message(clauses, vocabulary(), languages)
    found = _of_sentences(reading, clauses, message, languages)
    return found and _with_second_opinion(reading, found, message)


def signs_of(text: str) -> list[str]:
    """What the second opinion learns of a text, beside its words."""
    clauses = _clauses(text)
    languages = sentences.languages_of(clauses, vocabulary(), "")
    return sentences.Message(clauses, vocabulary(), languages).signs()


def _clauses(text: str) -> list[Clause]:
    read = spelling().read
    return [clause._replace(words=tuple(map(read, clause.words))) for clause in clauses_of(text)]


def _of_sentences(
    reading: Reading, clauses: list[Clause], message: sentences.Message, languages: Sequence[str]
) -> Intent | None:
    finding = message.finding()
    if finding is not None and finding.intent is not IntentValue.REVIEW:
        return _from_finding(finding)
    is_contradicted = finding is not None and finding.pattern.endswith(("/wants", "/keep_going"))
    apart = None if is_contradicted else _said_apart(reading, clauses)
    if apart is not None and not message.is_business:
        return apart.intent
    if apart is not None and (message.has_stop or apart.intent.is_international or apart.is_alone):
        return doubtful(apart.intent)
    if finding is not None:
        return _from_finding(finding)
    inside = keyword_inside(reading, languages)
    if inside is None:
        return FOUND_NOTHING if _is_all_read(reading) else None
    if not message.is_business and (message.has_stop or inside.is_international):
        return inside
    return inside if inside.rule.startswith("own/") else _nothing_meant(reading, message.language)


def _said_apart(reading: Reading, clauses: list[Clause]) -> _Apart | None:
    """ "Who is this? STOP", "Stop. Maria": a keyword in a sentence of its own, beside nothing that says otherwise."""
    if len(clauses) < 2:
        return None
    wishes = [one_wish(wishes_in(reading.only(clause.words))) for clause in clauses]
    # A word for "enough" or "end" says stop only when nothing else is said.
    stops = [found for found in wishes if found and any(one.counts_inside for one in found) and is_stop(found)]
    if not stops or any(found and INTENTS[found[0].meaning] is IntentValue.OPT_IN for found in wishes):
        return None
    keyword, language = pick(stops[0], reading.hint)
    said = intent_of(keyword, language, f"A sentence of its own says {named(keyword, stops[0])}.")
    said = said._replace(rule=f"{said.rule}/apart", confidence=OF_A_SENTENCE)
    beside = sum(len(clause.words) for clause, found in zip(clauses, wishes, strict=True) if not found)
    return _Apart(doubtful(said) if beside > _MOST_WORDS_BESIDE else said, _has_a_sentence(clauses, wishes))


def _has_a_sentence(clauses: list[Clause], wishes: list[Keywords | None]) -> bool:
    size = Counter(clause.sentence for clause in clauses)
    said = zip(clauses, wishes, strict=True)
    return any(size[clause.sentence] == 1 and found is not None and is_stop(found) for clause, found in said)


def _nothing_meant(reading: Reading, language: str) -> Intent | None:
    """A stop word among orders, places, habits, negations and questions how it works; or one that mostly is about them."""
    if normalisation.has_stop_emoji(reading.text):
        return None
    name = LEXICON.names[language]
    explanation = f"The words speak of something else than our messages, or ask how things work ({name})."
    return Intent(IntentValue.NONE, f"{language}/sentence/other", language=language, explanation=explanation)


def _with_second_opinion(reading: Reading, intent: Intent, message: sentences.Message | None) -> Intent:
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


def _is_all_read(reading: Reading) -> bool:
    """Whether nothing is left that a later step could find."""
    is_short = len(reading.text) <= LONGEST_READ
    return is_short and reading.own.spaced is None and not normalisation.has_stop_emoji(reading.text)


def _from_finding(finding: sentences.Finding) -> Intent:
    topic = "any" if finding.intent is IntentValue.OPT_OUT and _says_everything(finding) else "marketing"
    return Intent(
        finding.intent,
        f"{finding.language}/sentence/{finding.pattern}",
        confidence=DOUBT if finding.intent is IntentValue.REVIEW else OF_A_SENTENCE,
        language=finding.language,
        explanation=of_finding(finding),
        topic=topic,
    )


def _says_everything(finding: sentences.Finding) -> bool:
    units = finding.quoted.split()
    groups = LEXICON.spaced_inside.inside(units) if units else ()
    return any(found[0].meaning is Meaning.EVERYTHING for found in groups)
