"""Whole senders and portfolios that may send nothing for a while, because a provider said so."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable
from typing import NamedTuple

from django.db.models import Q

from preferences.models.brands import Portfolio, Sender

logger = logging.getLogger(__name__)


class Block(NamedTuple):
    """Nothing is sent before `until`; it ends by itself."""

    until: dt.datetime
    reason: str


class Blocked(NamedTuple):
    """One sender or portfolio (its model and id) that is blocked."""

    place: type[Sender] | type[Portfolio]
    pk: int
    block: Block


def write(told: Iterable[Blocked]) -> None:
    """Block what was told. Of several blocks of one place the longest stands, also one that stood before. For a handful:
    a query each, portfolios first and by id, so that two who do this at once do not wait for each other."""
    longest: dict[tuple[bool, int], Blocked] = {}
    for one in told:
        key = (one.place is Sender, one.pk)
        longest[key] = max(one, longest.get(key, one), key=lambda blocked: blocked.block)
    for _, (place, pk, block) in sorted(longest.items(), key=lambda item: item[0]):
        rows = place._default_manager.filter(Q(blocked_until=None) | Q(blocked_until__lt=block.until), pk=pk)
        if rows.update(blocked_until=block.until, blocked_reason=block.reason[:300]):
            logger.warning("Nothing is sent for a while.", extra={place._meta.model_name or "": pk})
