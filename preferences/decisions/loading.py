"""What one batch of acts needs to know, loaded in a fixed number of queries under the subscribers' locks."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from preferences.decisions.acts import StalePersonError
from preferences.decisions.fold import CLOSING, ConsentState, Event, Folded, HoldState, PauseState, PlatformState
from preferences.models import (
    Consent,
    ConsentEvent,
    EventKind,
    Hold,
    Identity,
    Pause,
    PlatformStop,
    Scheme,
    Scope,
    Subscriber,
    batches,
)


class Member(NamedTuple):
    id: int
    public_id: uuid.UUID
    root: int
    locale: str
    country: str


@dataclass(slots=True)
class Loaded:
    """Everybody a batch touches: `members` of each person, their events and those carried over, and the stored rows.

    `heirs` says who now has a number of an earlier holder, and until when that holder's stops stay on it.
    """

    members: dict[int, Member] = field(default_factory=dict)
    events: dict[int, list[Event]] = field(default_factory=lambda: defaultdict(list))
    heads: dict[uuid.UUID, bytes] = field(default_factory=dict)
    recorded: dict[tuple[str, bytes], int] = field(default_factory=dict)
    stored: dict[int, Folded] = field(default_factory=dict)
    strays: dict[int, Folded] = field(default_factory=dict)
    heirs: dict[uuid.UUID, list[tuple[int, dt.datetime]]] = field(default_factory=lambda: defaultdict(list))

    def root_of(self, subscriber: int) -> int:
        return self.members[subscriber].root


def lock(subscribers: Iterable[int]) -> None:
    """Lock these people (their roots) in id order. Must run inside a transaction, before anything about them is read."""
    roots = Subscriber.objects.filter(pk__any=set(subscribers)).order_by().values("root_id")
    batches.read(Subscriber.objects.filter(pk__in=roots).order_by("pk").select_for_update().values_list("pk"))


def later_holders(subscribers: Iterable[int]) -> set[int]:
    """Who now has a number that one of these people gave up: a late stop of theirs stays on it."""
    roots = Subscriber.objects.filter(pk__any=set(subscribers)).order_by().values("root_id")
    given_up = Identity.objects.filter(root__in=roots, scheme=Scheme.PHONE).exclude(ended_at=None).values("match_key")
    live = Identity.objects.filter(scheme=Scheme.PHONE, match_key__in=given_up, ended_at=None)
    return {root for (root,) in batches.read(live.values_list("root_id"))}


def load(subscribers: Iterable[int]) -> Loaded:
    """Everything about the people behind `subscribers`. Raises StalePersonError if one was joined elsewhere meanwhile."""
    wanted = set(subscribers)
    loaded = Loaded()
    roots = Subscriber.objects.filter(pk__any=wanted).order_by().values("root_id")
    rows = Subscriber.objects.filter(root__in=roots).values_list("id", "public_id", "root_id", "locale", "country")
    loaded.members = {row[0]: Member(*row) for row in batches.read(rows)}
    if any(pk not in loaded.members for pk in wanted):
        raise StalePersonError("A subscriber of this batch is gone.")
    owners: dict[uuid.UUID, int] = {member.public_id: member.root for member in loaded.members.values()}
    _load_events(loaded, owners)
    _load_states(loaded)
    return loaded


def _load_events(loaded: Loaded, owners: dict[uuid.UUID, int]) -> None:
    carried = _earlier_holders({member.root for member in loaded.members.values()})
    wanted = {*owners, *(holder for holders in carried.values() for holder, _ in holders)}
    rows = ConsentEvent.objects.filter(subscriber__any=wanted).order_by("position").values_list(
        "position", "subscriber", "kind", "controller", "brand", "channel", "topic", "effective_at", "source",
        "source_ref", "sender", "portfolio", "voids", "until", "row_hash",
    )  # fmt: skip
    by_person: dict[uuid.UUID, list[Event]] = defaultdict(list)
    for (
        position,
        person,
        kind,
        controller,
        brand,
        channel,
        topic,
        at,
        source,
        ref,
        sender,
        portfolio,
        *rest,
    ) in batches.read(rows):
        voids, until, digest = rest
        scope = Scope(controller, brand, channel, topic)
        event = Event(
            position, person, kind, scope, at, source, bytes(ref), sender, portfolio, voids, until, bytes(digest)
        )
        by_person[person].append(event)
        loaded.heads[person] = event.row_hash
        loaded.recorded[source, event.source_ref] = position
    for person, root in owners.items():
        loaded.events[root].extend(by_person.get(person, ()))
    for root, holders in carried.items():
        for holder, until in holders:
            loaded.heirs[holder].append((root, until))
            loaded.events[root].extend(_carried_by_number(by_person.get(holder, []), until))


def _carried_by_number(events: list[Event], until: dt.datetime) -> list[Event]:
    """A stop stays on the number when it changes hands, until its holder or staff act; nothing but stops and their
    corrections does. `events` are an earlier holder's, `until` is when that holder gave the number up."""
    stops = {event.position for event in events if event.kind in CLOSING and event.effective_at <= until}
    return [
        event
        for event in events
        if event.position in stops or (event.kind == EventKind.CORRECTION and event.voids in stops)
    ]


def _earlier_holders(roots: set[int]) -> dict[int, list[tuple[uuid.UUID, dt.datetime]]]:
    """Per person: who held one of their live numbers before, and until when."""
    mine = Identity.objects.filter(root__any=roots, scheme=Scheme.PHONE, ended_at=None)
    history = Identity.objects.filter(scheme=Scheme.PHONE, match_key__in=mine.values("match_key")).exclude(
        ended_at=None
    )
    rows = batches.read(history.values_list("match_key", "root_id", "ended_at"))
    if not rows:
        return {}
    holder_of = dict(mine.values_list("match_key", "root_id"))
    members = defaultdict(list)
    for root, public_id in Subscriber.objects.filter(root__any={row[1] for row in rows}).values_list(
        "root_id", "public_id"
    ):
        members[root].append(public_id)
    carried: dict[int, list[tuple[uuid.UUID, dt.datetime]]] = defaultdict(list)
    for match_key, root, ended_at in rows:
        if holder_of[match_key] != root:
            carried[holder_of[match_key]].extend((public_id, ended_at) for public_id in members[root] if ended_at)
    return carried


def _load_states(loaded: Loaded) -> None:
    """The stored rows, by the subscriber they stand at; rows that stand at a joined member are strays."""
    ids = set(loaded.members)
    states: dict[int, Folded] = {pk: Folded({}, {}, {}, {}) for pk in ids}
    consents = Consent.objects.filter(subscriber__any=ids).values_list(
        "subscriber_id", "controller", "brand", "channel", "topic", "status", "effective_at", "event", "version"
    )
    for pk, controller, brand, channel, topic, status, at, event, version in batches.read(consents):
        scope = Scope(controller, brand, channel, topic)
        states[pk].consents[scope] = ConsentState(scope, status, at, event, version)
    stops = PlatformStop.objects.filter(subscriber__any=ids)
    for pk, *values in batches.read(stops.values_list("subscriber_id", "sender_id", "portfolio_id", "since", "event")):
        states[pk].platform_stops[values[0]] = PlatformState(*values)
    holds = Hold.objects.filter(subscriber__any=ids).values_list(
        "subscriber_id", "reply", "controller", "brand", "channel", "topic", "since", "event"
    )
    for pk, reply, controller, brand, channel, topic, since, event in batches.read(holds):
        scope = Scope(controller, brand, channel, topic)
        states[pk].holds[bytes(reply)] = HoldState(bytes(reply), scope, since, event)
    pauses = Pause.objects.filter(subscriber__any=ids).values_list(
        "subscriber_id", "controller", "brand", "channel", "topic", "until", "event"
    )
    for pk, controller, brand, channel, topic, until, event in batches.read(pauses):
        scope = Scope(controller, brand, channel, topic)
        states[pk].pauses[scope] = PauseState(scope, until, event)
    for pk, state in states.items():
        (loaded.stored if loaded.members[pk].root == pk else loaded.strays)[pk] = state
