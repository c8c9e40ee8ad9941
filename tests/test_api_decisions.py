"""`POST /api/v1/decisions/`: an opt-out, or an opt-in with evidence, recorded once per idempotency key."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from preferences import decisions, eligibility, seals
from preferences.encryption import pseudonym, unseal
from preferences.models import (
    API_SCOPES,
    Brand,
    Consent,
    ConsentEvent,
    Controller,
    Delivery,
    Evidence,
    Identity,
    PolicyVersion,
    Portfolio,
    Reach,
    RecordedDecision,
    Sender,
    Subscriber,
    Tombstone,
    Topic,
)
from tests import bodies
from tests.conftest import SAMPLE_TIME
from tests.problems import is_problem
from tests.programs import Program

STRANGER = "+4930123456"
USER_ID = "GB.7000000000000000123"
EVIDENCE = {
    "what": "Offers of Acme on WhatsApp",
    "obtained_at": "2026-11-22T10:00:00Z",
    "how": "web form, box ticked by the person",
    "notice_text": "Yes, send me offers of Acme on WhatsApp. I can stop at any time.",
    "source_system": "shop",
    "reference": "https://shop.example/consents/4711",
}
STOP = {"recipient": bodies.BILAL, "action": "opt_out", "brand": "acme"}
START = {
    "recipient": bodies.BILAL, "action": "opt_in", "brand": "acme", "channel": "whatsapp", "topic": "marketing",
    "evidence": EVIDENCE,
}  # fmt: skip


@pytest.fixture
def program(acme):
    return Program("decisions:write", "events:read")


@pytest.fixture
def other(acme):
    return Brand.objects.create(controller=acme.controller, slug="other", name="Other")


def without(body, *names):
    return {name: value for name, value in body.items() if name not in names}


# What is recorded -----------------------------------------------------------------------------------------------------


def test_it_records_an_opt_out_of_somebody_never_seen(program, ask):
    before = timezone.now()

    response = program.decide(STOP)

    answer = response.json()
    event = ConsentEvent.objects.get()
    assert response.status_code == 201
    assert answer == {
        "position": 1,
        "recorded_at": event.recorded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "effective_at": event.effective_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "subscriber": str(Subscriber.objects.get().public_id),
        "is_new": True,
        "eligibility": {
            "channel": "whatsapp", "topic": "marketing", "allowed": False, "reason": "opted_out",
            "since": event.effective_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "version": 1,
        },
    }  # fmt: skip
    assert before <= event.effective_at == event.received_at
    assert ask(bodies.BILAL)["reason"] == ask(bodies.BILAL, channel="sms")["reason"] == "opted_out"
    assert (event.kind, event.source, event.actor, event.jurisdiction, event.topic, event.channel) == (
        "stop", "api", 0, "GB", "marketing", "any",
    )  # fmt: skip
    assert event.rule == f"api/key-{RecordedDecision.objects.get().api_key_id}"
    assert not Delivery.objects.exists()
    assert seals.verify().problems == []
    assert decisions.rebuild(is_check=True).wrong == []


def test_it_records_an_opt_in_with_its_evidence(program, ask):
    response = program.decide(START)

    event = ConsentEvent.objects.get()
    assert response.status_code == 201
    assert response.json()["eligibility"]["reason"] == ask(bodies.BILAL)["reason"] == "opted_in"
    assert ask(bodies.BILAL, channel="sms")["reason"] == "no_consent"
    assert event.effective_at == dt.datetime(2026, 11, 22, 10, tzinfo=dt.UTC)
    assert (event.legal_basis, event.expression) == ("consent", "explicit")
    assert event.notice_version == hashlib.sha256(EVIDENCE["notice_text"].encode()).hexdigest()
    evidence = Evidence.objects.get(position=event.position)
    content = unseal("evidence", bytes(evidence.content))
    assert json.loads(content)["told"] == START
    assert hashlib.sha256(bytes(evidence.salt) + content).digest() == bytes(event.evidence)


@pytest.mark.parametrize(
    ("recipient", "scheme", "country"),
    [(STRANGER, "phone", "DE"), (USER_ID, "bsuid", "GB"), ("greta@example.com", "email", "")],
)
def test_it_knows_people_by_any_identifier(recipient, scheme, country, program, ask):
    assert program.decide(STOP | {"recipient": recipient}).status_code == 201

    identity = Identity.objects.get()
    assert (identity.scheme, identity.value, identity.subscriber.country) == (scheme, recipient, country)
    assert identity.scope == (Sender.objects.get().portfolio_id if scheme == "bsuid" else 0)
    assert ask(recipient)["reason"] == "opted_out"
    assert program.decide(STOP | {"recipient": recipient}, key="again").status_code == 201
    assert Subscriber.objects.count() == 1


def test_it_records_for_a_person_known_from_whatsapp(program, receive, ask):
    receive(bodies.message("hello", bsuid=USER_ID, at=SAMPLE_TIME), now=SAMPLE_TIME)

    program.decide(STOP | {"recipient": "0044 7700 900123"})

    assert Subscriber.objects.count() == 1
    assert ask(USER_ID)["reason"] == "opted_out"


def test_it_stops_everybody_who_has_a_user_id(program, receive, ask):
    """The same id in two portfolios may be two people: tightening takes both, loosening is refused."""
    portfolio = Portfolio.objects.create(provider="whatsapp", key="waba:2")
    Sender.objects.create(portfolio=portfolio, provider="whatsapp", key="2", brand=Brand.objects.get())
    receive(
        bodies.message("hello", phone="", bsuid=USER_ID, at=SAMPLE_TIME),
        bodies.message("hello", phone="", bsuid=USER_ID, at=SAMPLE_TIME, waba="2", number="2"),
        now=SAMPLE_TIME,
    )

    assert is_problem(program.decide(START | {"recipient": USER_ID}), 422, "ambiguous")
    assert program.decide(STOP | {"recipient": USER_ID}, key="stop").status_code == 201
    assert Consent.objects.filter(status="opted_out").count() == Subscriber.objects.count() == 2


# How far it reaches ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "scope"),
    [
        ({}, ("brand", "any", "marketing")),
        ({"channel": "sms"}, ("brand", "sms", "marketing")),
        ({"topic": "any"}, ("brand", "any", "any")),
        ({"topic": "service"}, ("brand", "any", "service")),
        ({"topic": "spring"}, ("brand", "any", "spring")),
        ({"topic": "ad_sharing"}, ("brand", "any", "ad_sharing")),
        ({"brand": None}, ("every brand", "any", "marketing")),
    ],
)
def test_it_reaches_as_far_as_it_says(told, scope, acme, program):
    Topic.objects.create(brand=acme, slug="spring", name="Spring sale")
    body = {name: value for name, value in (STOP | told).items() if value is not None}

    assert program.decide(body).status_code == 201

    event = ConsentEvent.objects.get()
    assert ("brand" if event.brand == acme.pk else "every brand", event.channel, event.topic) == scope
    assert event.kind == ("sale_opt_out" if told.get("topic") == "ad_sharing" else "stop")


def test_it_reaches_all_brands_of_the_controller_where_policy_says_so(acme, program, other, ask):
    PolicyVersion.objects.create(brand=acme, number=2, reach=Reach.CONTROLLER)

    program.decide(STOP)
    program.decide(START, key="in")

    stop, start = ConsentEvent.objects.order_by("position")
    assert (stop.controller, stop.brand) == (acme.controller_id, 0)
    assert (start.controller, start.brand, start.channel) == (0, acme.pk, "whatsapp")
    assert ask(bodies.BILAL, brand="other")["reason"] == "opted_out"


def test_it_takes_the_one_brand_of_a_key(acme, other):
    program = Program("decisions:write", brands=(other,))

    assert program.decide(without(STOP, "brand")).status_code == 201
    assert ConsentEvent.objects.get().brand == other.pk


def test_it_asks_a_key_of_several_brands_which_one(acme, other):
    response = Program("decisions:write", brands=(acme, other)).decide(without(STOP, "brand"))

    assert is_problem(response, 400, "invalid")
    assert list(response.json()["errors"]) == ["brand"]


# When it counts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [dt.timedelta(hours=1), dt.timedelta(days=36500)])
def test_it_takes_a_time_in_the_future_for_now(ahead, program):
    program.decide(STOP | {"effective_at": (timezone.now() + ahead).isoformat()})

    event = ConsentEvent.objects.get()
    assert event.effective_at == event.received_at


def test_a_stop_beats_an_opt_in_obtained_before_it(program, receive, ask):
    """A list of old consents that is told late opens nothing that was closed since."""
    receive(bodies.message("STOP", at=SAMPLE_TIME), now=SAMPLE_TIME)

    response = program.decide(START | {"effective_at": timezone.now().isoformat()})

    assert response.json()["eligibility"]["reason"] == ask(bodies.BILAL)["reason"] == "opted_out"


def test_an_opt_in_obtained_after_a_stop_opens(program, receive, ask):
    receive(bodies.message("STOP", at=SAMPLE_TIME - bodies.HOUR * 3), now=SAMPLE_TIME)

    assert program.decide(START).json()["eligibility"]["allowed"] is True


def test_an_opt_in_never_lifts_a_platform_stop(program, receive, ask):
    receive(bodies.switched("stop", at=SAMPLE_TIME - bodies.HOUR * 3), now=SAMPLE_TIME)

    assert program.decide(START).json()["eligibility"]["reason"] == "platform_stop"


# Once -----------------------------------------------------------------------------------------------------------------


def test_it_gives_a_repeated_request_the_same_answer(program, receive):
    first = program.decide(STOP)
    receive(bodies.message("START", at=timezone.now()))

    again = program.decide(json.dumps(dict(reversed(STOP.items())), indent=2))

    assert (again.status_code, again.json()) == (200, first.json())
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert ConsentEvent.objects.filter(source="api").count() == 1


def test_it_refuses_a_key_that_was_used_for_something_else(program):
    program.decide(STOP)

    assert is_problem(program.decide(STOP | {"topic": "any"}), 422, "idempotency_key_reused")
    assert ConsentEvent.objects.count() == 1


def test_it_keeps_the_keys_of_programs_apart(program):
    assert (
        program.decide(STOP).status_code
        == Program("decisions:write").decide(STOP | {"topic": "any"}).status_code
        == 201
    )


def test_it_records_an_act_of_the_other_system_once(program):
    told = STOP | {"source_reference": "case 4711"}

    first, again = program.decide(told), program.decide(told, key="key-2")

    assert (again.status_code, again.json()["is_new"]) == (200, False)
    assert {name: first.json()[name] for name in ("position", "recorded_at", "effective_at", "subscriber")} == {
        name: again.json()[name] for name in ("position", "recorded_at", "effective_at", "subscriber")
    }
    assert program.decide(told | {"recipient": STRANGER}, key="key-3").status_code == 201
    assert program.decide(START | {"source_reference": "case 4711"}, key="key-4").status_code == 201


def test_it_keeps_no_value_of_the_person_beside_the_evidence(program):
    program.decide(STOP | {"source_reference": bodies.BILAL, "reason": f"{bodies.BILAL} called"})

    rows = [*ConsentEvent.objects.values(), *RecordedDecision.objects.values(), *Evidence.objects.values()]
    assert bodies.BILAL.strip("+") not in str(rows)


def test_nothing_is_kept_of_what_failed(program, monkeypatch):
    monkeypatch.setattr(RecordedDecision.objects, "create", _fail)

    assert is_problem(program.decide(STOP), 500, "error")
    assert not ConsentEvent.objects.exists() and not Subscriber.objects.exists()


def _fail(**row):
    raise RuntimeError("broken")


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("", "recipient"), ("[]", "body"), ("null", "body"), ('"x"', "body"), ("{", None), ("[" * 100_000, None),
        ("NaN", None),
        ({}, "recipient"), (STOP | {"recipient": ""}, "recipient"), (STOP | {"recipient": "nobody"}, "recipient"),
        (STOP | {"recipient": 447700900123}, "recipient"), (STOP | {"recipient": "+44\x007700900123"}, "recipient"),
        (STOP | {"recipient": "\ud800"}, "recipient"), (STOP | {"recipient": "+" + "4" * 400}, "recipient"),
        (STOP | {"recipient": [bodies.BILAL]}, "recipient"), (STOP | {"recipient": None}, "recipient"),
        (STOP | {"action": "delete"}, "action"), (STOP | {"action": ["opt_out"]}, "action"),
        (STOP | {"brand": "nobody"}, "brand"), (STOP | {"brand": 7}, "brand"), (STOP | {"brand": "\x00"}, "brand"),
        (STOP | {"channel": "pigeon"}, "channel"), (STOP | {"channel": "any"}, "channel"),
        (STOP | {"chanel": "sms"}, "chanel"),
        (STOP | {"topic": "nothing"}, "topic"), (STOP | {"topic": ""}, "topic"), (STOP | {"topic": True}, "topic"),
        (STOP | {"effective_at": "2026-11-22T10:00:00"}, "effective_at"), (STOP | {"effective_at": "soon"}, "effective_at"),
        (STOP | {"effective_at": 10**400}, "effective_at"),
        (STOP | {"effective_at": "0001-01-01T00:00:00+14:00"}, "effective_at"),
        (STOP | {"effective_at": "9999-12-31T23:59:59-14:00"}, "effective_at"),
        (STOP | {"source_reference": "x" * 201}, "source_reference"), (STOP | {"reason": "\ud800"}, "reason"),
        (STOP | {"evidence": "proof"}, "evidence"), (STOP | {"evidence": {}}, "evidence.what"),
        (STOP | {"evidence": EVIDENCE | {"witness": "x"}}, "evidence.witness"),
        (without(START, "evidence"), "evidence"), (without(START, "brand"), "brand"), (without(START, "channel"), "channel"),
        (without(START, "topic"), "topic"), (START | {"topic": "any"}, "topic"), (START | {"topic": "service"}, "topic"),
        (START | {"evidence": None}, "evidence"),
        *[(START | {"evidence": without(EVIDENCE, name)}, f"evidence.{name}") for name in EVIDENCE],
        *[(START | {"evidence": EVIDENCE | {name: " "}}, f"evidence.{name}") for name in EVIDENCE],
    ],
)  # fmt: skip
def test_it_refuses_what_is_no_decision(body, field, program):
    response = program.decide(body)

    assert is_problem(response, 400, "invalid")
    if field:
        assert field in response.json()["errors"]
    assert not ConsentEvent.objects.exists()


@pytest.mark.parametrize("key", [None, "", " ", "x" * 101, "a b", "é", "a\x7f"])
def test_it_refuses_without_an_idempotency_key(key, program):
    response = program.decide(STOP, key=key)

    assert is_problem(response, 400, "invalid")
    assert list(response.json()["errors"]) == ["Idempotency-Key"]


def test_it_has_nothing_to_record_for_an_erased_person(program, ask):
    key, digest = pseudonym(f"phone:{bodies.BILAL}")
    Tombstone.objects.create(
        key_id=key, digest=digest, scheme="phone", public_id="0" * 32, erased_at=SAMPLE_TIME - dt.timedelta(days=1)
    )

    assert is_problem(program.decide(STOP), 422, "erased")
    assert ask(bodies.BILAL)["reason"] == "erased"
    assert program.decide(START, key="came-back").json()["eligibility"]["reason"] == "opted_in"


def test_it_refuses_without_a_key(acme, client):
    assert is_problem(client.post("/api/v1/decisions/", STOP, content_type="application/json"), 401, "unauthorized")


def test_it_refuses_a_key_without_the_scope(acme):
    response = Program(*(API_SCOPES - {"decisions:write"})).decide(STOP)

    assert is_problem(response, 403, "forbidden")


def test_it_refuses_a_key_of_another_brand(acme, other):
    response = Program("decisions:write", brands=(other,)).decide(STOP)

    assert is_problem(response, 400, "invalid")
    assert not ConsentEvent.objects.exists()


def test_it_asks_the_database_as_often_for_a_person_with_a_history(program, receive):
    program.decide(STOP, key="first")  # notes when the key was used
    counts = []
    for index in range(3):
        with CaptureQueriesContext(connection) as asked:
            program.decide(STOP | {"reason": str(index)}, key=f"key-{index}")
        counts.append(len(asked))
        receive(*[bodies.message("STOP", at=SAMPLE_TIME - bodies.HOUR * n) for n in range(20)], now=SAMPLE_TIME)

    assert counts[0] == counts[2]
    assert counts[0] <= 60


# Two at once ----------------------------------------------------------------------------------------------------------


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_known", [False, True])
def test_it_records_once_when_two_ask_at_once(is_known):
    brand = Brand.objects.create(controller=Controller.objects.create(name="Acme Group"), slug="acme", name="Acme")
    PolicyVersion.objects.create(brand=brand, number=1)
    program = Program("decisions:write")
    if is_known:
        program.decide(STOP, key="earlier")
    gate = threading.Barrier(6)

    def ask(index: int):
        gate.wait(timeout=10)
        try:
            # Four repeat one request, two are decisions of their own about the same person.
            return program.decide(STOP, key="same" if index < 4 else f"own-{index}")
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        responses = list(pool.map(ask, range(6)))

    same = responses[:4]
    assert sorted(one.status_code for one in same) == [200, 200, 200, 201]
    assert len({json.dumps(one.json(), sort_keys=True) for one in same}) == 1
    assert [one.status_code for one in responses[4:]] == [201, 201]
    assert ConsentEvent.objects.count() == 3 + is_known
    assert Subscriber.objects.count() == 1
    assert decisions.rebuild(is_check=True).wrong == []
    assert seals.verify().problems == []
    answers = eligibility.check([bodies.BILAL], channel="whatsapp", topic="marketing", brands=None, now=timezone.now())
    assert answers[0].reason == "opted_out"
