"""How far an act reaches, and which acts cover a cell. Pure values; the rows that carry them are in `consents`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple, Protocol, TypeVar

from django.db import models

#: Sentinels for "any" (never NULL, so that unique constraints hold).
ANY_CONTROLLER = 0
ANY_BRAND = 0
#: A loosening act on a sender nobody has assigned to a brand opens no brand (law 7); assigning it writes its events anew.
NO_BRAND = -1
ANY = "any"

MARKETING = "marketing"
AD_SHARING = "ad_sharing"
SERVICE = "service"
RESERVED_TOPICS = frozenset({ANY, MARKETING, AD_SHARING, SERVICE})


class Channel(models.TextChoices):
    WHATSAPP = "whatsapp", "WhatsApp"
    SMS = "sms", "SMS"
    EMAIL = "email", "E-mail"
    VOICE = "voice", "Voice"
    PUSH = "push", "Push"


class Cell(NamedTuple):
    """One question: this brand of this controller, on this channel, about this topic."""

    controller: int
    brand: int
    channel: str
    topic: str


class Scope(NamedTuple):
    """{controller or brand} x {any channel or one} x {any topic, marketing and below, or one}.

    Stored as written, never expanded: it also covers brands, channels and topics created later.
    `brand` > 0 is one brand; `brand` 0 with a controller is all its brands; both 0 is every brand there is.
    """

    controller: int = ANY_CONTROLLER
    brand: int = ANY_BRAND
    channel: str = ANY
    topic: str = MARKETING

    def covers(self, cell: Cell) -> bool:
        """Whether a stop of this scope closes the cell."""
        return (
            (
                self.brand == cell.brand
                or (self.brand == ANY_BRAND and self.controller in {ANY_CONTROLLER, cell.controller})
            )
            and self.channel in {ANY, cell.channel}
            and topic_covers(self.topic, cell.topic)
        )

    def opens(self, cell: Cell) -> bool:
        """Whether an opt-in of this scope opens the cell.

        Consent to ad sharing is only ever given by naming it (11 CCR 7028: two steps). Coming back to marketing also
        ends "no messages at all" for service messages: it reopens what that stop had closed.
        """
        if cell.topic == AD_SHARING:
            return self.topic == AD_SHARING and self.covers(cell)
        if cell.topic == SERVICE and self.topic == MARKETING:
            return self.covers(Cell(cell.controller, cell.brand, cell.channel, MARKETING))
        return self.covers(cell)

    def contains(self, other: Scope) -> bool:
        """Whether every cell that `other` covers is covered by this scope too, as far as the two can tell."""
        is_any_brand = self.brand == ANY_BRAND and self.controller in {ANY_CONTROLLER, other.controller}
        is_that_brand = self.brand == other.brand != ANY_BRAND
        return (
            (is_any_brand or is_that_brand)
            and self.channel in {ANY, other.channel}
            and topic_covers(self.topic, other.topic)
        )


def topic_covers(outer: str, inner: str) -> bool:
    """`any` covers all topics; `marketing` covers every topic of the brand's own, also ones created later."""
    if outer in {ANY, inner}:
        return True
    return outer == MARKETING and inner not in {AD_SHARING, SERVICE, ANY}


class State(Protocol):
    """Anything that says what one scope was set to, and when."""

    @property
    def scope(self) -> Scope: ...
    @property
    def status(self) -> str: ...
    @property
    def effective_at(self) -> dt.datetime: ...


AnyState = TypeVar("AnyState", bound=State)


def deciding(states: Iterable[AnyState], cell: Cell) -> AnyState | None:
    """The newest state that covers the cell, the opt-out on a tie; None when nothing is known."""
    found: AnyState | None = None
    for state in states:
        is_stop = state.status == "opted_out"
        if not (state.scope.covers(cell) if is_stop else state.scope.opens(cell)):
            continue
        if found is None or (state.effective_at, is_stop) > (found.effective_at, found.status == "opted_out"):
            found = state
    return found
