"""Tells the world: claims due deliveries with a lease, checks that they are still true, sends outside any transaction.

For answers to a person (law 10): `attempting` is committed before the call, and an attempt whose end nobody saw becomes
`unknown` and is never sent again. A confirmation goes out only while the fold still says opted out, and in time.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Sequence

from django.db import connection, transaction
from django.utils import timezone

from preferences.channels import is_remote
from preferences.models import Delivery, DeliveryState, batches
from preferences.models.outbox import WAITING_STATES
from preferences.outbox import means, outcomes, truth
from preferences.outbox.outcomes import STILL_ATTEMPTING, Outcome
from preferences.outbox.planning import Plan, plan
from preferences.outbox.saying import Notices
from preferences.outbox.sending import Line

logger = logging.getLogger(__name__)

#: Longer than any attempt may take (at most two calls of 30 seconds); after it the attempt's end is unknown.
LEASE = dt.timedelta(minutes=5)
#: How long nothing new is looked for while all calls are under way.
_PATIENCE_SECONDS = 0.1


def deliver(*, now: dt.datetime | None = None, seconds: float = 30.0) -> int:
    """Work until nothing is due or the time is up. Returns how many deliveries ended one way or another.

    The clock is read again for each attempt, because a slow channel must not make the last ones late; `now` stops it.
    """
    settled = settle_lost(now=now or timezone.now())
    end = timezone.now() + dt.timedelta(seconds=seconds)
    portfolios: dict[int, int] = {}
    with Line(now) as line:
        while timezone.now() < end:
            claimed = _claim(now or timezone.now(), line.free)
            ended = _begin(claimed, line, portfolios, now or timezone.now())
            if not claimed and line.is_idle:
                break
            ended += line.done(seconds=_PATIENCE_SECONDS)
            settled += outcomes.write(ended, portfolios, now or timezone.now())
        settled += outcomes.write(line.done(seconds=None), portfolios, now or timezone.now())
    return settled


def settle_lost(*, now: dt.datetime) -> int:
    """Attempts whose lease ran out were cut off by a crash: whether they were sent is unknown, so they stay unsent."""
    return Delivery.objects.filter(state=DeliveryState.ATTEMPTING, leased_until__lt=now).update(
        state=DeliveryState.UNKNOWN, finished_at=now, response_excerpt="The attempt was cut off; it may have been sent."
    )


def process_again(ids: Iterable[int], *, now: dt.datetime) -> int:
    """Make given-up deliveries due again, as far as they may be (`DeliveryQuerySet.may_go_again`). Returns how many."""
    return Delivery.objects.may_go_again(now).filter(pk__in=list(ids)).update(
        state=DeliveryState.DUE, next_attempt_at=now, attempts=0, finished_at=None, error_code=0, template="",
        provider_digest=b"",
    )  # fmt: skip


def _claim(now: dt.datetime, most: int) -> list[Delivery]:
    """Take the next due deliveries: one conditional UPDATE decides which of several workers gets a row."""
    if not most:
        return []
    with transaction.atomic():
        due = (
            Delivery.objects.due(now)
            .order_by("next_attempt_at", "id")
            .select_for_update(of=("self",), skip_locked=connection.features.has_select_for_update_skip_locked)
            if connection.features.has_select_for_update
            else Delivery.objects.due(now).order_by("next_attempt_at", "id")
        )
        ids = list(due.values_list("pk", flat=True)[:most])
        taken = Delivery.objects.filter(pk__any=ids, state__in=WAITING_STATES)
        if not ids or not taken.update(state=DeliveryState.ATTEMPTING, leased_until=now + LEASE):
            return []
        return list(Delivery.objects.filter(pk__any=ids).select_related("destination").order_by("pk"))


def _begin(claimed: Sequence[Delivery], line: Line, portfolios: dict[int, int], now: dt.datetime) -> list[Outcome]:
    """Start the calls of what is still to be sent; answers what has ended at once."""
    if not claimed:
        return []
    situation = truth.look(list(claimed))
    ways = means.look(claimed, situation.roots, now)
    portfolios |= {sender: number.portfolio for sender, number in ways.numbers.items()}
    notices = Notices()
    ended: list[Outcome] = []
    leaving: list[Plan] = []
    for delivery in claimed:
        try:
            ready = plan(delivery, situation, ways, notices, now=now)
        except Exception as error:
            logger.exception("A delivery failed.", extra={"delivery": delivery.pk})
            # Before the channel is called, nothing can have been sent.
            ready = Outcome(delivery, DeliveryState.DEAD, f"{type(error).__name__} before the attempt.")
        if isinstance(ready, Outcome):
            ended.append(ready)
        elif is_remote(delivery.destination.kind):
            leaving.append(ready)
        else:
            ended.append(line.attempt(ready))
    still_ours = _note(leaving)
    for one in leaving:
        if one.delivery.pk in still_ours:
            line.send(one)
    return ended


def _note(leaving: Sequence[Plan]) -> set[int]:
    """Keep what is about to be said: if the process dies in the middle of the call, people can see what it was.

    Answers which may still be said: meanwhile a status may have told that an earlier attempt was sent after all.
    """
    if not leaving:
        return set()
    rows = [
        (one.delivery.pk, one.draft.notice, one.draft.template.name if one.draft.template else "") for one in leaving
    ]
    batches.update(Delivery, key="id", fields=("notice", "template"), rows=sorted(rows), only_if=STILL_ATTEMPTING)
    ids = [one.delivery.pk for one in leaving]
    return set(Delivery.objects.filter(pk__any=ids, state=DeliveryState.ATTEMPTING).values_list("pk", flat=True))
