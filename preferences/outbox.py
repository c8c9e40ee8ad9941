"""Tells the world: claims due deliveries with a lease, checks that they are still true, sends outside any transaction.

For answers to a person (law 10): `attempting` is committed before the call, and an attempt whose end nobody saw becomes
`unknown` and is never sent again. A confirmation goes out only while the fold still says opted out, and in time.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from preferences import wording
from preferences.channels import ChannelError, OutgoingMessage, Receipt, channel_for
from preferences.decisions import Desk, desks_of
from preferences.identifiers import digest
from preferences.models import (
    ANY,
    Cell,
    Channel,
    Consent,
    ConsentEvent,
    ConsentStatus,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Identity,
    Notice,
    PlatformStop,
    Scheme,
    Scope,
    Subscriber,
    UndoLine,
    batches,
)
from preferences.models.outbox import WAITING_STATES
from preferences.models.scopes import MARKETING, NO_BRAND, deciding

logger = logging.getLogger(__name__)

BATCH = 200
#: Longer than any attempt may take; after it the attempt's end is unknown.
LEASE = dt.timedelta(minutes=5)
_MAX_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class _Result:
    delivery: Delivery
    state: DeliveryState
    excerpt: str = ""
    provider_digest: bytes = b""
    notice: int | None = None
    next_attempt_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class _Situation:
    """What a batch of deliveries needs to know about its people, loaded in a fixed number of queries."""

    desks: dict[int, Desk]
    states: dict[int, list[_StateRow]]
    events: dict[int, tuple[Scope, dt.datetime | None]]
    addresses: dict[tuple[int, int], str]
    stopped_on_platform: set[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _StateRow:
    scope: Scope
    status: str
    effective_at: dt.datetime


def deliver(*, now: dt.datetime | None = None, seconds: float = 30.0) -> int:
    """Work until nothing is due or the time is up. Returns how many deliveries ended one way or another."""
    settled = settle_lost(now=now or timezone.now())
    end = timezone.now() + dt.timedelta(seconds=seconds)
    while timezone.now() < end:
        claimed = _claim(now or timezone.now())
        if not claimed:
            break
        _finish(_attempt_all(claimed, now), now or timezone.now())
        settled += len(claimed)
    return settled


def settle_lost(*, now: dt.datetime) -> int:
    """Attempts whose lease ran out were cut off by a crash: whether they were sent is unknown, so they stay unsent."""
    return Delivery.objects.filter(state=DeliveryState.ATTEMPTING, leased_until__lt=now).update(
        state=DeliveryState.UNKNOWN, finished_at=now, response_excerpt="The attempt was cut off; it may have been sent."
    )


def process_again(ids: Iterable[int], *, now: dt.datetime) -> int:
    """Make given-up deliveries due again. Only those that were certainly not sent and are still in time: what was sent,
    is unknown, or is too late is never repeated. Returns how many."""
    return Delivery.objects.filter(pk__in=list(ids), state=DeliveryState.DEAD, expires_at__gt=now).update(
        state=DeliveryState.DUE, next_attempt_at=now, attempts=0, finished_at=None
    )


def _claim(now: dt.datetime) -> list[Delivery]:
    """Take the next due deliveries: one conditional UPDATE decides which of several workers gets a row."""
    with transaction.atomic():
        due = (
            Delivery.objects.due(now)
            .order_by("next_attempt_at", "id")
            .select_for_update(of=("self",), skip_locked=connection.features.has_select_for_update_skip_locked)
            if connection.features.has_select_for_update
            else Delivery.objects.due(now).order_by("next_attempt_at", "id")
        )
        ids = list(due.values_list("pk", flat=True)[:BATCH])
        taken = Delivery.objects.filter(pk__any=ids, state__in=WAITING_STATES)
        if not ids or not taken.update(state=DeliveryState.ATTEMPTING, leased_until=now + LEASE):
            return []
        return list(Delivery.objects.filter(pk__any=ids).select_related("destination").order_by("pk"))


def _attempt_all(claimed: list[Delivery], now: dt.datetime | None) -> list[_Result]:
    """Try each; the clock is read again before each attempt, because a slow channel must not make the last ones late."""
    situation = _look(claimed)
    notices = _Notices()
    results = []
    for delivery in claimed:
        at = now or timezone.now()
        if_it_fails = DeliveryState.DEAD  # before the channel is called, nothing can have been sent
        try:
            ready = _prepare(delivery, situation, notices, at)
            if isinstance(ready, _Result):
                results.append(ready)
                continue
            if_it_fails = DeliveryState.UNKNOWN
            results.append(_send(delivery, *ready, at))
        except Exception as error:
            logger.exception("A delivery failed.", extra={"delivery": delivery.pk})
            results.append(_Result(delivery, if_it_fails, f"{type(error).__name__} during the attempt."))
    return results


def _prepare(
    delivery: Delivery, situation: _Situation, notices: _Notices, now: dt.datetime
) -> tuple[OutgoingMessage, int] | _Result:
    """The message and the notice kept of it, or why there is none."""
    if delivery.leased_until and delivery.leased_until <= now:
        return _Result(delivery, DeliveryState.DEAD, "Its turn came after its lease was over, so nothing was sent.")
    if delivery.expires_at and delivery.expires_at <= now:
        return _Result(delivery, DeliveryState.EXPIRED, "It would have come too late, so nothing was sent.")
    desk = situation.desks[delivery.sender_id or 0]
    if not _is_still_true(delivery, desk, situation):
        return _Result(delivery, DeliveryState.NEEDLESS, "The person changed their mind meanwhile.")
    text, version, language = _text(delivery, desk, situation)
    notice = notices.keep(delivery.kind, language, version, text)
    person = delivery.subscriber_id
    address = situation.addresses.get((person, 0)) or situation.addresses.get((person, desk.portfolio))
    if not address:
        return _Result(delivery, DeliveryState.DEAD, "No number or user id of this person is known.", notice=notice)
    return OutgoingMessage(address, desk.display, text, str(delivery.correlation_id)), notice


def _send(delivery: Delivery, message: OutgoingMessage, notice: int, now: dt.datetime) -> _Result:
    try:
        receipt = channel_for(delivery.destination.kind).send(message)
    except ChannelError as error:
        return _refused(delivery, error, notice, now)
    return _sent(delivery, receipt, notice)


def _sent(delivery: Delivery, receipt: Receipt, notice: int) -> _Result:
    provider_digest = digest(receipt.provider_id) if receipt.provider_id else b""
    return _Result(delivery, receipt.state, receipt.excerpt, provider_digest, notice)


def _refused(delivery: Delivery, error: ChannelError, notice: int, now: dt.datetime) -> _Result:
    if error.is_permanent or delivery.attempts + 1 >= _MAX_ATTEMPTS:
        return _Result(delivery, DeliveryState.DEAD, str(error)[:1000], notice=notice)
    wait = dt.timedelta(seconds=2**delivery.attempts)
    return _Result(delivery, DeliveryState.RETRY, str(error)[:1000], notice=notice, next_attempt_at=now + wait)


def _finish(results: Sequence[_Result], now: dt.datetime) -> None:
    rows = [
        (
            one.delivery.pk, one.state.value, one.delivery.attempts + 1, one.next_attempt_at or one.delivery.next_attempt_at,
            None, one.notice, one.provider_digest, one.excerpt, None if one.state == DeliveryState.RETRY else now,
        )
        for one in results
    ]  # fmt: skip
    fields = (
        "state", "attempts", "next_attempt_at", "leased_until", "notice", "provider_digest", "response_excerpt",
        "finished_at",
    )  # fmt: skip
    batches.update(Delivery, key="id", fields=fields, rows=sorted(rows, key=lambda row: row[0]))


# What is true now -----------------------------------------------------------------------------------------------------


def _look(claimed: list[Delivery]) -> _Situation:
    people = sorted({delivery.subscriber_id for delivery in claimed})
    roots = _roots(people)
    states: dict[int, list[_StateRow]] = defaultdict(list)
    rows = Consent.objects.filter(subscriber__any=sorted(set(roots.values()))).values_list(
        "subscriber_id", "controller", "brand", "channel", "topic", "status", "effective_at"
    )
    for pk, controller, brand, channel, topic, status, at in rows:
        states[pk].append(_StateRow(Scope(controller, brand, channel, topic), status, at))
    stops = PlatformStop.objects.filter(subscriber__any=sorted(set(roots.values())))
    stopped = set(stops.values_list("subscriber_id", "portfolio_id"))
    desks = desks_of({delivery.sender_id for delivery in claimed if delivery.sender_id})
    caused = ConsentEvent.objects.filter(position__any=[delivery.event for delivery in claimed])
    events: dict[int, tuple[Scope, dt.datetime | None]] = {
        position: (Scope(controller, brand, channel, topic), at)
        for position, controller, brand, channel, topic, at in caused.values_list(
            "position", "controller", "brand", "channel", "topic", "effective_at"
        )
    }
    return _Situation(
        desks=desks,
        states={person: states.get(root, []) for person, root in roots.items()},
        events=events,
        addresses=_addresses(roots),
        stopped_on_platform={
            (person, portfolio) for person, root in roots.items() for pk, portfolio in stopped if pk == root
        },
    )


def _roots(people: list[int]) -> dict[int, int]:
    return dict(Subscriber.objects.filter(pk__any=people).values_list("pk", "root_id"))


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


def _is_still_true(delivery: Delivery, desk: Desk, situation: _Situation) -> bool:
    """A confirmation needs the person to be opted out, the answer to START needs the person to be opted in. Whoever
    stopped after asking to come back is not asked for YES: that would be marketing."""
    kind = DeliveryKind(delivery.kind)
    if kind == DeliveryKind.HELP:
        return True
    scope, asked_at = situation.events.get(delivery.event, (Scope(), None))
    # START brings back marketing, so it also makes "no messages at all" untrue (answers.answer_to asks the same).
    is_narrow = kind == DeliveryKind.CONFIRMATION and scope.topic != ANY
    topic = scope.topic if is_narrow else MARKETING
    cell = Cell(desk.controller, NO_BRAND if desk.brand is None else desk.brand, Channel.WHATSAPP, topic)
    state = deciding(situation.states[delivery.subscriber_id], cell)
    if kind == DeliveryKind.START_QUESTION:
        if state is None or state.status != ConsentStatus.OPTED_OUT:
            return True
        return asked_at is not None and state.effective_at < asked_at
    wanted = ConsentStatus.OPTED_OUT if kind == DeliveryKind.CONFIRMATION else ConsentStatus.OPTED_IN
    return state is not None and state.status == wanted


# What is said ---------------------------------------------------------------------------------------------------------


def _text(delivery: Delivery, desk: Desk, situation: _Situation) -> tuple[str, str, str]:
    """The text, the version of its wording and the language it is really in."""
    values = {
        "brand": desk.brand_name,
        "contact": desk.support_contact or desk.display,
        "scope": "",
    }
    language = delivery.language
    if delivery.kind == DeliveryKind.CONFIRMATION:
        scope, _ = situation.events.get(delivery.event, (Scope(), None))
        values["scope"] = _scope_in_words(scope, desk, language)
    main = wording.render(delivery.kind, language=language, values=values, default_language=desk.brand_language)
    parts = [main]
    if delivery.kind == DeliveryKind.CONFIRMATION and desk.policy.undo_line != UndoLine.NEVER:
        parts.append(wording.render("undo_line", language=main.language, values={}))
    if (delivery.subscriber_id, desk.portfolio) in situation.stopped_on_platform and delivery.kind in _WAYS_BACK:
        parts.append(wording.render("platform_stop_line", language=main.language, values=values))
    versions = "+".join(part.version for part in parts)
    return " ".join(part.text for part in parts), versions, main.language


_WAYS_BACK = frozenset({DeliveryKind.START_CONFIRMATION, DeliveryKind.START_QUESTION})


def _scope_in_words(scope: Scope, desk: Desk, language: str) -> str:
    values = {"channel": "WhatsApp", "controller": desk.controller_name, "topic": scope.topic}
    if scope.topic == ANY:
        kind = "scope_everything"
    elif scope.topic != MARKETING:
        kind = "scope_topic"
    elif scope.controller:
        kind = "scope_marketing_controller"
    else:
        kind = "scope_marketing_any" if scope.channel == ANY else "scope_marketing_channel"
    return wording.render(kind, language=language, values=values, default_language=desk.brand_language).text


class _Notices:
    """Keeps the exact wording people were shown, one row for each different text."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def keep(self, key: str, language: str, version: str, text: str) -> int:
        name = hashlib.sha256(f"{key}|{language}|{version}|{text}".encode()).hexdigest()
        if name not in self._ids:
            notice, _ = Notice.objects.get_or_create(
                version=name, defaults={"key": key, "language": language, "text": text}
            )
            self._ids[name] = notice.pk
        return self._ids[name]
