"""The fold: what a subscriber's events amount to. Pure, commutative and idempotent; the order of rows never matters.

Events are ordered by (effective time, stop last): for one scope the newest decides, and on a tie the stop. A voided
event counts for nothing. YES to our question is an opt-in only if the person's last word before it, within a day, was
the request that made us ask. A hold ends by the release of its reply, by a stop from its review, or by a later opt-in as
wide as itself; never by the clock. A narrower opt-in (START opens WhatsApp alone) only comes first where it reaches, which
`eligibility` decides.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import NamedTuple

from preferences.models import ConsentStatus, EventKind, Scope

CLOSING = frozenset({EventKind.STOP, EventKind.WITHDRAWAL, EventKind.OBJECTION, EventKind.SALE_OPT_OUT})
STATUS_OF = {
    **dict.fromkeys(CLOSING, ConsentStatus.OPTED_OUT),
    EventKind.OPT_IN: ConsentStatus.OPTED_IN,
    EventKind.OPT_IN_ANSWER: ConsentStatus.OPTED_IN,
}
#: WhatsApp's own window for answering: a YES later than this answers something else.
ANSWERS_WITHIN = dt.timedelta(hours=24)


class Event(NamedTuple):
    """What the fold needs of one ledger row, stored or about to be."""

    position: int
    subscriber: uuid.UUID
    kind: str
    scope: Scope
    effective_at: dt.datetime
    source: str
    source_ref: bytes
    sender: int
    portfolio: int
    voids: int
    until: dt.datetime | None
    row_hash: bytes


class ConsentState(NamedTuple):
    scope: Scope
    status: str
    effective_at: dt.datetime
    event: int
    version: int


class PlatformState(NamedTuple):
    sender: int
    portfolio: int
    since: dt.datetime
    event: int


class HoldState(NamedTuple):
    reply: bytes
    scope: Scope
    since: dt.datetime
    event: int


class PauseState(NamedTuple):
    scope: Scope
    until: dt.datetime
    event: int


class Folded(NamedTuple):
    """The state of one subscriber: consents by scope, platform stops by sender, holds by reply, pauses by scope."""

    consents: dict[Scope, ConsentState]
    platform_stops: dict[int, PlatformState]
    holds: dict[bytes, HoldState]
    pauses: dict[Scope, PauseState]


NOTHING = Folded({}, {}, {}, {})


def fold(events: Iterable[Event]) -> Folded:
    """The state after `events`, given in any order."""
    everything = list(events)
    if not everything:
        return NOTHING
    ordered = effective(everything)
    return Folded(
        _consents(ordered, _versions(everything)),
        _platform_stops(ordered),
        _holds(ordered, everything),
        _pauses(ordered),
    )


def effective(events: Iterable[Event]) -> list[Event]:
    """The events that count, in the order in which they count: voided ones gone, a valid YES turned into an opt-in."""
    everything = list(events)
    if len(everything) == 1 and everything[0].kind != EventKind.OPT_IN_ANSWER:
        return everything  # most people say one thing, once
    voided = {event.voids for event in everything if event.kind == EventKind.CORRECTION}
    requested: dict[int, dt.datetime] = {}
    result = []
    for event in sorted((event for event in everything if event.position not in voided), key=_rank):
        if event.kind == EventKind.OPT_IN_REQUEST:
            requested[event.scope.brand] = event.effective_at
        elif event.kind in CLOSING:
            requested.clear()
        elif event.kind == EventKind.OPT_IN_ANSWER:
            asked_at = requested.pop(event.scope.brand, None)
            if asked_at is None or event.effective_at - asked_at > ANSWERS_WITHIN:
                continue
            event = event._replace(kind=EventKind.OPT_IN)  # noqa: PLW2901 (the event as it counts)
        result.append(event)
    return result


_LAST = frozenset({*CLOSING, EventKind.PLATFORM_STOP})
_FIRST = frozenset({EventKind.OPT_IN_REQUEST})


def _rank(event: Event) -> tuple[dt.datetime, int, int]:
    rank = 2 if event.kind in _LAST else 0 if event.kind in _FIRST else 1
    return event.effective_at, rank, event.position


def _versions(events: list[Event]) -> dict[Scope, int]:
    """Per scope the newest position that touched it; voiding an event touches the scope of its target."""
    scopes = {event.position: event.scope for event in events}
    versions: dict[Scope, int] = {}
    for event in events:
        scope = scopes.get(event.voids, event.scope) if event.kind == EventKind.CORRECTION else event.scope
        if event.kind in STATUS_OF or event.kind == EventKind.CORRECTION:
            versions[scope] = max(versions.get(scope, 0), event.position)
    return versions


def _consents(ordered: list[Event], versions: dict[Scope, int]) -> dict[Scope, ConsentState]:
    consents: dict[Scope, ConsentState] = {}
    for event in ordered:
        status = STATUS_OF.get(event.kind)  # type: ignore[call-overload]
        if status is None:
            continue
        before = consents.get(event.scope)
        if before and (before.effective_at, before.status) == (event.effective_at, status):
            continue  # the same again: the first one decided
        consents[event.scope] = ConsentState(
            event.scope, status, event.effective_at, event.position, versions[event.scope]
        )
    return consents


def _platform_stops(ordered: list[Event]) -> dict[int, PlatformState]:
    stops: dict[int, PlatformState] = {}
    for event in ordered:
        if event.kind == EventKind.PLATFORM_STOP:
            stops.setdefault(
                event.sender, PlatformState(event.sender, event.portfolio, event.effective_at, event.position)
            )
        elif event.kind == EventKind.PLATFORM_RESUME:
            stops.pop(event.sender, None)
    return stops


def _holds(ordered: list[Event], everything: list[Event]) -> dict[bytes, HoldState]:
    # A verdict that was corrected later still ended the review: nobody would ever settle that reply again.
    ended = {event.source_ref for event in everything if event.kind == EventKind.RELEASE or _is_verdict(event)}
    opened = [event for event in ordered if event.kind == EventKind.OPT_IN]
    holds = {}
    for event in ordered:
        if event.kind != EventKind.HOLD or event.source_ref in ended:
            continue
        if any(later.effective_at > event.effective_at and later.scope.contains(event.scope) for later in opened):
            continue
        holds[event.source_ref] = HoldState(event.source_ref, event.scope, event.effective_at, event.position)
    return holds


def _is_verdict(event: Event) -> bool:
    return event.source == "review" and event.kind in CLOSING


def _pauses(ordered: list[Event]) -> dict[Scope, PauseState]:
    return {
        event.scope: PauseState(event.scope, event.until, event.position)
        for event in ordered
        if event.kind == EventKind.PAUSE and event.until
    }
