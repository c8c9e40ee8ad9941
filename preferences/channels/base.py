"""What every door out has in common: one small class per channel, one error."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from preferences.credentials import Credentials
from preferences.models import DeliveryState, Portfolio, Sender
from preferences.models.blocks import Block, Blocked


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after each attempt that failed: `first` seconds times `factor` to the number of attempts before.

    With full jitter anything up to that; where the provider asks for a minimum, that and up to as much again.
    """

    first: float
    factor: float = 2.0
    is_minimum: bool = False
    #: No wait is longer: the person still waits for an answer.
    ceiling: float = 600.0

    def wait(self, attempts: int, *, draw: float) -> dt.timedelta:
        """The wait after `attempts` earlier failures; `draw` is a random number from 0 to 1."""
        most = min(self.first * self.factor ** min(attempts, 60), max(self.first, self.ceiling))
        return dt.timedelta(seconds=most * (1.0 + draw if self.is_minimum else draw))


class Reach(StrEnum):
    """Whom a stop is about: one number of ours, or everything that is sent with one account's credentials."""

    SENDER = "sender"
    PORTFOLIO = "portfolio"


@dataclass(frozen=True, slots=True)
class Stop:
    """Nothing more can be sent by the whole sender or portfolio for a while: the next attempt may come after `pause`."""

    reach: Reach
    pause: dt.timedelta

    def blocks(self, *, sender: int, portfolio: int, now: dt.datetime, reason: str) -> Blocked:
        """The sender or the portfolio, as far as this reaches, until the pause is over."""
        block = Block(now + self.pause, reason)
        return Blocked(Portfolio, portfolio, block) if self.reach == Reach.PORTFOLIO else Blocked(Sender, sender, block)


class ChannelError(Exception):
    """The message was certainly not sent. `is_permanent`: trying again is useless.

    `code` is the provider's. `stop` says that others would fare no better; then the message waits with them.
    `needs_template`: it would go as a template. `template_is`: the template itself cannot be used any more.
    """

    def __init__(
        self,
        message: str,
        *,
        is_permanent: bool,
        code: int = 0,
        backoff: Backoff | None = None,
        stop: Stop | None = None,
        needs_template: bool = False,
        template_is: str = "",
    ) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent
        self.code = code
        self.backoff = backoff or Backoff(1.0)
        self.stop = stop
        self.needs_template = needs_template
        self.template_is = template_is


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a text; `id` comes back when it is tapped (interpretation reads `optout:…` and `optin:…`)."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Template:
    """A wording the provider has approved, with the values for its places in order."""

    name: str
    language: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One text, or one template, to one person. `to` is E.164 or a BSUID, `sender` the provider's key of our number.

    `correlation_id` comes back with each status; it holds no personal data. With a template the text is not sent.
    """

    to: str = field(repr=False)
    sender: str
    text: str
    correlation_id: str
    buttons: tuple[Button, ...] = ()
    template: Template | None = None
    credentials: Credentials | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message: the state of its delivery, the provider's id if it gave one, an excerpt for staff.

    UNKNOWN when it may have been sent: it is never sent again, and a status may tell.
    """

    state: DeliveryState
    provider_id: str = ""
    excerpt: str = ""


class Channel(Protocol):
    """Sends one message. Raises ChannelError only when it is sure that nothing was sent.

    A channel asks no database: it may be called from a thread of its own.
    """

    def send(self, message: OutgoingMessage) -> Receipt: ...
