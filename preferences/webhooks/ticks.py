"""Ticks of a door: when something was seen that shows it to be set up right. Best effort, once a minute in a process."""

from __future__ import annotations

import datetime as dt
import logging

from django.db import DatabaseError

from preferences.models import DoorTick, Provider

logger = logging.getLogger(__name__)

#: The provider's handshake with the right token.
HANDSHAKE = "handshake"

_EVERY = dt.timedelta(minutes=1)
_written: dict[tuple[str, str], dt.datetime] = {}


def tick(provider: Provider, name: str, *, now: dt.datetime) -> None:
    """Remember that `name` was seen. The door answers whether or not this can be written."""
    last = _written.get((provider, name))
    if last and now - last < _EVERY:
        return
    try:
        DoorTick.objects.update_or_create(provider=provider, name=name, defaults={"seen_at": now})
    except DatabaseError:
        logger.warning("A tick of a door could not be written.", extra={"tick": name})
        return
    _written[provider, name] = now
