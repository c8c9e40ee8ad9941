"""What machines are told about the desk."""

from __future__ import annotations

import datetime as dt

import pytest
from celery import Celery
from django.db import OperationalError
from django.utils import timezone

from preferences import status
from preferences.models import Heartbeat, InboxEntry, Lane, Provider

TOKEN = "fictional-metrics-token"


@pytest.fixture
def worker(db):
    """A background worker that was seen just now."""
    return Heartbeat.objects.create(name="worker", seen_at=timezone.now())


@pytest.fixture
def unread(db):
    """Store an unread webhook that came in some time ago."""

    def store(*, age: dt.timedelta, lane: str = Lane.URGENT) -> InboxEntry:
        at = timezone.now() - age
        return InboxEntry.objects.create(
            provider=Provider.WHATSAPP, lane=lane, body=b"+12025550143 STOP", size=17, digest=bytes(32), received_at=at,
            next_attempt_at=at,
        )  # fmt: skip

    return store


class BrokenConnection:
    """A database that went away."""

    def ensure_connection(self) -> None:
        raise OperationalError("connection to server at 10.0.0.7 failed")

    def close(self) -> None:
        pass


# /healthz -------------------------------------------------------------------------------------------------------------


def test_it_is_alive_without_touching_the_database(client):
    """No `db` fixture: any query would fail."""
    response = client.get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok")


# /readyz --------------------------------------------------------------------------------------------------------------


def test_it_is_ready(client, worker):
    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (200, {"status": "ready"})


def test_it_is_not_ready_without_a_database(client, monkeypatch):
    monkeypatch.setattr(status, "connection", BrokenConnection())

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "reason": "The database does not answer."}


def test_it_is_not_ready_with_migrations_missing(client, db, monkeypatch):
    monkeypatch.setitem(status._known, "is_migrated", False)
    monkeypatch.setattr(status.MigrationExecutor, "migration_plan", lambda self, targets: [(_Migration, False)])

    response = client.get("/readyz")

    assert response.status_code == 503
    assert "behind by 1 migrations" in response.json()["reason"]


class _Migration:
    app_label, name = "preferences", "0099_later"


def test_it_looks_for_migrations_only_until_there_are_none(client, worker, monkeypatch):
    monkeypatch.setitem(status._known, "is_migrated", False)
    assert client.get("/readyz").status_code == 200

    monkeypatch.setattr(status.MigrationExecutor, "migration_plan", lambda self, targets: [(_Migration, False)])

    assert client.get("/readyz").status_code == 200


def test_it_stays_ready_when_it_is_late(client, worker, unread):
    unread(age=dt.timedelta(minutes=10))

    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "status": "degraded",
        "degraded": ["The oldest unread webhook that may hold an opt-out has waited 10 minutes."],
    }


def test_it_is_not_late_for_statuses(client, worker, unread):
    unread(age=dt.timedelta(minutes=10), lane=Lane.STATUS)

    assert "degraded" not in client.get("/readyz").json()


def test_it_says_that_no_worker_was_ever_seen(client, db):
    assert client.get("/readyz").json()["degraded"] == [
        "No background worker has been seen yet: start `manage.py serve` or a Celery worker."
    ]


def test_it_says_since_when_the_worker_is_silent(client, worker):
    Heartbeat.objects.update(seen_at=timezone.now() - dt.timedelta(minutes=5))

    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["degraded"] == ["The background worker was last seen 5 minutes ago."]


def test_it_stays_ready_without_its_broker(client, worker, settings, monkeypatch):
    settings.CELERY_EMBEDDED = False
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")  # Celery reads it before its own settings
    monkeypatch.setattr(status, "current_app", Celery())
    monkeypatch.setattr(status, "_broker", status._Broker(pause_seconds=5))

    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["degraded"] == [
        "The broker does not answer: webhooks are read once a second instead of at once."
    ]


def test_it_does_not_ask_a_dead_broker_again_at_once(settings, monkeypatch):
    settings.CELERY_EMBEDDED = False
    broker = status._Broker(pause_seconds=60)
    asked = []
    monkeypatch.setattr(broker, "_ask", lambda: bool(asked.append(1)))

    assert [broker.is_reachable(), broker.is_reachable()] == [False, False]

    assert len(asked) == 1


# /metrics -------------------------------------------------------------------------------------------------------------


def test_it_tells_numbers_on_this_machine(client, worker, unread):
    unread(age=dt.timedelta(minutes=10))

    response = client.get("/metrics")

    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain")
    assert 'optout_inbox_unread{lane="urgent"} 1.0' in response.text
    oldest = next(
        line for line in response.text.splitlines() if line.startswith("optout_inbox_oldest_unread_seconds{lane=")
    )
    assert float(oldest.split()[1]) >= 600
    for name in ("optout_outbox_unfinished", "optout_outbox_failed_last_day", "optout_ledger_position",
                 "optout_worker_heartbeat_age_seconds"):  # fmt: skip
        assert f"\n{name}" in response.text


def test_it_tells_the_age_of_the_last_seal_once_there_is_one(client, worker, acme, sample, receive):
    assert "optout_ledger_last_seal_age_seconds" not in client.get("/metrics").text
    receive(sample("text_stop"))

    status_of_seal = status.Seal.objects.create(
        number=1, from_position=1, to_position=1, merkle_root=b"", previous=b"", digest=b"", sealed_at=timezone.now()
    )

    assert status_of_seal.pk == 1
    assert "\noptout_ledger_last_seal_age_seconds 0." in client.get("/metrics").text


def test_it_tells_no_personal_data(client, worker, acme, sample, receive):
    receive(sample("text_stop"))

    text = client.get("/metrics").text

    assert "optout_ledger_position 1.0" in text
    assert "2025550143" not in text
    assert "12025550100" not in text


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("203.0.113.9", {}),
        ("203.0.113.9", {"X-Forwarded-For": "127.0.0.1"}),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}),
        ("127.0.0.1", {"X-Real-IP": "127.0.0.1"}),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}),
        ("", {}),
        ("not an address", {}),
        ("203.0.113.9", {"Authorization": "Bearer wrong"}),
        ("203.0.113.9", {"Authorization": f"Basic {TOKEN}"}),
        ("203.0.113.9", {"Authorization": "Bearer "}),
        ("203.0.113.9", {"Authorization": "Bearer tökén"}),
    ],
)
def test_it_keeps_the_numbers_from_others(client, settings, address, headers):
    settings.METRICS_TOKEN = TOKEN

    assert client.get("/metrics", headers=headers, REMOTE_ADDR=address).status_code == 403


def test_it_keeps_the_numbers_behind_a_proxy_that_names_nobody(client, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    assert client.get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 403


def test_it_has_no_empty_token(client, settings):
    settings.METRICS_TOKEN = ""

    response = client.get("/metrics", headers={"Authorization": "Bearer "}, REMOTE_ADDR="203.0.113.9")

    assert response.status_code == 403


def test_it_tells_numbers_to_whoever_has_the_token(client, worker, settings):
    settings.METRICS_TOKEN = TOKEN

    response = client.get(
        "/metrics",
        headers={"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "203.0.113.9"},
        REMOTE_ADDR="10.0.0.1",
    )

    assert response.status_code == 200


def test_it_answers_503_when_the_numbers_cannot_be_read(client, monkeypatch):
    monkeypatch.setattr(status, "gather", _fail)

    assert client.get("/metrics").status_code == 503


def _fail(now: dt.datetime) -> None:
    raise OperationalError
