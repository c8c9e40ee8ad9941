"""Celery tasks of the reports. Losing one costs the time until the next; running one twice, nothing."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from reports import alarms, mailing


@shared_task(name="reports.tasks.check_alarms", expires=60)
def check_alarms() -> None:
    """Bring the alarms up to date and mail what changed. The worker that does so is itself alive."""
    now = timezone.now()
    changes = alarms.check(now, alive=frozenset({"worker"}))
    mailing.tell(changes.ended, now=now)


@shared_task(name="reports.tasks.keep_house")
def keep_house() -> None:
    """Let go alarms that were over long ago."""
    alarms.purge(timezone.now())
