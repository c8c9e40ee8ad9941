"""What is let go and what is kept: the rows beside consent, each after its own time."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from optout_admin.celery import app
from preferences import retention
from preferences.models import AccessAction, AccessRecord, AccountNotice, ApiKey, ConsentEvent, RecordedDecision
from reports import tasks
from reports.models import Alarm
from tests import bodies
from tests.programs import Program

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)


def access_record(at: dt.datetime) -> None:
    actor, _ = get_user_model().objects.get_or_create(username="uma")
    AccessRecord.objects.create(actor=actor, action=AccessAction.SEARCH, at=at)


def account_notice(at: dt.datetime) -> None:
    digest = at.isoformat().encode()[:32]
    AccountNotice.objects.create(provider="whatsapp", kind="account_update/X", severity="info", at=at, digest=digest)


def answer(at: dt.datetime) -> None:
    key = ApiKey.objects.first() or ApiKey.objects.create(name="program", prefix="1", digest=b"")
    RecordedDecision.objects.create(
        api_key=key, idempotency_key=at.isoformat(), request_digest=b"", position=1, response={}, created_at=at
    )


@pytest.mark.parametrize(
    ("what", "make", "model"),
    [
        ("access records", access_record, AccessRecord),
        ("account notices", account_notice, AccountNotice),
        ("answers to decisions", answer, RecordedDecision),
    ],
)
def test_it_keeps_rows_for_their_time_and_no_longer(db, monkeypatch, what, make, model):
    monkeypatch.setattr(retention, "_BATCH", 2)
    limit = NOW - retention.KEPT[what]
    for seconds in (-3, -2, -1, 0, 1):
        make(limit + seconds * bodies.SECOND)

    deleted = retention.purge(now=NOW)

    assert deleted == {**dict.fromkeys(deleted, 0), what: 3}
    assert model.objects.count() == 2


def test_it_keeps_the_audit_for_two_years():
    assert NOW - retention.KEPT["access records"] <= NOW.replace(year=NOW.year - 2)


def test_it_lets_alarms_go_a_year_after_they_were_over_and_never_open_ones(db):
    old = timezone.now() - dt.timedelta(days=400)
    for subject, ended_at in (("over", old), ("late", timezone.now()), ("open", None)):
        Alarm.objects.create(kind="x", subject=subject, severity="info", since=old, seen_at=old, ended_at=ended_at)

    tasks.keep_house()

    assert sorted(Alarm.objects.values_list("subject", flat=True)) == ["late", "open"]


def test_it_keeps_house_by_schedule():
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}

    assert {"preferences.tasks.keep_house", "reports.tasks.keep_house"} <= scheduled


@pytest.mark.parametrize(("action", "is_new"), [("opt_out", False), ("opt_in", True)])
def test_it_takes_a_forgotten_key_for_the_same_act_only_with_the_same_request(acme, action, is_new):
    """Once its answer is forgotten a key tells nothing by itself: another request with it must not be dropped."""
    program = Program()
    evidence = {
        "what": "Offers", "obtained_at": "2026-11-20T12:00:00Z", "how": "web form", "notice_version": "3",
        "source_system": "shop", "reference": "1",
    }  # fmt: skip
    told = {"recipient": bodies.BILAL, "brand": "acme", "channel": "whatsapp", "topic": "marketing"}
    program.decide({**told, "action": "opt_out"})
    RecordedDecision.objects.update(created_at=NOW - retention.KEPT["answers to decisions"] - bodies.HOUR)
    retention.purge(now=NOW)

    answer = program.decide({**told, "action": action, **({"evidence": evidence} if action == "opt_in" else {})})

    assert (answer.status_code, answer.json()["is_new"]) == (201 if is_new else 200, is_new)
    assert ConsentEvent.objects.count() == 1 + is_new
