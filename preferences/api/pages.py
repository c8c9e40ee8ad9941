"""How lists are read: page by page through everything, or what is new since a ledger position.

Positions have no gaps and are given in the order of commits, so whoever follows `since` misses nothing. A page examines a
bounded stretch of the table, so that its cost does not depend on how rare the things are that a filter asks for.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from preferences.models import ConsentEvent

DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
#: Rows that one page looks at, at most.
WINDOW = 50_000
#: Ways to turn the pages, beside the filters.
PAGING = ("since", "cursor", "limit")
_LARGEST = 2**63 - 1


class Page(NamedTuple):
    """One answer: `position` is up to where it is complete, `next` the address that goes on (None: that was all)."""

    results: Any
    position: int
    next: str | None


@dataclass(frozen=True, slots=True)
class Turn:
    """Which page is asked for. With `since` it is a delta; else `after` is the last row read, 0 at the beginning.

    `position` is where the ledger stood when the first page was read: changes after it are in the delta since then.
    """

    request: Request
    limit: int
    since: int | None
    after: int
    position: int

    def delta(self, results: Any, *, position: int, head: int) -> Page:
        following = self._address(since=position) if position < head else None
        return Page(results, position, following)

    def full(self, results: Any, *, last: int | None) -> Page:
        """`last` is the row to go on after, None at the end."""
        if last is None:
            return Page(results, self.position, None)
        cursor = _encode(last, self.position, _fingerprint(self.request))
        return Page(results, self.position, self._address(cursor=cursor))

    def _address(self, **changes: Any) -> str:
        query = self.request.query_params.copy()
        for name, value in changes.items():
            query[name] = str(value)
        return f"{self.request.path}?{query.urlencode()}"


def turn(request: Request, *, head: int, has_delta: bool = True) -> Turn:
    """Read `limit`, `since` and `cursor`. Raises ValidationError for what makes no sense."""
    query = request.query_params
    limit = _number(query, "limit", least=1, most=MAX_LIMIT) if "limit" in query else DEFAULT_LIMIT
    if "since" not in query:
        after, position = _decode(query["cursor"], _fingerprint(request)) if "cursor" in query else (0, head)
        return Turn(request, limit, None, after, position)
    if not has_delta:
        raise ValidationError({"since": "This list has no delta. Follow `events/` with `source=reply` instead."})
    if "cursor" in query:
        raise ValidationError({"cursor": "Use `since` for what is new or `cursor` to turn pages, not both."})
    since = _number(query, "since", least=0, most=_LARGEST)
    if since > head:
        raise ValidationError(
            {
                "since": f"The ledger ends at {head}, before this position, so it is another ledger. Read everything anew."
            }
        )
    return Turn(request, limit, since, 0, head)


def events_since(
    events: QuerySet[ConsentEvent], *, since: int, limit: int, head: int, is_narrow: bool = False
) -> tuple[list[ConsentEvent], int]:
    """The next of `events` after `since`, and the position up to which this is all of them.

    `is_narrow`: an index finds them however far they are apart, so no window is needed.
    """
    upto = head if is_narrow else min(head, since + WINDOW)
    rows = list(events.filter(position__gt=since, position__lte=upto).order_by("position")[:limit])
    return rows, (rows[-1].position if len(rows) == limit else upto)


def refuse_unknown(request: Request, known: Iterable[str]) -> None:
    """A filter nobody knows would answer too much, so it is refused; so is one given twice or empty."""
    names = sorted({*known, "format"})
    errors = {}
    for name, values in request.query_params.lists():
        shown = name if name.isprintable() and len(name) <= 50 else "query"
        if name not in names:
            errors[shown] = f"There is no such filter. Choose of: {', '.join(names)}."
        elif len(values) > 1:
            errors[shown] = "Give this once."
        elif not values[0].strip():
            errors[shown] = "This is empty. Give a value or leave it out."
    if errors:
        raise ValidationError(errors)


def _number(query: Any, name: str, *, least: int, most: int) -> int:
    text = query[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and least <= int(text) <= most):
        raise ValidationError({name: f"Give a whole number from {least} to {most}."})
    return int(text)


def _fingerprint(request: Request) -> str:
    """A cursor goes on with the same question, so it carries a hash of it."""
    asked = sorted((name, value) for name, value in request.query_params.items() if name not in {"cursor", "limit"})
    return hashlib.sha256(json.dumps([request.path, asked]).encode()).hexdigest()[:16]


def _encode(after: int, position: int, fingerprint: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([after, position, fingerprint]).encode()).decode().rstrip("=")


def _decode(text: str, fingerprint: str) -> tuple[int, int]:
    try:
        after, position, asked = json.loads(base64.urlsafe_b64decode(text[:200] + "=="))
        is_right = asked == fingerprint and all(type(one) is int and 0 <= one <= _LARGEST for one in (after, position))
    except (ValueError, TypeError, RecursionError):
        is_right = False
    if not is_right:
        raise ValidationError(
            {
                "cursor": "This is no cursor of this question. Take `next` as it is, with the filters it has, or begin anew."
            }
        )
    return after, position
