"""What every door out has in common: one small class per channel, one error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from preferences.models import DeliveryState


class ChannelError(Exception):
    """The message was certainly not sent. `is_permanent`: trying again is useless."""

    def __init__(self, message: str, *, is_permanent: bool) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One text to one person. `to` is E.164 or a BSUID, `sender` the provider's key of our number."""

    to: str
    sender: str
    text: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message: the state of its delivery, the provider's id if it gave one, an excerpt for staff."""

    state: DeliveryState
    provider_id: str = ""
    excerpt: str = ""


class Channel(Protocol):
    """Sends one message. Raises ChannelError only when it is sure that nothing was sent."""

    def send(self, message: OutgoingMessage) -> Receipt: ...
