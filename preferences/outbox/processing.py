"""Tells the world: claims due deliveries with a lease, checks that they are still true, sends outside any transaction.

For answers to a person (law 10): `attempting` is committed before the call, and an attempt whose end nobody saw becomes
`unknown` and is never sent again. A confirmation goes out only while the fold still says opted out, and in time.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from preferences.channels import ChannelError, OutgoingMessage, Receipt, channel_for
from preferences.identifiers import digest
from preferences.models import Delivery, DeliveryState, batches
from preferences.models.outbox import WAITING_STATES
from preferences.outbox.saying import Notices, text_of
from preferences.outbox.truth import Situation, is_still_true, look

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
    situation = look(claimed)
    notices = Notices()
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
    delivery: Delivery, situation: Situation, notices: Notices, now: dt.datetime
) -> tuple[OutgoingMessage, int] | _Result:
    """The message and the notice kept of it, or why there is none."""
    if delivery.leased_until and delivery.leased_until <= now:
        return _Result(delivery, DeliveryState.DEAD, "Its turn came after its lease was over, so nothing was sent.")
    if delivery.expires_at and delivery.expires_at <= now:
        return _Result(delivery, DeliveryState.EXPIRED, "It would have come too late, so nothing was sent.")
    desk = situation.desks[delivery.sender_id or 0]
    if not is_still_true(delivery, desk, situation):
        return _Result(delivery, DeliveryState.NEEDLESS, "The person changed their mind meanwhile.")
    saying = text_of(delivery, desk, situation)
    notice = notices.keep(delivery.kind, saying)
    person = delivery.subscriber_id
    address = situation.addresses.get((person, 0)) or situation.addresses.get((person, desk.portfolio))
    if not address:
        return _Result(delivery, DeliveryState.DEAD, "No number or user id of this person is known.", notice=notice)
    return OutgoingMessage(address, desk.display, saying.text, str(delivery.correlation_id)), notice


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
