"""Doors out. Only here is anything sent to the outside world."""

from __future__ import annotations

from dataclasses import dataclass

from preferences.channels.base import Channel, ChannelError, OutgoingMessage, Receipt
from preferences.channels.console import ConsoleChannel
from preferences.models import ChannelKind, Portfolio

_CHANNELS: dict[str, type[Channel]] = {ChannelKind.CONSOLE: ConsoleChannel}


def channel_for(kind: str) -> Channel:
    """The channel of a destination's kind. Raises KeyError for a kind this version does not know."""
    return _CHANNELS[kind]()


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which apps the provider calls for an account. `error` is in words, empty when the answer is known."""

    is_subscribed: bool
    apps: tuple[str, ...] = ()
    error: str = ""


def subscription_of(portfolio: Portfolio) -> Subscription:
    """Ask the provider whether it calls us for this account. Raises ChannelError when it cannot be asked."""
    raise ChannelError("No access token is set for this portfolio, so the provider cannot be asked.", is_permanent=True)


__all__ = ["Channel", "ChannelError", "OutgoingMessage", "Receipt", "Subscription", "channel_for", "subscription_of"]
