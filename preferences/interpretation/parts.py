"""One clause in one language: what its words stand for, and what these together ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from preferences.interpretation.clauses import Clause
from preferences.interpretation.vocabulary import COURTESY, PER_SE, Hit, Known, Language, Vocabulary

UNITS_PER_WORD = 3
"""Characters that count as a word where no spaces are written."""
_SHORT_CLAUSE = 4
_MOST_HITS = 64
#: A clause that has nothing but these says nothing about orders, places or habits.
_PLAIN = frozenset({"stop", "unsubscribe", "no_more", "me", "want", "common", "messages", "list", PER_SE, COURTESY})
#: Patterns that say the opposite when they are denied.
_ENDED = frozenset({"remove_from_list", "remove_me", "unsubscribe", "stop_sending", "stop_messages"})
_NOT = frozenset({"not", "common"})


class Asked(NamedTuple):
    """What is asked in a clause: the name of the pattern, and from where to where its words stand."""

    pattern: str
    start: int
    end: int


class Part:
    """One clause in one language: its units and what they stand for."""

    def __init__(self, units: Sequence[str], hits: list[Hit], sentence: int, scale: int) -> None:
        self.units = units
        self.sentence = sentence
        self.scale = scale
        self.size = len(units) - sum(hit.end - hit.start for hit in hits if COURTESY in hit.concepts)
        self.hits = hits
        self.of: dict[str, list[Hit]] = defaultdict(list)
        for hit in hits:
            for concept in hit.concepts:
                if len(self.of[concept]) < _MOST_HITS:
                    self.of[concept].append(hit)

    def __contains__(self, concept: str) -> bool:
        return concept in self.of

    def near(self, first: str, second: str, words: int) -> Asked | None:
        """A hit of each with at most so many words between them."""
        if first not in self.of or second not in self.of:
            return None
        for one in self.of[first]:
            for other in self.of[second]:
                start, end = min(one.start, other.start), max(one.end, other.end)
                if one is other or end - start - (one.end - one.start) - (other.end - other.start) > words * self.scale:
                    continue
                return Asked("", start, end)
        return None

    def alone(self, concept: str) -> Asked | None:
        hits = self.of.get(concept)
        return Asked("", hits[0].start, hits[-1].end) if hits else None

    def touches(self, concept: str, asked: Asked, words: int) -> bool:
        """Whether a hit of the concept stands in or beside what is asked."""
        reach = words * self.scale
        return any(
            hit.start - reach <= asked.end and hit.end + reach >= asked.start for hit in self.of.get(concept, ())
        )

    @property
    def unknown(self) -> int:
        """How many of its words (or characters) stand for nothing that is known."""
        return len(self.units) - len({place for hit in self.hits for place in range(hit.start, hit.end)})

    @property
    def is_about_us(self) -> bool:
        """Whether what it says of unsubscribing can only be about messages: it names them, or the person, or nothing."""
        names_us = "messages" in self or "list" in self or self.near("unsubscribe", "me", 1) is not None
        return names_us or self.unknown <= 2 * self.scale

    @property
    def is_plain(self) -> bool:
        """Whether it is short and every word of it is known to say nothing else."""
        return (
            self.is_below(_SHORT_CLAUSE + 1) and not self.unknown and all(hit.concepts <= _PLAIN for hit in self.hits)
        )

    def is_below(self, words: int) -> bool:
        return self.size <= words * self.scale

    @property
    def is_to_me(self) -> bool:
        """Whether what is said of sending can be about messages to the person."""
        return self.is_below(_SHORT_CLAUSE) or not self.of.keys().isdisjoint({"messages", "me", "no_more"})

    @property
    def is_mine(self) -> bool:
        return "me" in self or self.is_below(_SHORT_CLAUSE)

    def asked(self) -> Asked | None:
        """What ends messages in this clause, looked at by itself."""
        concepts = self.of.keys()
        for pattern, needed, find in _PATTERNS:
            if needed <= concepts and (found := find(self)) and not self._is_about_business(pattern, found):
                return None if self._is_negated(pattern, found) else found._replace(pattern=pattern)
        return None

    @property
    def is_kept(self) -> bool:
        """Whether it says not to end messages: "do not take me off the list"."""
        return "not" in self and any(
            needed <= self.of.keys() and (found := find(self)) and self._is_negated(pattern, found)
            for pattern, needed, find in _PATTERNS
        )

    def _is_negated(self, pattern: str, asked: Asked) -> bool:
        """Whether what would end messages is denied: a plain "not" stands in it or right before it, or "don't remove me"."""
        if any(hit.end == asked.start for hit in self.of.get("keep_going", ())):
            return True
        nots = [hit for hit in self.of.get("not", ()) if hit.concepts <= _NOT]
        if pattern == "asks":  # "not from the list" says what is not to be removed; "not to be in the list" asks
            return "remove" in self and any(hit.end == asked.start for hit in nots)
        return pattern in _ENDED and any(
            hit.end == asked.start or (asked.start < hit.start and hit.end < asked.end) for hit in nots
        )

    def not_wanted(self, concept: str, words: int) -> Asked | None:
        wanted = self.near("not", "want", 2)
        what = self.near("want", concept, words)
        if wanted is None or what is None:
            return None
        return Asked("", min(wanted.start, what.start), max(wanted.end, what.end))

    def _is_everyday(self, asked: Asked) -> bool:
        """Whether a phrase of daily talk is among the words that ask, or holds their beginning."""
        return any(
            (asked.start <= hit.start and hit.end <= asked.end) or (hit.start <= asked.start < hit.end)
            for hit in self.of.get("everyday", ())
            if len(hit.concepts) == 1
        )

    def _is_about_business(self, pattern: str, asked: Asked) -> bool:
        if pattern == "asks":
            return False
        if self._is_everyday(asked):
            return True
        if "business" not in self or "messages" in self:
            return False
        if pattern == "unsubscribe":  # from a plan, a gym, a channel: only "unsubscribe me" is surely about us
            return self.near("unsubscribe", "me", 0) is None
        if pattern == "remove_from_list" and len(self.of["list"]) > 1:  # "my mobile number from your list"
            return False
        return self.touches("business", asked, 3)

    def text(self, asked: Asked) -> str:
        joiner = " " if self.scale == 1 else ""
        return joiner.join(self.units[asked.start : asked.end])


#: What ends messages, the surest first: the name of the pattern, the concepts it needs, and where they must stand.
_PATTERNS: tuple[tuple[str, frozenset[str], Callable[[Part], Asked | None]], ...] = (
    ("asks", frozenset({"asks"}), lambda part: part.alone("asks")),
    ("do_not_send", frozenset({"do_not_send"}), lambda part: part.alone("do_not_send")),
    ("stop_sending", frozenset({"stop", "send"}), lambda part: part.near("stop", "send", 4)),
    ("stop_messages", frozenset({"stop", "messages"}), lambda part: part.near("stop", "messages", 5)),
    ("no_more_messages", frozenset({"no_more", "messages"}), lambda part: part.near("no_more", "messages", 4)),
    ("no_more_messages", frozenset({"no_more", "send"}), lambda part: part.near("no_more", "send", 3)),
    ("do_not_send", frozenset({"not", "send"}), lambda part: part.near("not", "send", 3) if part.is_to_me else None),
    ("unwanted_messages", frozenset({"unwanted", "messages"}), lambda part: part.near("unwanted", "messages", 6)),
    ("unwanted_messages", frozenset({"unwanted", "send"}), lambda part: part.near("unwanted", "send", 5)),
    ("unwanted_messages", frozenset({"not", "want", "messages"}), lambda part: part.not_wanted("messages", 6)),
    ("unwanted_messages", frozenset({"not", "want", "send"}), lambda part: part.not_wanted("send", 4)),
    (
        "remove_from_list",
        frozenset({"remove", "list"}),
        lambda part: part.near("remove", "list", 5) if part.is_mine else None,
    ),
    ("remove_me", frozenset({"remove", "me"}), lambda part: part.near("remove", "me", 1) if part.is_below(7) else None),
    (
        "no_messages",
        frozenset({"not", "messages"}),
        lambda part: part.near("not", "messages", 1) if part.is_below(5) else None,
    ),
    ("unsubscribe", frozenset({"unsubscribe"}), lambda part: part.alone("unsubscribe")),
    ("plain_stop", frozenset({"stop", PER_SE}), lambda part: part.alone("stop") if part.is_plain else None),
)


def parts_of(clause: Clause, vocabulary: Vocabulary, language: Language) -> Iterator[Part]:
    """The clause as the language reads it, cut where another thought begins."""
    if language.spaces:
        units: Sequence[str] = clause.words
        atoms = [_atoms(vocabulary[word], word) for word in clause.words]
        scale = 1
    else:
        units = "".join(clause.words)
        atoms = _characters(units)
        scale = UNITS_PER_WORD
    hits = language.hits(atoms)
    start = 0
    for joiner in [hit for hit in hits if "joiner" in hit.concepts and len(hit.concepts) == 1]:
        yield _part(units, hits, start, joiner.start, clause.sentence, scale)
        start = joiner.end
    yield _part(units, hits, start, len(units), clause.sentence, scale)


def _part(units: Sequence[str], hits: list[Hit], start: int, end: int, sentence: int, scale: int) -> Part:
    inside = [
        Hit(hit.start - start, hit.end - start, hit.concepts) for hit in hits if hit.start >= start and hit.end <= end
    ]
    return Part(units[start:end], inside, sentence, scale)


def _atoms(known: Known, word: str) -> tuple[str, ...]:
    return known.atoms or (word,)


def _characters(word: str) -> list[tuple[str, ...]]:
    return [(character,) for character in word]
