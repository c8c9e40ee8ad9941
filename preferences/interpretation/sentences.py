"""Whether a sentence asks for the end of messages: words of the vocabulary that stand close together in one clause.

First it is told which languages the message may be in, then each clause is read in these. What a clause asks is taken
for an opt-out only where nothing near it says otherwise: a condition, a limit, a question how, an order or a booking.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

from preferences.interpretation import normalisation
from preferences.interpretation.clauses import Clause
from preferences.interpretation.intents import IntentValue
from preferences.interpretation.parts import UNITS_PER_WORD, Asked, Part, parts_of
from preferences.interpretation.vocabulary import COURTESY, PER_SE, Language, Vocabulary

_MOST_LANGUAGES = 3
_FEW_WORDS = 2
#: Where a few short words fit several languages, one of these is likelier.
_LARGE = frozenset(
    {"en", "es", "fr", "pt", "de", "it", "ru", "ar", "hi", "bn", "ur", "id", "zh", "ja", "ko", "tr", "vi", "ta", "sw"}
)
_LARGE_BONUS = 0.4
_LIKELY = 0.9  # of the evidence for the likeliest language
_MOST_UNKNOWN = 5
UNKNOWN_SIGN = "¤nothing"
"""The one sign of a message in which no word is known to ask for anything."""

_ENDING = frozenset({"stop", "not", "no_more", "unwanted", "remove"})
_MESSAGING = frozenset({"messages", "send", "list"})
_OTHER_MATTERS = frozenset({"business", "everyday", "keep_going", "question", "condition"})


class Finding(NamedTuple):
    """What the sentences of a message ask for. `pattern` names the rule, `quoted` the words that fit it. `sister` is another
    language the message may be in, in which it says something else: `reason` is its doubt, `keep_going` or `business`."""

    intent: IntentValue
    pattern: str
    language: str
    quoted: str = ""
    sister: str = ""
    reason: str = ""

    def doubted_by(self, sister: str, reason: str) -> Finding:
        return self._replace(
            intent=IntentValue.REVIEW, pattern=f"{self.pattern}/other_language", sister=sister, reason=reason
        )


def languages_of(
    clauses: Iterable[Clause], vocabulary: Vocabulary, hint: str, *, may_ask_nothing: bool = False
) -> list[str]:
    """The languages a message is probably in, the likeliest first; none if no word could ask for anything, unless it
    `may_ask_nothing`. The hint counts only where its language knows about as much of the message as any other."""
    points: dict[str, float] = defaultdict(float)
    is_action = may_ask_nothing
    for clause in clauses:
        for word in clause.words:
            known = vocabulary[word]
            is_action = is_action or known.is_action
            for code, weight in known.evidence:
                points[code] += weight
            if not word.isascii() and normalisation.is_unspaced(word):
                is_action = True
                for code, letters in vocabulary.unspaced.items():
                    points[code] += sum(letter in letters for letter in word) / UNITS_PER_WORD
    if not is_action or not points:
        return []
    if hint in points and points[hint] >= max(points.values()) * _LIKELY:
        points[hint] += 1
    for code in _LARGE & points.keys():
        points[code] += _LARGE_BONUS
    best = max(points.values())
    likely = [code for code in points if points[code] >= best * _LIKELY]
    return sorted(likely, key=lambda code: (-points[code], code != "en", code))[:_MOST_LANGUAGES]


class Message:
    """A message read in the languages it is probably in."""

    def __init__(self, clauses: Sequence[Clause], vocabulary: Vocabulary, languages: Iterable[str]) -> None:
        readings = [_Reading(clauses, vocabulary, vocabulary.languages[code]) for code in languages]
        # The likeliest comes first, unless clearly more of the message means something in another one.
        self._readings = sorted(readings, key=lambda reading: reading.unknown // 2)
        self.language = self._readings[0].code if readings else ""

    def finding(self) -> Finding | None:
        """What it asks for in the likeliest language in which it asks for anything, None if in none."""
        findings = [reading.finding() for reading in self._readings]
        found = next((one for one in findings if one), None)
        if found is None or found.intent is not IntentValue.OPT_OUT:
            return found
        # A language that shares many words with the likeliest may know the one that says otherwise.
        for reading, other in zip(self._readings, findings, strict=True):
            if other and (other.intent is IntentValue.NONE or "/" in other.pattern):
                return found.doubted_by(reading.code, other.pattern.rpartition("/")[2])
        likeliest = self._readings[0]
        return found.doubted_by(likeliest.code, "business") if not findings[0] and likeliest.is_business else found

    def signs(self) -> list[str]:
        """What stands in it, alone and together in one clause, and how much of it is not understood; the same words in
        every language."""
        return self._readings[0].signs() if self._readings else [UNKNOWN_SIGN]

    @property
    def concepts(self) -> frozenset[str]:
        """What its words stand for in any of its languages."""
        return frozenset[str]().union(*(reading.concepts for reading in self._readings))

    @property
    def unknown(self) -> float:
        """How many of its words stand for nothing in the language in which the most do."""
        return min((reading.unknown for reading in self._readings), default=0.0)

    @property
    def is_business(self) -> bool:
        """Whether it speaks of orders, places, habits, or asks how things work: a stop word in it is none."""
        return any(reading.is_business for reading in self._readings)

    @property
    def has_stop(self) -> bool:
        """Whether a word stands in it that in some of its languages means stop or unsubscribe, and not "cancel" or "end"."""
        return any(reading.has_stop for reading in self._readings)


class _Reading:
    """All clauses of a message in one language."""

    def __init__(self, clauses: Sequence[Clause], vocabulary: Vocabulary, language: Language) -> None:
        self._language = language
        self._parts = [part for clause in clauses for part in parts_of(clause, vocabulary, language)]
        self._has = {concept for part in self._parts for concept in part.of}

    @property
    def code(self) -> str:
        return self._language.code

    @property
    def unknown(self) -> float:
        """How many words stand for nothing in this language."""
        return sum(part.unknown / part.scale for part in self._parts)

    @property
    def concepts(self) -> frozenset[str]:
        return frozenset(self._has)

    def signs(self) -> list[str]:
        found = {f"¤{concept}" for concept in self._has if concept != COURTESY}
        for part in self._parts:
            concepts = sorted(concept for concept in part.of if concept != COURTESY)
            found.update(f"¤{first}+{second}" for first, second in combinations(concepts, 2))
        return [*sorted(found), f"¤unknown {min(int(self.unknown), _MOST_UNKNOWN)}"]

    def finding(self) -> Finding | None:
        asked = [(part, found) for part in self._parts if (found := part.asked())]
        if asked:
            return self._judged(asked)
        if "stop" in self._has and self._has.isdisjoint(_OTHER_MATTERS) and (unwanted := self._unwanted(short=False)):
            return unwanted._replace(intent=IntentValue.OPT_OUT, pattern="stop_unwanted")
        if "keep_going" in self._has:
            return self._found(IntentValue.NONE, "keep_going", "keep_going")
        if any(part.is_kept for part in self._parts):
            return self._found(IntentValue.NONE, "keep_going", "not")
        if self._is_wrong_person_who_wants_an_end():
            return self._found(IntentValue.OPT_OUT, "wrong_person_stop", "wrong_person")
        for concept in ("wrong_person", "complaint"):
            if concept in self._has:
                return self._found(IntentValue.REVIEW, concept, concept)
        return self._unwanted(short=True) or self._unclear()

    def _judged(self, asked: list[tuple[Part, Asked]]) -> Finding:
        certain = [(part, found) for part, found in asked if not self._doubt(part, found)]
        part, found = (certain or asked)[0]
        doubt = self._doubt(part, found) if not certain else self._contradiction(part, found)
        intent = IntentValue.REVIEW if doubt else IntentValue.OPT_OUT
        pattern = f"{found.pattern}/{doubt}" if doubt else found.pattern
        return Finding(intent, pattern, self._language.code, part.text(found))

    def _doubt(self, part: Part, found: Asked) -> str:
        """What makes a wish uncertain where it is said."""
        if "question" in part:
            return "question"
        sentence = [other for other in self._parts if other.sentence == part.sentence]
        doubts = ("condition",) if found.pattern == "asks" else ("condition", "limits")
        doubt = next((concept for concept in doubts for other in sentence if concept in other), "")
        return doubt or ("of_what" if self._is_of_something_else(part, found) else "")

    def _is_of_something_else(self, part: Part, found: Asked) -> bool:
        if found.pattern == "unsubscribe":
            return not part.is_about_us
        return found.pattern == "plain_stop" and self._speaks_of_something_else(part)

    def _speaks_of_something_else(self, part: Part) -> bool:
        """ "Stop, I mixed up the size": much is said beside the word, or of an order, and nothing of messages."""
        beside = sum(other.unknown / other.scale for other in self._parts if other is not part)
        return (beside > _FEW_WORDS or "business" in self._has) and self._has.isdisjoint(
            _MESSAGING | {"unwanted", "no_more", "complaint", "wrong_person"}
        )

    def _contradiction(self, part: Part, found: Asked) -> str:
        if found.pattern == "do_not_send" and self._asks_otherwise(part):
            return "wants"
        return next((concept for concept in ("keep_going", "wants") if concept in self._has), "")

    def _asks_otherwise(self, part: Part) -> bool:
        """ "Don't call me, text me", "I don't want the blue one, send the green one": what follows begins with sending."""
        following = self._parts[self._parts.index(part) + 1 :][:1]
        return any(
            other.sentence == part.sentence
            and other.of.keys().isdisjoint(_ENDING | {"unsubscribe", "do_not_send", "asks"})
            and other.of["send"][0].start == 0
            for other in following
            if "send" in other
        )

    def _is_wrong_person_who_wants_an_end(self) -> bool:
        has = self._has
        return "wrong_person" in has and "business" not in has and bool({"stop", "remove", "no_more"} & has)

    def _unwanted(self, *, short: bool) -> Finding | None:
        """ "Not interested": a wish, but for what?"""
        if {"business", "question"} & self._has:
            return None
        for part in self._parts:
            found = part.alone("unwanted") or part.near("not", "want", 1)
            if (
                found
                and not self._asks_otherwise(part)
                and (not short or part.size <= found.end - found.start + 2 * part.scale)
            ):
                return Finding(IntentValue.REVIEW, "unwanted", self._language.code, part.text(found))
        return None

    def _unclear(self) -> Finding | None:
        """A clause that says no, and speaks of messages, in a way no pattern knows."""
        if not self._has.isdisjoint(_OTHER_MATTERS | {"wants"}):
            return None
        for part in self._parts:
            concepts = part.of.keys()
            if not concepts.isdisjoint(_ENDING) and not concepts.isdisjoint(_MESSAGING):
                concept = next(one for one in part.of if one in _ENDING)
                return self._found(IntentValue.REVIEW, "unclear", concept)
        return None

    def _found(self, intent: IntentValue, pattern: str, concept: str) -> Finding:
        part, found = next((part, found) for part in self._parts if (found := part.alone(concept)))
        return Finding(intent, pattern, self._language.code, part.text(found))

    @property
    def has_stop(self) -> bool:
        is_plain = any(part.is_plain and PER_SE in part for part in self._parts)
        return is_plain or not self._has.isdisjoint({"stop", "unsubscribe", "do_not_send", "asks"})

    @property
    def is_business(self) -> bool:
        return not self._has.isdisjoint(_OTHER_MATTERS)
