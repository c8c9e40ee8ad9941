"""The sweep inside each worker: it goes on whatever happens, and says that it is alive."""

from __future__ import annotations

import threading

import pytest
from django.db import OperationalError

from optout_admin.sweeping import Sweeper, SweepLoop
from preferences import tasks


@pytest.fixture
def beats(monkeypatch):
    """The heartbeats that were given, without a database."""
    given: list[str] = []
    monkeypatch.setattr(tasks, "say_alive", given.append)
    return given


def run(sweep, *, until: threading.Event) -> None:
    loop = SweepLoop("inbox", sweep, pause_seconds=0.001)
    loop.start()
    assert until.wait(10)
    loop.stop()


@pytest.mark.parametrize("error", [OperationalError("gone"), ValueError("a bug")])
def test_it_goes_on_after_a_failure(beats, error):
    calls, is_third = [], threading.Event()

    def sweep() -> None:
        calls.append(1)
        if len(calls) < 3:
            raise error
        is_third.set()

    run(sweep, until=is_third)

    assert len(calls) >= 3


def test_it_gives_a_heartbeat_after_a_sweep_that_worked_and_not_for_each(beats):
    calls, is_over = [], threading.Event()

    def sweep() -> None:
        calls.append(list(beats))
        if len(calls) == 20:
            is_over.set()

    run(sweep, until=is_over)

    assert calls[0] == []
    assert beats == ["inbox"]


def test_it_sweeps_the_tables_of_the_queues_a_worker_serves():
    assert set(tasks.SWEEPS) == {"inbox", "outbox"}


def test_it_leaves_the_embedded_worker_to_its_own_beat(settings):
    settings.CELERY_EMBEDDED = True

    assert not Sweeper.include_if(Sweeper.__new__(Sweeper), None)
