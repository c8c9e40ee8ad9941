"""What the page of a brand's own words shows: rows of the form, changes between versions, and the replies of a back-test.

Nothing here decides who may see it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import QueryDict
from django.utils.safestring import SafeString

from preferences import own_words
from preferences.admin import words as in_words
from preferences.admin.base import person_link
from preferences.interpretation import OwnWord
from preferences.interpretation.lexicon import LEXICON
from preferences.models import Brand, BrandWords, Subscriber, WordMeaning
from preferences.own_words import Backtest, Changed, Difference

EMPTY_ROWS = 3
MOST_EMPTY_ROWS = 30
MOST_SHOWN = 100
_MOST_VERSIONS = 50
_PARTS_OF_VERSION = ("brand", "created_by", "published_by")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the form. A word in force stays as it is or is removed; any other can still be edited."""

    index: int
    word: OwnWord
    is_in_force: bool
    is_removed: bool = False

    @property
    def group(self) -> str:
        return f"{LEXICON.names.get(self.word.language, self.word.language)}: {meaning_in_words(self.word.meaning)}"


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form."""

    rows: list[Row]
    note: str = ""
    size: int = own_words.SIZES[0]

    @property
    def words(self) -> tuple[OwnWord, ...]:
        return own_words.tidy(row.word for row in self.rows if row.word.spelling and not row.is_removed)

    @property
    def fingerprint(self) -> str:
        """Names the words, so that those that are saved are those that were tried."""
        return hashlib.sha256(json.dumps(self.words).encode()).hexdigest()[:16]

    @property
    def fixed(self) -> list[Row]:
        return [row for row in self.rows if row.is_in_force]

    @property
    def editable(self) -> list[Row]:
        return [row for row in self.rows if not row.is_in_force]


@dataclass(frozen=True, slots=True)
class Version:
    """One version with what it changed. `change` is None where the version before it is too old to be shown."""

    row: BrandWords
    number_of_words: int
    change: Difference | None

    @property
    def added(self) -> list[str]:
        return _named(self.change.added) if self.change else []

    @property
    def removed(self) -> list[str]:
        return _named(self.change.removed) if self.change else []


@dataclass(frozen=True, slots=True)
class Shown:
    """A reply that would change, ready to be shown side by side."""

    reply: int
    written: SafeString | str
    person: SafeString
    text: str
    before: SafeString
    after: SafeString
    why_before: str
    why_after: str


@dataclass(slots=True)
class Trial:
    """The outcome of trying a draft. `shown` stays empty for those who may not read replies."""

    complaints: list[str]
    backtest: Backtest
    change: Difference
    shown: list[Shown] = field(default_factory=list)

    @property
    def moves(self) -> list[tuple[SafeString, SafeString, str]]:
        return [(_badge(one.before), _badge(one.after), f"{one.number:,}") for one in self.backtest.moves]

    @property
    def total(self) -> str:
        return f"{self.backtest.total:,}"

    @property
    def same(self) -> str:
        return f"{self.backtest.same:,}"

    @property
    def hidden(self) -> str:
        """How many more would change than are shown; "" if all are."""
        number = len(self.backtest.changed) - len(self.shown)
        return f"{number:,}" if number else ""


def languages() -> list[tuple[str, str]]:
    return sorted(LEXICON.names.items(), key=lambda item: item[1])


def meanings() -> list[tuple[str, str]]:
    return [(value, meaning_in_words(value)) for value in WordMeaning.values]


def sizes() -> list[tuple[int, str]]:
    return [(size, f"{size:,}") for size in own_words.SIZES]


def meaning_in_words(meaning: str) -> str:
    return WordMeaning(meaning).label.lower() if meaning in WordMeaning.values else meaning


def draft_of(words: Iterable[OwnWord], known: Iterable[OwnWord], *, brand: Brand) -> Draft:
    """The form as it is opened: the words of the newest version, those in force that it lacks marked as removed."""
    wanted, current = list(words), list(known)
    lines = [(word, False) for word in wanted] + [(word, True) for word in current if word not in wanted]
    return Draft(_rows(lines, current, brand, EMPTY_ROWS))


def draft_posted(posted: QueryDict, known: Iterable[OwnWord], *, brand: Brand, more_rows: bool = False) -> Draft:
    """The form as it was sent, without the new words that were emptied."""
    columns = zip(posted.getlist("language"), posted.getlist("meaning"), posted.getlist("spelling"), strict=False)
    removed = set(posted.getlist("remove"))
    sent = [
        (OwnWord(language[:12], meaning[:20], spelling[:500]), str(index) in removed)
        for index, (language, meaning, spelling) in enumerate(columns)
    ]
    lines = [(word, is_removed) for word, is_removed in sent if word.spelling.strip()]
    empty = max(len(sent) - len(lines), EMPTY_ROWS) + (10 if more_rows else 0)
    size = posted.get("size", "")
    return Draft(
        _rows(lines, list(known), brand, min(empty, MOST_EMPTY_ROWS)),
        posted.get("note", "")[:200],
        int(size) if size in map(str, own_words.SIZES) else own_words.SIZES[0],
    )


def _rows(lines: Iterable[tuple[OwnWord, bool]], known: Sequence[OwnWord], brand: Brand, empty: int) -> list[Row]:
    """The lines in the order in which the form sends them, so that a tick names its line: first those in force."""
    current = set(known)
    rows = [Row(0, word, word in current, is_removed and word in current) for word, is_removed in lines]
    language = brand.language if brand.language in LEXICON.names else "en"
    rows += [Row(0, OwnWord(language, WordMeaning.OPT_OUT.value, ""), is_in_force=False)] * empty
    rows.sort(key=lambda row: (not row.is_in_force, row.is_in_force and (row.group, row.word.words)))
    return [replace(row, index=index) for index, row in enumerate(rows)]


def versions_of(brand: Brand) -> list[Version]:
    """The newest versions, each against the one that was in force before it."""
    rows = list(
        BrandWords.objects.filter(brand=brand).select_related(*_PARTS_OF_VERSION).order_by("-number")[:_MOST_VERSIONS]
    )
    found = []
    before: tuple[OwnWord, ...] | None = () if not rows or rows[-1].number == 1 else None
    for row in reversed(rows):
        words = own_words.words_of(row)
        found.append(Version(row, len(words), None if before is None else own_words.difference(before, words)))
        before = words if row.published_at else before
    return found[::-1]


def show(changed: Sequence[Changed]) -> tuple[list[Shown], list[Subscriber]]:
    """The first replies that would change and the people who wrote them, in two queries."""
    first = changed[:MOST_SHOWN]
    wrote = Subscriber.objects.filter(pk__any={one.past.subscriber for one in first})
    people = {one.pk: one for one in wrote.select_related("root").prefetch_related("root__identities")}
    shown = [
        Shown(
            reply=one.past.reply,
            written=in_words.moment(one.past.sent_at),
            person=person_link(people[one.past.subscriber]),
            text=one.past.text,
            before=_badge(one.before.intent),
            after=_badge(one.after.intent),
            why_before=one.before.explanation,
            why_after=one.after.explanation,
        )
        for one in first
    ]
    return shown, list({one.root_id: one.root for one in people.values()}.values())


def _badge(intent: Any) -> SafeString:
    return in_words.badge(*in_words.intent_in_words(intent))


def _named(words: Iterable[OwnWord]) -> list[str]:
    return [
        f"“{word.spelling}” ({meaning_in_words(word.meaning)}, {LEXICON.names.get(word.language, word.language)})"
        for word in words
    ]
