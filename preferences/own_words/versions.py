"""The versions of a brand's own words: append-only, the newest published one counts.

More opt-outs and fewer opt-ins only tighten: one person may publish them. What loosens (law 8) needs a second person,
unless the brand's policy says that one person works there.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from preferences.interpretation import OwnWord, OwnWords
from preferences.models import Brand, BrandWords, User, WordMeaning
from preferences.own_words.backtest import newest_replies
from preferences.own_words.checking import check
from preferences.wordings import needs_two_people

_MOST_REMEMBERED = 1_000
#: A version never changes, so what it compiles to is kept: by the id of its row, with what it was compiled from.
_compiled: dict[int, tuple[Any, OwnWords]] = {}
_SPACE = re.compile(r"\s+")


class WordsRefusedError(Exception):
    """The words cannot be written or published; `reasons` are sentences for staff."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


class Difference(NamedTuple):
    """What one list of words has and the other has not."""

    added: tuple[OwnWord, ...]
    removed: tuple[OwnWord, ...]

    @property
    def loosens(self) -> bool:
        """Whether somebody may come to be messaged who would not be now: an opt-in more, or an opt-out less. A word that
        only changes its language stays what it is."""
        opt_ins = _spellings(self.added, WordMeaning.OPT_IN) - _spellings(self.removed, WordMeaning.OPT_IN)
        opt_outs = _spellings(self.removed, WordMeaning.OPT_OUT) - _spellings(self.added, WordMeaning.OPT_OUT)
        return bool(opt_ins or opt_outs)


def own_words_of(brands: Iterable[int]) -> Mapping[int, OwnWords]:
    """The words in force of each brand that has any, compiled; one query whatever the number of brands, none for none."""
    wanted = set(brands)
    if not wanted:
        return {}
    rows = newest_published().filter(brand__in=sorted(wanted)).values_list("pk", "brand_id", "number", "words")
    return {brand: _compile(pk, number, words) for pk, brand, number, words in rows if words}


def newest_published() -> QuerySet[BrandWords]:
    """Of each brand the version in force."""
    published = BrandWords.objects.exclude(published_at=None)
    return published.filter(~Exists(_later().exclude(published_at=None)))


def newest() -> QuerySet[BrandWords]:
    """Of each brand the version written last, whether it counts or waits."""
    return BrandWords.objects.filter(~Exists(_later()))


def _later() -> QuerySet[BrandWords]:
    return BrandWords.objects.filter(brand=OuterRef("brand"), number__gt=OuterRef("number"))


def in_force(brand: Brand) -> BrandWords | None:
    return newest_published().filter(brand=brand).first()


def words_of(version: BrandWords | None) -> tuple[OwnWord, ...]:
    """The words of a version; none of no version."""
    return _words(version.words) if version else ()


def tidy(words: Iterable[OwnWord]) -> tuple[OwnWord, ...]:
    """Words as they are kept: single spaces, none twice in a language, in the order of their spelling."""
    single: dict[tuple[str, str, str], OwnWord] = {}
    for word in words:
        clean = word._replace(spelling=_SPACE.sub(" ", word.spelling).strip())
        single.setdefault((clean.language, clean.meaning, clean.words or clean.spelling), clean)
    return tuple(sorted(single.values(), key=lambda word: (word.words, word.language, word.meaning)))


def difference(before: Iterable[OwnWord], after: Iterable[OwnWord]) -> Difference:
    old, new = tuple(before), tuple(after)
    return Difference(tuple(word for word in new if word not in old), tuple(word for word in old if word not in new))


def write(brand: Brand, words: Iterable[OwnWord], *, note: str, author: User, now: dt.datetime) -> BrandWords:
    """Keep a new version; it takes the place of any that waits.

    Raises WordsRefusedError if a word cannot be the brand's, or if nothing differs from the newest version.
    """
    wanted = tidy(words)
    with transaction.atomic():
        _lock(brand.pk)
        newest = BrandWords.objects.filter(brand=brand).order_by("-number").first()
        if wanted == words_of(newest):
            raise WordsRefusedError("These are the words of the newest version already. Add or remove one.")
        _refuse(brand, wanted, words_of(in_force(brand)))
        return BrandWords.objects.create(
            brand=brand,
            number=newest.number + 1 if newest else 1,
            words=[word._asdict() for word in wanted],
            note=note.strip()[:200],
            created_at=now,
            created_by=author,
        )


def publish(version: BrandWords, *, publisher: User, now: dt.datetime) -> None:
    """Let replies be judged with this version from now on.

    Raises WordsRefusedError if it is in force already, if a newer one was written, if a word can no longer be the brand's,
    or if its author publishes what loosens where two people are needed.
    """
    with transaction.atomic():
        _lock(version.brand_id)
        newest = BrandWords.objects.filter(brand=version.brand_id).order_by("-number").first()
        if newest is None or newest.pk != version.pk:
            raise WordsRefusedError("A newer version was written meanwhile. Publish that one.")
        if newest.published_at:
            raise WordsRefusedError("This version is published already.")
        wanted, current = words_of(newest), words_of(in_force(version.brand))
        loosens = difference(current, wanted).loosens
        if loosens and newest.created_by_id == publisher.pk and needs_two_people(version.brand):
            raise WordsRefusedError(
                "It adds an opt-in or takes an opt-out away, and you wrote it: somebody else must publish it."
            )
        _refuse(version.brand, wanted, current)
        BrandWords.objects.filter(pk=version.pk).update(published_at=now, published_by=publisher)
    version.published_at, version.published_by = now, publisher


def _refuse(brand: Brand, wanted: tuple[OwnWord, ...], current: tuple[OwnWord, ...]) -> None:
    if reasons := check(wanted, known=current, past=newest_replies(brand)):
        raise WordsRefusedError(*reasons)


def _lock(brand: int) -> None:
    """Two people at work on one brand's words take turns, so numbers have no gap and no version is overtaken unseen."""
    Brand.objects.select_for_update().get(pk=brand)


def _words(stored: Iterable[Mapping[str, str]]) -> tuple[OwnWord, ...]:
    return tuple(OwnWord(one["language"], one["meaning"], one["spelling"]) for one in stored)


def _compile(pk: int, number: int, stored: list[dict[str, str]]) -> OwnWords:
    known = _compiled.get(pk)
    if known and known[0] == (number, stored):
        return known[1]
    # A word that a newer desk can no longer compare is left out: the others must go on counting.
    own = OwnWords.of(number, [word for word in _words(stored) if word.words and word.meaning in WordMeaning.values])
    if len(_compiled) >= _MOST_REMEMBERED:
        _compiled.clear()
    _compiled[pk] = ((number, stored), own)
    return own


def _spellings(words: Iterable[OwnWord], meaning: WordMeaning) -> set[str]:
    return {word.words for word in words if word.meaning == meaning}
