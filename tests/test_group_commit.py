"""Group commit on PostgreSQL: many threads, one writer, and no answer before the commit."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from preferences.inbox import ENVELOPE, envelope
from preferences.models import InboxEntry
from preferences.signing import sign_meta
from preferences.webhooks import store
from preferences.webhooks.store import GroupCommit, StoreUnavailableError
from tests.conftest import DOOR, SECRET

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

LANE = ENVELOPE.index("lane")


def row(number: int) -> tuple:
    return envelope("whatsapp", "urgent", b'{"n": %d}' % number, {}, timezone.now())


def bad_row() -> tuple:
    values = list(row(0))
    values[LANE] = "far too long for its column"
    return tuple(values)


@pytest.fixture
def writer():
    made = GroupCommit(wait_seconds=10)
    yield made
    made.stop()


@pytest.fixture
def door_writer():
    """The door's own writer, ended after the test so that its connection does not outlive the database."""
    store._state.update(pid=0, writer=None)
    yield
    if store._state["writer"]:
        store._state["writer"].stop()
    store._state.update(pid=0, writer=None)


@pytest.fixture
def elsewhere():
    """A connection that has nothing to do with Django's."""
    parameters = {key: connection.get_connection_params()[key] for key in ("dbname", "user", "host", "port")}
    with psycopg.connect(**parameters) as other:
        yield other


def put(writer: GroupCommit, values: tuple) -> bool:
    try:
        writer.put(values)
    except StoreUnavailableError:
        return False
    return True


def test_it_stores_what_many_threads_post_at_once(door_writer):
    def knock(number: int) -> int:
        raw = b'{"n": %d}' % number
        headers = {"X-Hub-Signature-256": sign_meta(raw, SECRET)}
        return Client().post(DOOR, raw, content_type="application/json", headers=headers).status_code

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(knock, range(64)))

    assert answers == [200] * 64
    assert InboxEntry.objects.values("digest").distinct().count() == 64


def test_it_fails_the_bad_row_alone(writer):
    rows = [bad_row() if number == 5 else row(number) for number in range(12)]

    with ThreadPoolExecutor(12) as pool:
        stored = list(pool.map(lambda values: put(writer, values), rows))

    assert stored == [number != 5 for number in range(12)]
    assert InboxEntry.objects.count() == 11


def test_it_keeps_working_after_a_bad_row(writer):
    first, second = put(writer, bad_row()), put(writer, row(1))

    assert (first, second) == (False, True)


def test_it_answers_only_after_the_commit(writer, elsewhere):
    writer.put(row(1))

    assert elsewhere.execute(f"SELECT count(*) FROM {InboxEntry._meta.db_table}").fetchone() == (1,)


def test_it_answers_503_while_the_commit_cannot_happen(elsewhere, door_writer, settings):
    settings.COMMIT_WAIT_SECONDS = 0.2
    elsewhere.execute(f"LOCK TABLE {InboxEntry._meta.db_table} IN ACCESS EXCLUSIVE MODE")
    headers = {"X-Hub-Signature-256": sign_meta(b"{}", SECRET)}

    response = Client().post(DOOR, b"{}", content_type="application/json", headers=headers)
    elsewhere.rollback()

    assert response.status_code == 503


def test_it_drains_what_waits_when_it_is_stopped(elsewhere):
    writer = GroupCommit(wait_seconds=10)
    elsewhere.execute(f"LOCK TABLE {InboxEntry._meta.db_table} IN ACCESS EXCLUSIVE MODE")
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(put, writer, row(number)) for number in range(8)]
        # The first row is on its way and waits for the lock; the others gather behind it.
        while not writer._tickets:
            threading.Event().wait(0.005)

        stopper = threading.Thread(target=writer.stop)
        stopper.start()
        elsewhere.rollback()
        stopper.join()
        stored = [answer.result() for answer in answers]

    assert InboxEntry.objects.count() == sum(stored) > 0
    assert not writer._tickets


def test_it_takes_nothing_more_once_stopped(writer):
    writer.stop()

    assert not put(writer, row(1))
    assert not InboxEntry.objects.exists()


def test_it_comes_back_after_its_connection_was_cut(writer, elsewhere):
    writer.put(row(1))
    name = elsewhere.execute("SELECT current_database()").fetchone()[0]
    elsewhere.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND query LIKE 'INSERT INTO%%'"
        " AND pid <> pg_backend_pid()", [name],
    )  # fmt: skip

    cut, after = put(writer, row(2)), put(writer, row(3))

    assert (cut, after) == (False, True)


def test_it_outlives_an_error_that_is_not_the_databases(writer, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(writer, "_write", lambda rows: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(StoreUnavailableError):
            writer.put(row(1))

    writer.put(row(2))

    assert InboxEntry.objects.count() == 1
