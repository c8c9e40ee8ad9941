"""What the words of each language stand for in a sentence: the `sentences` lists of the keyword files, made searchable.

A list says what its words mean for us (`send`, `messages`, `remove` …); which of them together ask for an end is decided
in `sentences`. An entry is a word or a phrase. `*` at the end of a word stands for any ending, at its beginning for any
beginning, and `…` inside a phrase for up to three words between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from preferences.interpretation import normalisation

CONCEPTS = {
    "stop": "tells somebody to cease doing something: stop, quit, cease",
    "not": "says no to what follows: don't, no, never",
    "no_more": "not any longer: no more, enough, anymore",
    "send": "sending, writing, calling, bothering, in the forms used when telling somebody to do it or not",
    "messages": "what is sent: messages, texts, ads, offers, newsletter",
    "want": "wanting, wishing, receiving, being interested",
    "unwanted": "not wanting, in one word or phrase: don't want, not interested",
    "remove": "taking off, deleting, excluding, forgetting",
    "list": "where people are listed: list, number, contacts, database, my data",
    "me": "the person: me, my",
    "unsubscribe": "ending a subscription to messages, and nothing else: unsubscribe, opt out",
    "do_not_send": "telling somebody not to send or write, in one word or phrase where the language has it",
    "asks": "a whole phrase that asks for the end of messages whatever else is said: leave me alone, lose my number",
    "wrong_person": "the message reached somebody else: wrong number, I am not Maria",
    "complaint": "anger about messages, with no clear wish: spam, too many messages, I will report you",
    "limits": "only then, only so often, only for now: so late, at night, today, right now, too often",
    "question": "asks for information: how, why, when, where, what happens",
    "condition": "if, unless, otherwise",
    "keep_going": "the opposite of stopping: don't stop, never stop, keep sending, do not remove me",
    "wants": "asks for messages: send me, start again, subscribe me",
    "business": "orders, bookings, deliveries, payments, things and places: order, parcel, refund, shop",
    "everyday": "phrases with a stop word that have nothing to do with messages: bus stop, stop by, did not",
    "joiner": "begins another thought: but, and, because",
    "common": "the most common small words, by which the language is told",
}
PER_SE, COURTESY = "per_se", "courtesy"
_KEYWORD = frozenset({PER_SE})
"""The opt-out keywords and the courtesy of the language, known to `Vocabulary.add` beside the lists of CONCEPTS."""
_ACTIONS = frozenset(
    {PER_SE, "stop", "no_more", "messages", "send", "unwanted", "remove", "unsubscribe", "do_not_send", "asks", "wrong_person",
     "complaint", "keep_going"}
)  # fmt: skip
_REMEMBERED_WORDS = 32_768
_SHORTEST_STEM = 2
_SURE_STEM = 4
_SHORTEST_SURE = 7
_ASCII = frozenset(map(chr, range(128)))
_STAR = "ꙮ"  # a letter nobody writes, which stands for "*" while punctuation is folded away
_STEM_WEIGHT = 0.99
_GAP_WORDS = 3
_UNITS_PER_WORD_UNSPACED = 3
_MOST_SHARING = 12
_BORROWED = 0.6
_SHORT_WORD = 2  # letters, of which many languages have one alike
GAP = "…"
_NOTHING: frozenset[str] = frozenset()


class EntryError(Exception):
    """An entry cannot be used: the list it stands in, the entry, and what is wrong with it."""

    def __init__(self, concept: str, entry: str, reason: str) -> None:
        super().__init__(f"“{entry}” in “{concept}”: {reason}")
        self.concept, self.entry, self.reason = concept, entry, reason


class Hit(NamedTuple):
    """Units (words, or characters where no spaces are written) of a clause that stand for something."""

    start: int
    end: int
    concepts: frozenset[str]


_NO_NODES: dict[str, _Node] = {}
"""What follows a last word: nothing. Shared, because there are very many last words."""


class _Node:
    __slots__ = ("after_gap", "concepts", "next")

    def __init__(self) -> None:
        self.next: dict[str, _Node] = _NO_NODES
        self.after_gap: _Node | None = None
        self.concepts: frozenset[str] = frozenset()


class Language:
    """The entries of one language as a tree of words (or characters)."""

    def __init__(self, code: str, entries: Sequence[tuple[str, str]], *, spaces: bool) -> None:
        self.code = code
        self.spaces = spaces
        self._entries = entries
        self._first: dict[str, _Node] | None = None
        self._gap = _GAP_WORDS if spaces else _GAP_WORDS * _UNITS_PER_WORD_UNSPACED

    def check(self) -> None:
        """Raises EntryError for the first entry that cannot be used."""
        for concept, text in self._entries:
            try:
                units_of(text, spaces=self.spaces)
            except ValueError as error:
                raise EntryError(concept, text, str(error)) from error

    def _tree(self) -> dict[str, _Node]:
        root = _Node()
        read = [(concept, units_of(text, spaces=self.spaces)) for concept, text in self._entries]
        messages = {units[0] for concept, units in read if concept == "messages" and len(units) == 1}
        written = ["".join(units) for concept, units in read if concept == "messages"]
        for concept, units in read:
            node = root
            for unit in units:
                if unit == GAP:
                    node.after_gap = node.after_gap or _Node()
                    node = node.after_gap
                    continue
                if node.next is _NO_NODES:
                    node.next = {}
                node = node.next.setdefault(unit, _Node())
            node.concepts |= {concept}
            if concept == "do_not_send" and (
                _names(messages, units) if self.spaces else any(part in "".join(units) for part in written)
            ):
                node.concepts |= {"messages"}  # the phrase covers the word that says what it is about
        self._entries = ()
        return root.next

    def hits(self, units: list[tuple[str, ...]]) -> list[Hit]:
        """The longest entry at each place, from left to right. What an entry covers belongs to it alone, but for what it
        lets stand between its words."""
        found = []
        if self._first is None:  # most processes meet few languages
            self._first = self._tree()
        first = self._first
        start, after = 0, len(units)
        while start < after:
            nodes = [(first[atom], _weight(atom)) for atom in units[start] if atom in first]
            if not nodes:
                start += 1
                continue
            end, concepts, has_gap = self._longest(units, start + 1, nodes)
            if concepts:
                found.append(Hit(start, end, concepts))
            start = end if concepts and not has_gap else start + 1
        return found

    def _longest(
        self, units: list[tuple[str, ...]], start: int, nodes: list[tuple[_Node, float]]
    ) -> tuple[int, frozenset[str], bool]:
        """The end and the concepts of the entry with the most words that goes on from one of the nodes, and whether it has
        a gap."""
        most, end, concepts, is_gapped = 0.0, start, _NOTHING, False
        waiting = [(start, node, weight, False) for node, weight in nodes]
        while waiting:
            at, node, words, has_gap = waiting.pop()
            if node.concepts and words >= int(most + 0.5) - 0.5:
                # A keyword written out stands for what a stem that fits it stands for, too.
                both = node.concepts | concepts if _KEYWORD in (node.concepts, concepts) else None
                if both and at == end and has_gap == is_gapped:
                    most, concepts = max(most, words), both
                elif words > most or (words == most and is_gapped and not has_gap):
                    most, end, concepts, is_gapped = words, at, node.concepts, has_gap
                elif words == most and is_gapped == has_gap:
                    end, concepts = max(end, at), node.concepts | concepts
            if node.next and at < len(units):
                following = node.next
                waiting += [
                    (at + 1, following[atom], words + _weight(atom), has_gap) for atom in units[at] if atom in following
                ]
            if node.after_gap is not None:
                following = node.after_gap.next
                for place in range(at, min(at + self._gap + 1, len(units))):
                    waiting += [
                        (place + 1, following[atom], words + _weight(atom), True)
                        for atom in units[place]
                        if atom in following
                    ]
        return end, concepts, is_gapped


def _names(words: set[str], units: Sequence[str]) -> bool:
    """Whether one of the units is one of the words, or fits one that is a stem."""
    return any(
        unit in words or any(f"{unit[:length]}*" in words for length in range(_SHORTEST_STEM, len(unit) + 1))
        for unit in units
    )


def _weight(atom: str) -> float:
    """A word written out goes before a stem that fits it, too."""
    return _STEM_WEIGHT if "*" in atom else 1.0


class Known(NamedTuple):
    """What is known of one word: the entries it fits (itself and stems), which languages have it, whether any of them
    has it in a list that can ask for something, and how much it speaks for which language."""

    atoms: tuple[str, ...]
    languages: frozenset[str]
    is_action: bool
    evidence: tuple[tuple[str, float], ...]


_UNKNOWN = Known((), frozenset(), is_action=False, evidence=())


class Vocabulary:
    """All languages together."""

    def __init__(self) -> None:
        self.languages: dict[str, Language] = {}
        self._languages_of: dict[str, set[str]] = defaultdict(set)
        self._actions: set[str] = set()
        self._inner: dict[str, list[str]] = defaultdict(list)
        self._longest_stem = 0
        self._remembered: dict[str, Known] = {}
        self.unspaced: dict[str, frozenset[str]] = {}

    def add_language(
        self, code: str, entries: Sequence[tuple[str, str]], *, spaces: bool, words: Iterable[str] = ()
    ) -> None:
        """Add a language with its entries (concept and text); `words` are evidence of it without standing for anything."""
        self.languages[code] = Language(code, entries, spaces=spaces)
        if not spaces:
            self.unspaced[code] = frozenset("".join(text for _, text in entries)) - _ASCII
        actions = _words_in(text for concept, text in entries if concept in _ACTIONS)
        others = _words_in([*(text for concept, text in entries if concept not in _ACTIONS), *words])
        for word in actions | others:
            # Where no spaces are, only words in Latin letters are words.
            if spaces or word.isascii():
                self._know(code, word)
        self._actions |= {word for word in actions if spaces or word.isascii()}

    @property
    def actions(self) -> set[str]:
        """The words that can ask for something. In most scripts but Latin, short ones are too near to others to be meant."""
        return {word for word in self._actions if word.isascii() or len(word) >= _SHORTEST_SURE}

    def _know(self, code: str, word: str) -> None:
        is_new = word not in self._languages_of
        self._languages_of[word].add(code)
        if is_new and word.startswith("*"):
            self._inner[word[1:3]].append(word)
        elif word.endswith("*"):
            self._longest_stem = max(self._longest_stem, len(word) - 1)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and bool(self[word].languages)

    def __getitem__(self, word: str) -> Known:
        known = self._remembered.get(word)
        if known is None:
            known = self._look_up(word)
            if len(self._remembered) < _REMEMBERED_WORDS:
                self._remembered[word] = known
        return known

    def _look_up(self, word: str) -> Known:
        atoms = dict.fromkeys(atom for atom in self._candidates(word) if atom in self._languages_of)
        if not atoms:
            return _UNKNOWN
        languages = frozenset(code for atom in atoms for code in self._languages_of[atom])
        is_action = any(atom in self._actions for atom in atoms)
        return Known(tuple(atoms), languages, is_action, _evidence(languages, 1 if len(word) > _SHORT_WORD else 0.5))

    def _candidates(self, word: str) -> Iterator[str]:
        yield word
        for length in range(_SHORTEST_STEM, min(len(word), self._longest_stem) + 1):
            yield word[:length] + "*"
        for start in range(len(word) - 1):
            for inner in self._inner.get(word[start : start + 2], ()):
                middle = inner.strip("*")
                if word.startswith(middle, start) and (inner.endswith("*") or start + len(middle) == len(word)):
                    yield inner


class SureWords:
    """The words that are surely known: written out in a list, or by a stem long enough not to fit by chance."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def __contains__(self, word: object) -> bool:
        if not isinstance(word, str):
            return False
        return any(atom == word or len(atom.strip("*")) >= _SURE_STEM for atom in self._vocabulary[word].atoms)


def _evidence(languages: frozenset[str], weight: float) -> tuple[tuple[str, float], ...]:
    """How much a word speaks for each of its languages: the more, the fewer share it. What very many share ("message",
    "spam") was borrowed from English, and says little."""
    if len(languages) > _MOST_SHARING:
        return (("en", _BORROWED),) if "en" in languages else ()
    return tuple((code, weight * (1 + 1 / len(languages))) for code in sorted(languages))


def units_of(entry: str, *, spaces: bool) -> list[str]:
    """The entry as it is compared: normalised words with their stars, or characters. Raises ValueError, saying what is
    wrong with it."""
    parts = entry.replace("...", GAP).split()
    units: list[str] = []
    for part in parts:
        if part == GAP:
            if not units:
                raise ValueError("“…” must stand between words")
            units.append(GAP)
            continue
        before, after = part.startswith("*"), part.endswith("*")
        words = list(_normalised(part))
        if not words:
            continue
        if not spaces:
            if before or after:
                raise ValueError("“*” has no use in a language without spaces")
            units.extend("".join(words))
            continue
        words[0] = f"*{words[0]}" if before else words[0]
        words[-1] = f"{words[-1]}*" if after else words[-1]
        if any(len(word.strip("*")) < _SHORTEST_STEM for word in words if "*" in word):
            raise ValueError("a word with “*” needs at least two letters")
        units.extend(words)
    if not units or units[-1] == GAP:
        raise ValueError("it has no words, or ends with “…”")
    if all(unit.isdigit() or unit == GAP for unit in units):
        raise ValueError("a number alone says nothing")
    return units


def _words_in(texts: Iterable[str]) -> set[str]:
    """All words of many entries, with their stars: normalised together, which is much quicker than one by one."""
    together = " ".join(texts).replace("*", _STAR).replace("...", " ").replace(GAP, " ")
    return {word.replace(_STAR, "*") for word in normalisation.normalise(together).split()}


@cache
def _normalised(part: str) -> tuple[str, ...]:
    # The same words come again and again in the phrases of a language; the files are ours, so there are only so many.
    return tuple(normalisation.normalise(part).split())
