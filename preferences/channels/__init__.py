"""Doors out. Only here is anything sent to the outside world."""

from __future__ import annotations

from preferences.channels.base import Channel, ChannelError, OutgoingMessage, Receipt
from preferences.channels.console import ConsoleChannel
from preferences.models import ChannelKind

_CHANNELS: dict[str, type[Channel]] = {ChannelKind.CONSOLE: ConsoleChannel}


def channel_for(kind: str) -> Channel:
    """The channel of a destination's kind. Raises KeyError for a kind this version does not know."""
    return _CHANNELS[kind]()


__all__ = ["Channel", "ChannelError", "OutgoingMessage", "Receipt", "channel_for"]
