"""Following `since` while others write: nothing missed, nothing twice. Real threads and transactions on PostgreSQL."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.utils import timezone

from preferences import decisions, eligibility, inbox
from preferences.decisions import Act
from preferences.identifiers import digest
from preferences.models import (
    Brand,
    Consent,
    ConsentEvent,
    Controller,
    EventKind,
    Identity,
    PolicyVersion,
    Portfolio,
    Scope,
    Sender,
    Source,
    Subscriber,
)
from preferences.signing import sign_meta
from preferences.webhooks import whatsapp
from tests import bodies
from tests.conftest import SECRET
from tests.programs import Program

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

WRITERS, ROUNDS, PEOPLE = 4, 40, 12


@pytest.fixture
def brand() -> Iterator[Brand]:
    controller = Controller.objects.create(name="Acme Group", seat="GB")
    brand = Brand.objects.create(controller=controller, slug="acme", name="Acme")
    PolicyVersion.objects.create(brand=brand, number=1)
    portfolio = Portfolio.objects.create(provider="whatsapp", key=f"waba:{bodies.WABA}")
    Sender.objects.create(portfolio=portfolio, provider="whatsapp", key=bodies.NUMBER, brand=brand)
    yield brand


class Follower:
    """Follows one list like docs/api.md says, and keeps what it was told of each person."""

    def __init__(self, program: Program, resource: str) -> None:
        self._program, self._resource = program, resource
        self.position = 0
        self.results: list[dict] = []
        self.people: dict[str, dict] = {}

    def poll(self, limit: int) -> None:
        page = self._program.list(self._resource, since=self.position, limit=limit)
        assert page["position"] >= self.position
        self.position = page["position"]
        self.results += page["results"]
        for one in page["results"]:
            known = self.people.get(one["subscriber"])
            if known is None or one.get("version", 0) >= known.get("version", 0):
                self.people[one["subscriber"]] = one


def people_known() -> list[int]:
    now = timezone.now()
    raws = [
        json.dumps(bodies.message("hello", phone=f"+4477009000{index:02d}", at=now)).encode() for index in range(PEOPLE)
    ]
    for raw in raws:
        whatsapp.accept(raw, signature=sign_meta(raw, SECRET), headers={}, now=now)
    inbox.process(now=now)
    return list(Subscriber.objects.order_by("pk").values_list("pk", flat=True))


def write(writer: int, people: list[int], brand: Brand) -> None:
    """Some acts alone, some many in a transaction, some rolled back: positions must have no gaps all the same."""
    try:
        for index in range(ROUNDS):
            now = timezone.now()
            chosen = [people[(writer * 7 + index + step) % len(people)] for step in range(1 + index % 4)]
            kind = EventKind.STOP if (writer + index) % 3 else EventKind.OPT_IN
            acts = [
                Act(
                    subscriber=pk, kind=kind, scope=Scope(brand=brand.pk), effective_at=now, received_at=now,
                    source=Source.STAFF, source_ref=digest(f"{writer}:{index}:{pk}"), evidence=b"proof",
                )
                for pk in dict.fromkeys(chosen)
            ]  # fmt: skip
            with transaction.atomic():
                decisions.record_many(acts, now=now)
                if index % 10 == 9:
                    transaction.set_rollback(True)
    finally:
        connection.close()


def test_it_misses_nothing_while_others_write(brand):
    people = people_known()
    program = Program()
    followers = [Follower(program, name) for name in ("events", "consents", "suppressions", "subscribers")]
    is_over = threading.Event()

    def follow(follower: Follower) -> None:
        try:
            while not is_over.is_set():
                follower.poll(limit=7)
            while follower.position < eligibility.position():
                follower.poll(limit=1000)
        finally:
            connection.close()

    with ThreadPoolExecutor(WRITERS + len(followers)) as pool:
        reading = [pool.submit(follow, follower) for follower in followers]
        for writing in [pool.submit(write, writer, people, brand) for writer in range(WRITERS)]:
            writing.result(timeout=120)
        is_over.set()
        for one in reading:
            one.result(timeout=120)

    events, consents, suppressions, subscribers = followers
    written = list(ConsentEvent.objects.order_by("position").values_list("position", flat=True))
    assert len(written) > 200
    assert [one["position"] for one in events.results] == written == list(range(1, len(written) + 1))
    for public_id, stored in stored_states().items():
        told = {(row["scope"]["channel"], row["scope"]["topic"], row["status"], row["version"])
                for row in consents.people[public_id]["consents"]}  # fmt: skip
        assert told == stored
        phone = suppressions.people[public_id]["recipients"][0]
        (answer,) = eligibility.check([phone], channel="whatsapp", topic="marketing", brands=None, now=timezone.now())
        assert suppressions.people[public_id]["is_suppressed"] is (answer.reason == "opted_out")
    assert set(subscribers.people) == {str(pk) for pk in Subscriber.objects.values_list("public_id", flat=True)}
    assert Identity.objects.count() == PEOPLE


def stored_states() -> dict[str, set[tuple[str, str, str, int]]]:
    states: dict[str, set[tuple[str, str, str, int]]] = {}
    for row in Consent.objects.select_related("subscriber"):
        states.setdefault(str(row.subscriber.public_id), set()).add((row.channel, row.topic, row.status, row.version))
    return states


def test_it_waits_for_a_transaction_that_took_its_position_first(brand):
    """A reader never sees a later position before an earlier one is committed."""
    first, second = people_known()[:2]
    program = Program()
    has_written, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                decisions.record(_stop(first, brand), now=timezone.now())
                has_written.set()
                may_commit.wait(timeout=30)
        finally:
            connection.close()

    def quick() -> None:
        try:
            decisions.record(_stop(second, brand), now=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(slow)
        assert has_written.wait(timeout=30)
        other = pool.submit(quick)
        before = program.list("events", since=0)
        may_commit.set()
        one.result(timeout=30), other.result(timeout=30)

    assert (before["position"], before["results"]) == (0, [])
    assert [event["position"] for event in program.list("events", since=0)["results"]] == [1, 2]


def _stop(pk: int, brand: Brand) -> Act:
    now = timezone.now() - dt.timedelta(seconds=1)
    return Act(
        subscriber=pk, kind=EventKind.STOP, scope=Scope(brand=brand.pk), effective_at=now, received_at=now,
        source=Source.STAFF, source_ref=digest(str(pk)), evidence=b"proof",
    )  # fmt: skip
