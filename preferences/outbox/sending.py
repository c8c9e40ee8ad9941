"""Makes the calls: several at a time, each from a thread that touches no database, and says what became of each."""

from __future__ import annotations

import datetime as dt
import logging
import random
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from types import TracebackType

from django.utils import timezone

from preferences.channels import ChannelError, Connections, Receipt, channel_for
from preferences.identifiers import digest
from preferences.models import DeliveryState
from preferences.outbox.outcomes import Outcome
from preferences.outbox.planning import Draft, Plan, too_late

logger = logging.getLogger(__name__)

#: At a tenth of a second a call, more than twice what WhatsApp lets one number send in a second (80).
MOST_AT_ONCE = 64
#: A backstop for a delivery that never expires.
MOST_ATTEMPTS = 200
_CLOSE_BEHIND_SECONDS = 0.02
_random = random.SystemRandom()


class Line:
    """Calls under way. No more are taken on than can be made at once, so each is checked right before it is made."""

    def __init__(self, now: dt.datetime | None = None) -> None:
        self._now = now
        self._connections = Connections()
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="outbox")
        self._under_way: set[Future[Outcome]] = set()

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True)
        self._connections.__exit__(kind, error, traceback)

    @property
    def free(self) -> int:
        return MOST_AT_ONCE - len(self._under_way)

    @property
    def is_idle(self) -> bool:
        return not self._under_way

    def send(self, plan: Plan) -> None:
        """Make the call in a thread; `done` tells what became of it."""
        self._under_way.add(self._pool.submit(self.attempt, plan))

    def done(self, *, seconds: float | None) -> list[Outcome]:
        """What has ended by now. Waits for the first to end, at most so long, and a moment for those close behind it, so
        that they are written together; with None for all of them."""
        if seconds is not None:
            first = wait(self._under_way, seconds, FIRST_COMPLETED).done
            seconds = _CLOSE_BEHIND_SECONDS if first else 0
        ended, self._under_way = wait(self._under_way, seconds)
        return [future.result() for future in ended]

    def attempt(self, plan: Plan) -> Outcome:
        """Make the call here and now. Never raises: what nobody foresaw may have been sent."""
        if late := too_late(plan.delivery, self._clock()):
            return replace(late, notice=plan.draft.notice)
        try:
            return self._attempt(plan, plan.draft)
        except Exception as error:
            logger.exception("A delivery failed.", extra={"delivery": plan.delivery.pk})
            words = f"{type(error).__name__} during the attempt. It may have been sent, so it is not sent again."
            return _outcome(plan, plan.draft, DeliveryState.UNKNOWN, words)

    def _clock(self) -> dt.datetime:
        return self._now or timezone.now()

    def _attempt(self, plan: Plan, draft: Draft) -> Outcome:
        try:
            receipt = channel_for(plan.delivery.destination.kind, self._connections).send(draft.message)
        except ChannelError as error:
            now = self._clock()
            if error.needs_template and plan.instead and draft is plan.draft and not too_late(plan.delivery, now):
                return self._attempt(plan, plan.instead)
            return refused(plan, draft, error, now=now, draw=_random.random())
        return _accepted(plan, draft, receipt)


def _outcome(plan: Plan, draft: Draft, state: DeliveryState, excerpt: str) -> Outcome:
    return Outcome(plan.delivery, state, excerpt, attempts=1, notice=draft.notice, template=draft.template)


def _accepted(plan: Plan, draft: Draft, receipt: Receipt) -> Outcome:
    provider_digest = digest(receipt.provider_id) if receipt.provider_id else b""
    return replace(_outcome(plan, draft, receipt.state, receipt.excerpt), provider_digest=provider_digest)


def refused(plan: Plan, draft: Draft, error: ChannelError, *, now: dt.datetime, draw: float) -> Outcome:
    """What follows from a certain "not sent": wait and try again, wait with the whole sender, or give up. Pure.

    Nothing is tried again after its time; `draw` is a random number from 0 to 1.
    """
    delivery = plan.delivery
    one = replace(_outcome(plan, draft, DeliveryState.DEAD, str(error)), code=error.code, template_is=error.template_is)
    if error.is_permanent or delivery.attempts + 1 >= MOST_ATTEMPTS:
        return one
    if error.stop:
        again = now + error.stop.pause
        again = min(again, delivery.expires_at or again)
        return replace(one, state=DeliveryState.RETRY, next_attempt_at=again, stop=error.stop)
    again = now + error.backoff.wait(delivery.attempts, draw=draw)
    if delivery.expires_at and again >= delivery.expires_at:
        words = f"{one.excerpt} The next attempt would have come too late."
        return replace(one, state=DeliveryState.EXPIRED, excerpt=words)
    return replace(one, state=DeliveryState.RETRY, next_attempt_at=again)
