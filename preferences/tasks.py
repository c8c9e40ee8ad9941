"""Celery tasks: each loads nothing but a clock and makes one call. Losing one costs a sweep; running it twice, nothing.

`ring_inbox` is the bell: after a commit it asks a worker to look now, at most every 100 ms a process, without retry and
never in the way of the request.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db import connection
from django.utils import timezone

from preferences import inbox, interpretation, outbox, retention, reviews, seals
from preferences.models import Heartbeat

logger = logging.getLogger(__name__)


#: A bell and a sweep of one process take turns; with other processes the row locks do.
_reading, _delivering = threading.Lock(), threading.Lock()


@shared_task(name="preferences.tasks.process_inbox", expires=60)
def process_inbox() -> None:
    """Work until the inbox is empty, then let the outbox know."""
    with _reading:
        interpretation.prepare()
        outcome = inbox.process()
    if outcome.done and not settings.CELERY_EMBEDDED:
        _outbox_bell.ring()


@shared_task(name="preferences.tasks.deliver_outbox", expires=60)
def deliver_outbox() -> None:
    with _delivering:
        outbox.deliver()


#: What a worker of each queue does once a second, also while the broker is away.
SWEEPS: dict[str, Callable[[], object]] = {"inbox": process_inbox, "outbox": deliver_outbox}


@shared_task(name="preferences.tasks.settle_reviews")
def settle_reviews() -> None:
    """Write the verdicts whose undo minute is over, then what nobody settled in time."""
    reviews.settle_decided(now=timezone.now())
    reviews.settle_due(now=timezone.now())


@shared_task(name="preferences.tasks.seal_ledger")
def seal_ledger() -> None:
    seals.seal(now=timezone.now())


@shared_task(name="preferences.tasks.keep_house")
def keep_house() -> None:
    """Partitions ahead of time, and what retention lets go."""
    retention.prepare_partitions(timezone.now())
    retention.purge(now=timezone.now())


@shared_task(name="preferences.tasks.beat")
def beat() -> None:
    """Say that schedule and worker are alive."""
    say_alive("worker")


def say_alive(name: str) -> None:
    Heartbeat.objects.update_or_create(name=name, defaults={"seen_at": timezone.now()})


class _Bell:
    """Rings from a thread of its own: a slow or dead broker costs a webhook nothing."""

    #: While nobody listens, more bells would only fill the broker's memory.
    ENOUGH = 100

    def __init__(self, task: Callable[[], Any], *, pause_seconds: float) -> None:
        self._task = task
        self._pause_seconds = pause_seconds
        self._rung = threading.Event()
        self._thread: threading.Thread | None = None

    def ring(self) -> None:
        self._rung.set()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="bell", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while self._rung.wait():
            self._rung.clear()
            try:
                self._send()
            except Exception:
                logger.warning("The bell was not heard; the next sweep will look.", exc_info=True)
            time.sleep(self._pause_seconds)

    def _send(self) -> None:
        task: Any = self._task
        with task.app.producer_pool.acquire(block=True, timeout=5) as producer:
            if _waiting(producer.channel, task.app.amqp.router.route({}, task.name)["queue"].name) < self.ENOUGH:
                task.apply_async(producer=producer, retry=False)


def _waiting(channel: Any, queue: str) -> int:
    """How many messages wait in the queue, which is made if it is not there yet."""
    declared = channel.queue_declare(queue=queue, durable=True, exclusive=False, auto_delete=False)
    return int(declared.message_count)


_inbox_bell = _Bell(process_inbox, pause_seconds=0.1)
_outbox_bell = _Bell(deliver_outbox, pause_seconds=0.1)


def ring_inbox() -> None:
    """Ask for the inbox to be looked at now. Nothing to do in the embedded default: its worker sweeps every 250 ms."""
    if not settings.CELERY_EMBEDDED and not connection.in_atomic_block:
        _inbox_bell.ring()
