"""Sweeps the tables from inside each worker once a second, so that a broker which is away costs a second and no STOP.

The bell (`preferences.tasks`) makes it instant, this makes it certain. The embedded worker needs none of it: its own beat
sweeps every 250 ms.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from preferences import tasks

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
_HEARTBEAT_SECONDS = 15.0


class Sweeper(bootsteps.StartStopStep):
    """A step of the worker's start. It comes before the consumer, which waits for the broker."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        self._loops: list[SweepLoop] = []

    def include_if(self, worker: Any) -> bool:
        return not settings.CELERY_EMBEDDED

    def start(self, worker: Any) -> None:
        queues = worker.app.amqp.queues.consume_from
        self._loops = [SweepLoop(name, sweep) for name, sweep in tasks.SWEEPS.items() if name in queues]
        for loop in self._loops:
            loop.start()

    def stop(self, worker: Any) -> None:
        for loop in self._loops:
            loop.stop()

    def terminate(self, worker: Any) -> None:
        self.stop(worker)


class SweepLoop:
    """One table, looked at once a second by a thread of its own."""

    def __init__(self, name: str, sweep: Callable[[], object], *, pause_seconds: float = SWEEP_SECONDS) -> None:
        self._name = name
        self._sweep = sweep
        self._pause_seconds = pause_seconds
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sweep-{name}", daemon=True)
        self._beaten_at = -_HEARTBEAT_SECONDS

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Let a sweep that is under way end: its batch is one transaction, so nothing is lost if it is cut off."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while not self._is_over.wait(self._pause_seconds):
            try:
                close_old_connections()
                self._sweep()
                self._beat()
            except DatabaseError:
                logger.warning("The database does not answer; the next sweep tries again.", exc_info=True)
                connection.close()
            except Exception:
                logger.exception("A sweep failed; the next one tries again.", extra={"sweep": self._name})
        connection.close()

    def _beat(self) -> None:
        if time.monotonic() - self._beaten_at >= _HEARTBEAT_SECONDS:
            tasks.say_alive(self._name)
            self._beaten_at = time.monotonic()
