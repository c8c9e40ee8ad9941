"""What `manage.py status` says, and when it says that something needs doing."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from preferences import retention, seals, status
from preferences.models import Delivery, DeliveryState, Heartbeat, InboxEntry, InboxState
from tests.conftest import SAMPLE_TIME


@pytest.fixture
def worker(db):
    return Heartbeat.objects.create(name="worker", seen_at=timezone.now())


@pytest.fixture
def stopped(worker, acme, sample, receive):
    """Somebody said STOP just now, and a worker was there."""
    receive(sample("text_stop"))


@pytest.fixture
def tell(capsys):
    """Run the command; its exit code and what it said."""

    def run() -> tuple[int, str]:
        code = 0
        try:
            call_command("status")
        except SystemExit as error:
            code = int(error.code or 0)
        return code, capsys.readouterr().out

    return run


def test_it_is_content_with_a_new_desk(tell, worker):
    code, said = tell()

    assert code == 0
    assert said.rstrip().endswith("Nothing needs doing.")
    for word in (
        "Database",
        "Migrations",
        "Inbox urgent",
        "Inbox status",
        "Rate",
        "Outbox",
        "Ledger",
        "Worker",
        "Phones",
    ):
        assert f"\n{word}" in f"\n{said}"


def test_it_asks_for_a_worker(tell, db):
    code, said = tell()

    assert code == 1
    assert "1. No background worker has been seen yet: start `manage.py serve` or a Celery worker." in said


def test_it_tells_how_fast_webhooks_are_read(tell, stopped):
    _, said = tell()

    assert "1 webhooks with messages in the last 5 minutes, 1 read, half of them within 0.0 seconds." in said


def test_it_names_webhooks_that_cannot_be_read(tell, stopped):
    InboxEntry.objects.update(state=InboxState.FAILING)

    code, said = tell()

    assert code == 1
    assert "1 webhook failing" in said
    assert "1. 1 webhook cannot be read." in said


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (DeliveryState.DEAD, 1),
        (DeliveryState.UNKNOWN, 1),
        (DeliveryState.EXPIRED, 0),  # late on purpose: counted, and nothing can be done
        (DeliveryState.RECORDED, 0),
    ],
)
def test_it_names_deliveries_that_got_lost(tell, stopped, state, code):
    Delivery.objects.update(state=state)
    seals.seal(now=timezone.now())

    found, said = tell()

    assert found == code
    assert (f"1 {state.value}" in said) == (state != DeliveryState.RECORDED)


def test_it_forgets_deliveries_that_got_lost_long_ago(tell, stopped):
    Delivery.objects.update(state=DeliveryState.DEAD, created_at=timezone.now() - dt.timedelta(days=2))

    assert tell()[0] == 0


def test_it_names_a_delivery_that_nobody_sends(tell, stopped):
    Delivery.objects.update(state=DeliveryState.DUE, next_attempt_at=timezone.now() - dt.timedelta(minutes=5))

    code, said = tell()

    assert code == 1
    assert "A delivery has been due for 5 minutes" in said


def test_it_tells_position_and_seal(tell, stopped):
    assert "Position 1, never sealed." in tell()[1]

    seals.seal(now=timezone.now())

    assert "Position 1, sealed up to 1, 0 seconds ago." in tell()[1]


def test_it_asks_for_a_seal_when_events_wait_for_one(tell, worker, acme, sample, receive):
    receive(sample("text_stop"), now=SAMPLE_TIME)

    code, said = tell()

    assert code == 1
    assert "Run `manage.py seal_ledger`." in said


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("text_stop", 0),
        ("user_preferences_stop", 0),
        ("user_preferences_stop_bsuid_only", 1),
        ("text_with_bsuid_no_phone", 1),
    ],
)
def test_it_counts_opt_outs_whose_phone_is_not_known(acme, sample, receive, name, number):
    receive(sample(name))

    assert status.gather(timezone.now()).unknown_phones == number


def test_it_asks_for_migrations(tell, db, monkeypatch):
    monkeypatch.setitem(status._known, "is_migrated", False)
    monkeypatch.setattr(status.MigrationExecutor, "migration_plan", lambda self, targets: [(_Migration, False)])

    code, said = tell()

    assert code == 1
    assert "1 are missing, the first is preferences.0099_later." in said
    assert "1. Run `manage.py migrate`." in said


class _Migration:
    app_label, name = "preferences", "0099_later"


def test_it_says_that_the_database_does_not_answer_and_not_where_it_is(tell, monkeypatch):
    monkeypatch.setattr("preferences.management.commands.status.missing_migrations", _fail)

    code, said = tell()

    assert code == 1
    assert "does not answer" in said
    assert "10.0.0.7" not in said


def _fail() -> list[str]:
    raise status.DatabaseUnavailableError("OperationalError.") from OperationalError("server at 10.0.0.7")


def test_it_asks_the_same_number_of_queries_whatever_there_is(stopped, sample, receive):
    with CaptureQueriesContext(connection) as few:
        status.gather(timezone.now())
    receive(*(sample(name) for name in ("user_preferences_stop_bsuid_only", "button_quick_reply_stop", "text_start")))

    with CaptureQueriesContext(connection) as more:
        status.gather(timezone.now())

    assert len(more) == len(few) <= 25


def test_it_stops_counting(worker, acme, sample, receive, monkeypatch):
    receive(*(sample(name) for name in ("text_stop", "user_preferences_stop", "button_quick_reply_stop")))
    InboxEntry.objects.update(state=InboxState.PENDING)
    monkeypatch.setattr(status, "COUNT_LIMIT", 1)

    waiting = status.gather(timezone.now()).lanes["urgent"].waiting

    assert waiting == 2
    assert status.count_in_words(waiting, "webhook") == "more than 1 webhooks"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (172_800, "2 days"),
    ],
)
def test_it_puts_ages_in_words(seconds, words):
    assert status.in_words(dt.timedelta(seconds=seconds)) == words


def test_it_names_the_worker_that_is_silent(worker, tell):
    """With a broker each queue has a worker of its own; one that is well does not speak for another."""
    Heartbeat.objects.create(name="inbox", seen_at=timezone.now() - dt.timedelta(minutes=4))

    _, said = tell()

    assert "The inbox worker was last seen 4 minutes ago." in said
    assert "The background worker was last seen" not in said


def test_it_forgets_workers_that_were_taken_down(worker):
    Heartbeat.objects.create(name="inbox", seen_at=timezone.now() - dt.timedelta(days=8))

    retention.purge(now=timezone.now())

    assert list(Heartbeat.objects.values_list("name", flat=True)) == ["worker"]
