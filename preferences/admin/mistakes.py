"""How often each rule was right, counted from what people undid and settled. Three queries, whatever the number of replies.

The first reads the index `replies_that_tightened` alone; one that asks for a brand or for versions reads its rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count, QuerySet

from preferences.interpretation import IntentValue
from preferences.models import Brand, Example, ExampleSource, Reply, ReviewOutcome

#: Fewer cases say nothing in percent.
FEWEST = 20
_TIGHTENED = [IntentValue.OPT_OUT.value, IntentValue.REVIEW.value]


@dataclass(slots=True)
class OptOuts:
    """Replies that one rule took for opt-outs in one language, and how many of them people undid."""

    rule: str
    language: str
    number: int = 0
    undone: int = 0

    @property
    def share(self) -> float | None:
        return self.undone / self.number if self.number >= FEWEST else None


@dataclass(slots=True)
class Reviews:
    """Replies that one rule found doubtful in one language, and what became of them."""

    rule: str
    language: str
    number: int = 0
    by_person: int = 0
    by_deadline: int = 0
    refused: int = 0

    @property
    def opt_outs(self) -> int:
        return self.by_person + self.by_deadline

    @property
    def waiting(self) -> int:
        return self.number - self.opt_outs - self.refused

    @property
    def share(self) -> float | None:
        """How many of the settled ones became opt-outs."""
        settled = self.opt_outs + self.refused
        return self.opt_outs / settled if settled >= FEWEST else None


@dataclass(slots=True)
class Mistakes:
    """What is known of a period. `languages` are all that occur in it, whichever was asked for."""

    opt_outs: list[OptOuts] = field(default_factory=list)
    reviews: list[Reviews] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    versions: list[tuple[int, str, int]] = field(default_factory=list)

    @property
    def all_opt_outs(self) -> OptOuts:
        total = OptOuts("", "")
        for one in self.opt_outs:
            total.number += one.number
            total.undone += one.undone
        return total

    @property
    def all_reviews(self) -> Reviews:
        total = Reviews("", "")
        for one in self.reviews:
            total.number += one.number
            total.by_person += one.by_person
            total.by_deadline += one.by_deadline
            total.refused += one.refused
        return total


def count(since: dt.datetime, *, brand: Brand | None = None, language: str | None = None) -> Mistakes:
    """Count the replies received since then, of one brand and in one language if asked."""
    replies = Reply.objects.filter(received_at__gte=since, intent__in=_TIGHTENED)
    # An example is never older than its reply, so the index by time leads to all of them.
    undone = Example.objects.filter(
        created_at__gte=since, received_at__gte=since, source=ExampleSource.CORRECTION, judged=IntentValue.OPT_OUT
    )
    if brand:
        replies, undone = replies.filter(sender__brand=brand), undone.filter(brand=brand)
    opt_outs, reviews = _judged(replies)
    for rule, code, number in undone.values_list("rule", "language").annotate(number=Count("pk")).order_by():
        if (rule, code) in opt_outs:
            opt_outs[rule, code].undone = number
    languages = sorted({code for _, code in (*opt_outs, *reviews)})
    wanted = languages if language is None else [language]
    return Mistakes(
        opt_outs=[one for one in opt_outs.values() if one.language in wanted],
        reviews=[one for one in reviews.values() if one.language in wanted],
        languages=languages,
        versions=_versions(replies if language is None else replies.filter(language=language)),
    )


def _judged(replies: QuerySet[Reply]) -> tuple[dict[tuple[str, str], OptOuts], dict[tuple[str, str], Reviews]]:
    opt_outs: dict[tuple[str, str], OptOuts] = {}
    reviews: dict[tuple[str, str], Reviews] = {}
    groups: Iterable[tuple[str, str, str, str, int]] = (
        replies.values_list("intent", "rule", "language", "review_outcome").annotate(number=Count("*")).order_by()
    )
    for intent, rule, language, outcome, number in groups:
        key = rule, language
        if intent == IntentValue.OPT_OUT:
            opt_outs.setdefault(key, OptOuts(*key)).number += number
            continue
        one = reviews.setdefault(key, Reviews(*key))
        one.number += number
        one.by_person += number * (outcome == ReviewOutcome.OPT_OUT)
        one.by_deadline += number * (outcome == ReviewOutcome.DEADLINE)
        one.refused += number * (outcome == ReviewOutcome.NOT_OPT_OUT)
    return opt_outs, reviews


def _versions(replies: QuerySet[Reply]) -> list[tuple[int, str, int]]:
    """Which classifier and words judged how many, the newest first."""
    groups = replies.values_list("classifier_version", "keywords_version").annotate(number=Count("*")).order_by()
    return sorted(groups, key=lambda group: (-group[0], -group[2], group[1]))
