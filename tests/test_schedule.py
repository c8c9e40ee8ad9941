"""The schedule: what is due, and that a slow sweep does not take every thread of the embedded worker."""

from __future__ import annotations

import pytest
from celery.beat import ScheduleEntry, Scheduler, Service

from optout_admin import celery
from optout_admin.celery import EmbeddedScheduler, app, note_end, run_everything_now


@pytest.fixture
def sent(monkeypatch):
    """The names of the tasks that really went out."""
    names: list[str] = []
    monkeypatch.setattr(Scheduler, "apply_async", lambda self, entry, *args, **kwargs: names.append(entry.task))
    monkeypatch.setattr(celery, "_underway", celery._Underway())
    return names


@pytest.fixture
def sweep():
    return ScheduleEntry(name="sweep", task="preferences.tasks.process_inbox", schedule=1.0, app=app)


def test_it_names_tasks_that_exist():
    app.loader.import_default_modules()

    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)


def test_it_runs_everything_when_beat_starts():
    """Beat without a file counts from its start: restarted more often than hourly, the hourly task would never run."""
    service = Service(app, scheduler_cls=Scheduler)
    assert not any(entry.is_due().is_due for entry in service.scheduler.schedule.values())

    run_everything_now(service)

    assert all(entry.is_due().is_due for entry in service.scheduler.schedule.values())


def test_it_sends_no_second_sweep_while_the_first_runs(sent, sweep):
    scheduler = EmbeddedScheduler(app=app)

    scheduler.apply_async(sweep)
    scheduler.apply_async(sweep)

    assert sent == ["preferences.tasks.process_inbox"]


def test_it_sends_the_next_sweep_once_the_first_has_ended(sent, sweep):
    scheduler = EmbeddedScheduler(app=app)
    scheduler.apply_async(sweep)

    note_end(sender=sweep_task())
    scheduler.apply_async(sweep)

    assert len(sent) == 2


def sweep_task():
    return app.tasks["preferences.tasks.process_inbox"]


def test_it_sends_a_sweep_that_vanished_again(sent, sweep, monkeypatch):
    monkeypatch.setattr(EmbeddedScheduler, "FORGOTTEN_SECONDS", 0.0)
    scheduler = EmbeddedScheduler(app=app)

    scheduler.apply_async(sweep)
    scheduler.apply_async(sweep)

    assert len(sent) == 2
