"""Whole senders and portfolios that may send nothing for a while, because a provider said so."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from typing import NamedTuple

from django.db.models import Q

from preferences.models.brands import Portfolio, Sender

logger = logging.getLogger(__name__)


class Block(NamedTuple):
    """Nothing is sent before `until`; it ends by itself."""

    until: dt.datetime
    reason: str


def block(model: type[Sender] | type[Portfolio], blocks: Mapping[int, Block]) -> None:
    """Block the rows with these ids. One that is blocked for longer already stays so. For a handful: a query each."""
    for pk, one in sorted(blocks.items()):
        rows = model._default_manager.filter(Q(blocked_until=None) | Q(blocked_until__lt=one.until), pk=pk)
        if rows.update(blocked_until=one.until, blocked_reason=one.reason[:300]):
            logger.warning("Nothing is sent for a while.", extra={model._meta.model_name or "": pk})
