"""Two at once on one subscriber: real threads on PostgreSQL end in one right state and a verifying ledger."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from preferences import decisions, eligibility, inbox, outbox, seals
from preferences.decisions import Act
from preferences.identifiers import digest
from preferences.models import (
    ConsentEvent,
    Delivery,
    EventKind,
    Identity,
    InboxEntry,
    Scope,
    Source,
    Subscriber,
)
from preferences.signing import sign_meta
from preferences.webhooks import whatsapp
from tests import streams
from tests.conftest import SECRET

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
NOW = streams.START + dt.timedelta(seconds=60)


def together(*jobs: Callable[[], object]) -> None:
    """Run the jobs at the same moment, each with a connection of its own; their exceptions are raised here."""
    gate = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> object:
        gate.wait(timeout=10)
        try:
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        for future in [pool.submit(run, job) for job in jobs]:
            future.result(timeout=60)


def deliver(*entries: dict) -> None:
    for body in streams.bodies([[entry] for entry in entries]):
        raw = json.dumps(body).encode()
        whatsapp.accept(raw, signature=sign_meta(raw, SECRET), headers={}, now=NOW)


def settle() -> None:
    """What is left after a collision waits a second or two for its next turn."""
    inbox.process(now=NOW + dt.timedelta(minutes=5))
    assert not InboxEntry.objects.exclude(state="done").exists()
    assert decisions.rebuild(is_check=True).wrong == []
    assert seals.verify().problems == []


def answer(who: str) -> str:
    return eligibility.check([who], channel="whatsapp", topic="marketing", brands=None, now=NOW)[0].reason


def test_it_creates_one_person_when_two_workers_meet_a_stranger(acme):
    deliver(*[streams.message(index, "bilal", "both", index % 5, "STOP") for index in range(40)])

    together(*[lambda: inbox.process(now=NOW)] * 2)
    settle()

    assert Subscriber.objects.count() == 1
    assert ConsentEvent.objects.count() == 40
    assert Delivery.objects.count() == 1
    assert answer("+447700900123") == "opted_out"


def test_it_ends_right_when_webhook_and_staff_meet(acme):
    deliver(streams.message(0, "bilal", "both", 0, "hello"))
    inbox.process(now=NOW)
    subscriber = Identity.objects.filter(scheme="phone").get().subscriber_id

    def staff_opts_in(number: int) -> Callable[[], object]:
        act = Act(
            subscriber=subscriber,
            kind=EventKind.OPT_IN,
            scope=Scope(brand=acme.pk),
            effective_at=streams.START + dt.timedelta(seconds=10),
            received_at=NOW,
            source=Source.STAFF,
            source_ref=digest(f"staff:{number}"),
            evidence=b"call recording",
        )
        return lambda: decisions.record(act, now=NOW)

    deliver(*[streams.message(index, "bilal", "phone", 20, "STOP") for index in range(1, 9)])
    together(lambda: inbox.process(now=NOW), *[staff_opts_in(number) for number in range(4)])
    settle()

    assert answer("+447700900123") == "opted_out"
    assert ConsentEvent.objects.count() == 12


def test_it_joins_two_halves_of_a_person_seen_at_once(acme):
    deliver(streams.message(0, "dora", "phone", 0, "STOP"), streams.message(1, "dora", "bsuid", 5, "hello"))
    inbox.process(now=NOW)
    deliver(*[streams.message(index, "dora", "both", 10, "hello") for index in range(2, 12)])

    together(*[lambda: inbox.process(now=NOW)] * 2)
    settle()

    assert answer("GB.7000000000000000124") == answer("+447700900124") == "opted_out"
    assert ConsentEvent.objects.filter(kind="join").count() == 1


def test_it_gives_gap_free_positions_in_commit_order(acme):
    people = [f"4477009{index:05d}" for index in range(60)]
    for index, phone in enumerate(people):
        streams.PEOPLE[phone] = (phone, f"GB.8{index:018d}")
    try:
        deliver(*[streams.message(index, phone, "both", 0, "STOP") for index, phone in enumerate(people)])
    finally:
        for phone in people:
            del streams.PEOPLE[phone]

    together(*[lambda: inbox.process(now=NOW)] * 4)
    settle()

    assert sorted(ConsentEvent.objects.values_list("position", flat=True)) == list(range(1, 61))


def test_it_delivers_each_confirmation_once_with_several_workers(acme):
    deliver(streams.message(0, "bilal", "both", 50, "STOP"), streams.message(1, "dora", "both", 50, "STOP"))
    inbox.process(now=NOW)

    together(*[lambda: outbox.deliver(now=NOW)] * 4)

    assert list(Delivery.objects.order_by("pk").values_list("state", "attempts")) == [("recorded", 1), ("recorded", 1)]
