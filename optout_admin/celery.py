"""The Celery application: three queues, a schedule, and in each worker a sweeper of its table.

The tables are the queue. A task carries nothing; losing one costs a sweep. Long waits are rows, never countdowns.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
import warnings
from typing import Any

from celery import Celery
from celery.beat import EmbeddedService, ScheduleEntry, Scheduler, Service
from celery.signals import beat_init, task_postrun, task_revoked, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "optout_admin.settings")

from django.conf import settings

#: Nothing rings the bell in the embedded worker, so its beat looks often. With a broker the workers sweep for themselves
#: (optout_admin.sweeping), whether the broker is there or not.
_SWEEPS = {"process_inbox": 0.25, "deliver_outbox": 0.25} if settings.CELERY_EMBEDDED else {}

if settings.EMBEDDED:
    # One person trying the desk in a container is root there, and cannot do anything about it.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")

app = Celery("optout_admin")
app.conf.update(
    broker_url="memory://localhost/" if settings.CELERY_EMBEDDED else settings.CELERY_BROKER_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # a broker that is away for an hour must not end the worker
    broker_transport_options={
        "socket_connect_timeout": 2,
        "socket_timeout": 5,
        "visibility_timeout": 600,
        "polling_interval": 0.05,  # read by the in-memory transport alone, which would look once a second
    },
    task_ignore_result=True,
    task_default_queue="jobs",
    task_routes={
        "preferences.tasks.process_inbox": {"queue": "inbox"},
        "preferences.tasks.deliver_outbox": {"queue": "outbox"},
    },
    # No limit: with one, a worker that loses Redis in the moment it acknowledges its last message never reads again. That
    # message fills the limit for good, so nothing is asked of Redis any more, not even whether it is there.
    worker_prefetch_multiplier=0,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    timezone="UTC",
    beat_max_loop_interval=min([*_SWEEPS.values(), 1.0]),
    beat_schedule={
        name: {"task": f"preferences.tasks.{name}", "schedule": seconds, "options": {"expires": max(seconds, 1.0) * 2}}
        for name, seconds in {
            **_SWEEPS,
            "settle_reviews": 10.0,
            "seal_ledger": 600.0,
            "keep_house": 3600.0,
            "beat": 15.0,
        }.items()
    }
    | {
        "check_alarms": {"task": "reports.tasks.check_alarms", "schedule": 30.0, "options": {"expires": 60.0}},
        "keep_house_of_reports": {
            "task": "reports.tasks.keep_house",
            "schedule": 3600.0,
            "options": {"expires": 7200.0},
        },
    },
)
app.autodiscover_tasks(["preferences", "reports"])
app.steps["worker"].add("optout_admin.sweeping:Sweeper")


class EmbeddedScheduler(Scheduler):
    """Sends no sweep while the one before it waits or runs: a long one would otherwise soon hold every thread."""

    #: A task that vanished without a word is sent again after this.
    FORGOTTEN_SECONDS = 120.0

    def adjust(self, n: float, drift: float = 0.0) -> float:
        """Sleep until the sweep is due; the default drift wakes early and then spins."""
        return n + drift

    def apply_async(self, entry: ScheduleEntry, *args: Any, **kwargs: Any) -> Any:
        if not _underway.begin(str(entry.task), self.FORGOTTEN_SECONDS):
            return None
        return super().apply_async(entry, *args, **kwargs)


class _Underway:
    """The tasks that were sent and have not ended. Used by beat's thread and the pool's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: dict[str, float] = {}

    def begin(self, task: str, forgotten_seconds: float) -> bool:
        with self._lock:
            now = time.monotonic()
            if now - self._sent.get(task, -forgotten_seconds) < forgotten_seconds:
                return False
            self._sent[task] = now
            return True

    def end(self, task: str) -> None:
        with self._lock:
            self._sent.pop(task, None)


_underway = _Underway()


@task_postrun.connect
@task_revoked.connect
def note_end(sender: Any, **_: Any) -> None:
    """A task ended, or came too late to be run."""
    _underway.end(sender.name)


@beat_init.connect
def run_everything_now(sender: Service, **_: Any) -> None:
    """Whatever is on the schedule is due when beat starts: with a restart every half hour, an hourly task would never run."""
    for entry in sender.scheduler.schedule.values():
        entry.last_run_at = entry.default_now() - dt.timedelta(days=1)


@worker_ready.connect
def start_embedded_schedule(**_: Any) -> None:
    """Beat as a thread of the embedded worker: on the in-memory transport a forked beat (`-B`) reaches nobody."""
    if settings.CELERY_EMBEDDED:
        schedule: Any = EmbeddedService(app, thread=True, scheduler_cls="optout_admin.celery:EmbeddedScheduler")
        schedule.start()
