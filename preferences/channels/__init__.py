"""Doors out. Only here is anything sent to the outside world."""

from __future__ import annotations

from preferences.channels.base import (
    Backoff,
    Button,
    Channel,
    ChannelError,
    OutgoingMessage,
    Reach,
    Receipt,
    Stop,
    Template,
)
from preferences.channels.console import ConsoleChannel
from preferences.channels.graph import Connections
from preferences.channels.subscription import Subscription, subscription_of
from preferences.channels.whatsapp import WhatsAppChannel
from preferences.models import ChannelKind

_CHANNELS: dict[str, type[Channel]] = {ChannelKind.CONSOLE: ConsoleChannel}


def channel_for(kind: str, connections: Connections) -> Channel:
    """The channel of a destination's kind. Raises KeyError for a kind this version does not know.

    Calls that come close together share `connections`.
    """
    return WhatsAppChannel(connections) if kind == ChannelKind.WHATSAPP else _CHANNELS[kind]()


def is_remote(kind: str) -> bool:
    """Whether a call of this channel waits for somebody else, so that several are made at a time."""
    return kind == ChannelKind.WHATSAPP


__all__ = [
    "Backoff",
    "Button",
    "Channel",
    "ChannelError",
    "Connections",
    "OutgoingMessage",
    "Reach",
    "Receipt",
    "Stop",
    "Subscription",
    "Template",
    "channel_for",
    "is_remote",
    "subscription_of",
]
