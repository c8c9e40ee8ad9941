"""How well replies are understood: the mistakes of each rule and language, and which versions judged. Read only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from preferences.admin import mistakes, words
from preferences.admin.base import DeskAdmin
from preferences.admin.messages import NO_LANGUAGE
from preferences.interpretation import CLASSIFIER_VERSION, KEYWORDS_VERSION, IntentValue
from preferences.models import Brand, Example

PERIODS = (30, 90)
#: A table ends here; what is rarer is counted below it.
MOST_ROWS = 100
MOST_VERSIONS = 20
_TOO_FEW = "too few to tell"

Column = tuple[str, str, Callable[[Any], Any]]
_OF_EACH: list[Column] = [
    ("rule", "Rule", lambda one: one.rule),
    ("language", "Language", lambda one: words.language_in_words(one.language)),
]
_OPT_OUTS: list[Column] = [
    *_OF_EACH,
    ("number", "Opt-outs", lambda one: one.number),
    ("undone", "Undone by people", lambda one: one.undone),
    ("share", "Share undone", lambda one: one.share),
]
_REVIEWS: list[Column] = [
    *_OF_EACH,
    ("number", "Doubtful", lambda one: one.number),
    ("by_person", "Opt-outs by a person", lambda one: one.by_person),
    ("by_deadline", "Opt-outs by deadline", lambda one: one.by_deadline),
    ("share", "Share of opt-outs", lambda one: one.share),
    ("waiting", "Still waiting", lambda one: one.waiting),
]
_WORDS = {"rule", "language"}
_ABOUT_OPT_OUTS = "What people undid was a mistake of the rule."
_ABOUT_REVIEWS = (
    "A rule whose doubts nearly all become opt-outs could decide by itself; one whose doubts hardly ever do asks people in "
    "vain. The share is of those that are settled."
)


class Asked(NamedTuple):
    """What the page is asked for, as it stands in its address. `language` is None for all of them."""

    days: int
    brand: Brand | None
    language: str | None
    sort: str

    def url(self, **other: Any) -> str:
        """The address of this page with something else asked."""
        asked = self._replace(**other)
        query: dict[str, Any] = {"days": asked.days}
        if asked.brand:
            query["brand"] = asked.brand.slug
        if asked.language is not None:
            query["language"] = asked.language or NO_LANGUAGE
        if asked.sort:
            query["sort"] = asked.sort
        return f"?{urlencode(query)}"


class Heading(NamedTuple):
    """The head of a column: a link that sorts by it, and how the table is sorted now ("" if by another one)."""

    title: str
    url: str
    order: str
    is_number: bool


class Row(NamedTuple):
    """One rule in one language, with a link to the replies behind it."""

    rule: str
    code: str
    url: str
    language: str
    cells: list[tuple[str, str]]


class Table(NamedTuple):
    title: str
    about: str
    headings: list[Heading]
    rows: list[Row]
    more: int


@admin.register(Example)
class UnderstandingAdmin(DeskAdmin):
    """Whoever may see replies may see how well they are understood. The examples themselves are nowhere shown."""

    room = "How well replies are understood"

    def get_urls(self) -> list[URLPattern]:
        """One page: there is nothing to edit."""
        return [path("", self.admin_site.admin_view(self.overview), name="preferences_example_changelist")]

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.has_perm("preferences.view_reply"))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def overview(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        brands = list(Brand.objects.order_by("name", "pk"))
        asked = _asked(request.GET, brands)
        since = timezone.now() - dt.timedelta(days=asked.days)
        found = mistakes.count(since, brand=asked.brand, language=asked.language)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "room": self.room,
            "title": self.room,
            "asked": asked,
            "periods": [(days, asked.url(days=days), days == asked.days) for days in PERIODS],
            "brands": brands if len(brands) > 1 else [],
            "languages": _languages(found, asked),
            "opt_outs": found.all_opt_outs,
            "undone": _percent(found.all_opt_outs.share),
            "reviews": found.all_reviews,
            "became": _percent(found.all_reviews.share),
            "tables": _tables(found, asked),
            "versions": [(*version, _runs_now(*version[:2])) for version in found.versions[:MOST_VERSIONS]],
            "more_versions": max(len(found.versions) - MOST_VERSIONS, 0),
            "is_filtered": asked.brand is not None or asked.language is not None,
        }
        return TemplateResponse(request, "admin/preferences/example/overview.html", context)


def _asked(query: Mapping[str, str], brands: list[Brand]) -> Asked:
    days = query.get("days", "")
    slug, language = query.get("brand", ""), query.get("language", "")
    brand = next((one for one in brands if one.slug == slug), None)
    if slug and brand is None:
        raise Http404(f"There is no brand {slug}.")
    return Asked(
        days=int(days) if days in map(str, PERIODS) else PERIODS[0],
        brand=brand,
        language=None if not language else "" if language == NO_LANGUAGE else language,
        sort=query.get("sort", ""),
    )


def _runs_now(classifier: int, keywords: str) -> bool:
    """Whether these are the rules and the built-in words of the running code, whatever words a brand added ("…w3")."""
    built_in = keywords.partition("w")[0]
    return classifier == CLASSIFIER_VERSION and bool(built_in) and KEYWORDS_VERSION.startswith(built_in)


def _languages(found: mistakes.Mistakes, asked: Asked) -> list[tuple[str, str, bool]]:
    codes = {*found.languages, *([] if asked.language is None else [asked.language])}
    named = sorted((words.language_in_words(code), code) for code in codes)
    return [(code or NO_LANGUAGE, name, code == asked.language) for name, code in named]


def _tables(found: mistakes.Mistakes, asked: Asked) -> list[Table]:
    tables = [
        _table(
            "Taken for opt-outs", _ABOUT_OPT_OUTS, "opt_outs", _OPT_OUTS, found.opt_outs, IntentValue.OPT_OUT, asked
        ),
        _table("Found doubtful", _ABOUT_REVIEWS, "reviews", _REVIEWS, found.reviews, IntentValue.REVIEW, asked),
    ]
    return [table for table in tables if table.rows]


def _table(
    title: str, about: str, name: str, columns: list[Column], found: list[Any], intent: IntentValue, asked: Asked
) -> Table:
    by, is_ascending = _order(asked.sort, name, columns)
    value = next(value for key, _, value in columns if key == by)

    def place(one: Any) -> tuple[bool, Any]:
        known = value(one)
        return (known is not None) != is_ascending, known or 0  # what is not known comes last, whichever way

    found = sorted(found, key=lambda one: (one.rule, one.language))
    found.sort(key=lambda one: value(one) if by in _WORDS else place(one), reverse=not is_ascending)
    headings = [
        Heading(
            label,
            asked.url(sort=f"{name}.{_turned(key, by, is_ascending=is_ascending)}"),
            ("ascending" if is_ascending else "descending") if key == by else "",
            key not in _WORDS,
        )
        for key, label, _ in columns
    ]
    rows = [_row(one, columns, intent) for one in found[:MOST_ROWS]]
    return Table(title, about, headings, rows, len(found) - len(rows))


def _order(sort: str, name: str, columns: list[Column]) -> tuple[str, bool]:
    """The column a table is sorted by, and whether upwards; the most frequent first unless the address says otherwise."""
    table, _, key = sort.partition(".")
    by = key.removeprefix("-")
    if table != name or by not in {one for one, _, _ in columns}:
        return "number", False
    return by, not key.startswith("-")


def _turned(key: str, by: str, *, is_ascending: bool) -> str:
    """How a column sorts when its head is chosen: words upwards and numbers downwards first, then the other way."""
    is_upwards = not is_ascending if key == by else key in _WORDS
    return key if is_upwards else f"-{key}"


def _row(one: Any, columns: list[Column], intent: IntentValue) -> Row:
    query = urlencode({"intent": intent.value, "rule": one.rule, "language": one.language or NO_LANGUAGE})
    url = f"{reverse('admin:preferences_reply_changelist')}?{query}"
    cells = [
        (label, _percent(value(one)) if key == "share" else f"{value(one):,}")
        for key, label, value in columns
        if key not in _WORDS
    ]
    said = words.rule_in_words(one.rule)
    return Row(f"{said[:1].upper()}{said[1:]}", one.rule, url, words.language_in_words(one.language), cells)


def _percent(share: float | None) -> str:
    return _TOO_FEW if share is None else f"{share:.1%}"
