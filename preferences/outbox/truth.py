"""What is true at the moment of telling: is it still so, where is the person reached, what do we know of their people.

Everything a batch of deliveries needs, in a fixed number of queries.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from preferences import wordings
from preferences.decisions import Desk, desks_of
from preferences.models import (
    ANY,
    Consent,
    ConsentEvent,
    ConsentStatus,
    Delivery,
    DeliveryKind,
    Identity,
    PlatformStop,
    Reply,
    ReviewState,
    Scheme,
    Scope,
    Subscriber,
    Topic,
)
from preferences.models.scopes import MARKETING, deciding
from preferences.wording import Own


@dataclass(frozen=True, slots=True)
class Situation:
    """What a batch of deliveries needs to know about its people, loaded in a fixed number of queries."""

    desks: dict[int, Desk]
    states: dict[int, list[StateRow]]
    events: dict[int, tuple[Scope, dt.datetime | None]]
    addresses: dict[tuple[int, int], str]
    stopped_on_platform: set[tuple[int, int]]
    roots: dict[int, int]
    countries: Mapping[int, str]
    topics: Mapping[int, Mapping[str, str]]
    wordings: Mapping[int, Own]
    waiting_for_review: Set[bytes]


@dataclass(frozen=True, slots=True)
class StateRow:
    scope: Scope
    status: str
    effective_at: dt.datetime


def look(claimed: list[Delivery]) -> Situation:
    people = sorted({delivery.subscriber_id for delivery in claimed})
    rows_of_people = list(Subscriber.objects.filter(pk__any=people).values_list("pk", "root_id", "country"))
    roots = {person: root for person, root, _ in rows_of_people}
    states: dict[int, list[StateRow]] = defaultdict(list)
    rows = Consent.objects.filter(subscriber__any=sorted(set(roots.values()))).values_list(
        "subscriber_id", "controller", "brand", "channel", "topic", "status", "effective_at"
    )
    for pk, controller, brand, channel, topic, status, at in rows:
        states[pk].append(StateRow(Scope(controller, brand, channel, topic), status, at))
    stops = PlatformStop.objects.filter(subscriber__any=sorted(set(roots.values())))
    stopped = set(stops.values_list("subscriber_id", "portfolio_id"))
    desks = desks_of({delivery.sender_id for delivery in claimed if delivery.sender_id})
    brands = {desk.brand for desk in desks.values() if desk.brand}
    caused = ConsentEvent.objects.filter(position__any=[delivery.event for delivery in claimed])
    events: dict[int, tuple[Scope, dt.datetime | None]] = {
        position: (Scope(controller, brand, channel, topic), at)
        for position, controller, brand, channel, topic, at in caused.values_list(
            "position", "controller", "brand", "channel", "topic", "effective_at"
        )
    }
    return Situation(
        desks=desks,
        states={person: states.get(root, []) for person, root in roots.items()},
        events=events,
        addresses=_addresses(roots),
        stopped_on_platform={
            (person, portfolio) for person, root in roots.items() for pk, portfolio in stopped if pk == root
        },
        roots=roots,
        countries={person: country for person, _, country in rows_of_people},
        topics=_topics(brands),
        wordings=wordings.own_texts(brands),
        waiting_for_review=_waiting_for_review(claimed),
    )


def _waiting_for_review(claimed: Iterable[Delivery]) -> Set[bytes]:
    """The doubtful replies somebody wants to ask about that are not settled yet."""
    asked = [bytes(one.reply) for one in claimed if one.kind == DeliveryKind.CLARIFICATION]
    waiting = Reply.objects.filter(digest__in=asked, review_state=ReviewState.WAITING)
    return {bytes(digest) for digest in waiting.values_list("digest", flat=True)} if asked else frozenset()


def _topics(brands: Iterable[int]) -> Mapping[int, Mapping[str, str]]:
    """What each brand calls its topics."""
    names: dict[int, dict[str, str]] = defaultdict(dict)
    for brand, slug, name in Topic.objects.filter(brand__in=sorted(brands)).values_list("brand_id", "slug", "name"):
        names[brand][slug] = name
    return names


def _addresses(roots: dict[int, int]) -> dict[tuple[int, int], str]:
    """Per person and portfolio the address to write to. A phone number (portfolio 0) serves every portfolio, a user id
    only its own."""
    addresses: dict[tuple[int, int], str] = {}
    known = Identity.objects.filter(
        root__any=sorted(set(roots.values())), ended_at=None, scheme__in=[Scheme.PHONE, Scheme.BSUID]
    )
    of_root = {
        (root, scope): value
        for root, scope, value in known.order_by("seen_at").values_list("root_id", "scope", "value")
    }
    people = defaultdict(list)
    for person, root in roots.items():
        people[root].append(person)
    for (root, scope), value in of_root.items():
        addresses |= {(person, scope): value for person in people[root]}
    return addresses


def is_still_true(delivery: Delivery, desk: Desk, situation: Situation) -> bool:
    """A confirmation needs the person to be opted out, the answer to START needs the person to be opted in. Whoever
    stopped after asking to come back is not asked for YES: that would be marketing. What was meant is asked while the reply
    waits for review and the person has not stopped in other words."""
    kind = DeliveryKind(delivery.kind)
    if kind == DeliveryKind.HELP:
        return True
    scope, asked_at = situation.events.get(delivery.event, (Scope(), None))
    # START brings back marketing, so it also makes "no messages at all" untrue (answers.answer_to asks the same).
    is_narrow = kind == DeliveryKind.CONFIRMATION and scope.topic != ANY
    topic = scope.topic if is_narrow else MARKETING
    state = deciding(situation.states[delivery.subscriber_id], desk.cell(topic))
    if kind == DeliveryKind.CLARIFICATION:
        is_out = state is not None and state.status == ConsentStatus.OPTED_OUT
        return bytes(delivery.reply) in situation.waiting_for_review and not is_out
    if kind == DeliveryKind.START_QUESTION:
        if state is None or state.status != ConsentStatus.OPTED_OUT:
            return True
        return asked_at is not None and state.effective_at < asked_at
    wanted = ConsentStatus.OPTED_OUT if kind == DeliveryKind.CONFIRMATION else ConsentStatus.OPTED_IN
    return state is not None and state.status == wanted
