"""The lists of the API: what they hold, who may see what, how pages are turned, what is refused."""

from __future__ import annotations

import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from preferences import decisions, seals
from preferences.api import pages
from preferences.decisions import Act
from preferences.encryption import pseudonym
from preferences.identifiers import digest
from preferences.models import (
    API_SCOPES,
    Brand,
    ConsentEvent,
    EventKind,
    Identity,
    PolicyVersion,
    Reply,
    Scope,
    Sender,
    Source,
    Subscriber,
    Tombstone,
    Username,
)
from tests import bodies
from tests.conftest import SAMPLE_TIME
from tests.problems import is_problem
from tests.programs import DELTAS, LISTS, Program

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
MINUTE = bodies.HOUR / 60


@pytest.fixture
def program(db):
    return Program()


@pytest.fixture
def bilal(acme, receive):
    """Bilal wrote STOP; his public id."""
    receive(bodies.message("STOP", bsuid="GB.7000000000000000123", at=SAMPLE_TIME), now=SAMPLE_TIME)
    return str(Subscriber.objects.get().public_id)


@pytest.fixture
def many(acme, receive):
    """Seven people who wrote STOP, one a minute."""
    at = [SAMPLE_TIME + index * MINUTE for index in range(7)]
    receive(
        *[bodies.message("STOP", phone=f"+4477009009{index:02d}", at=one) for index, one in enumerate(at)], now=at[-1]
    )


@pytest.fixture
def other(acme):
    """Another brand of another controller, with a sender of its own in a portfolio of its own."""
    controller = type(acme.controller).objects.create(name="Other Group", seat="GB")
    brand = Brand.objects.create(controller=controller, slug="other", name="Other")
    PolicyVersion.objects.create(brand=brand, number=1)
    return brand


def opt(person: str, kind: EventKind, scope: Scope, *, at=SAMPLE_TIME, ref: str = "") -> int:
    """Record an act of a person who is known by public id."""
    subscriber = Subscriber.objects.get(public_id=person)
    act = Act(
        subscriber=subscriber.pk, kind=kind, scope=scope, effective_at=at, received_at=at, source=Source.STAFF,
        source_ref=digest(ref or str(uuid.uuid4())), evidence=b"proof",
    )  # fmt: skip
    return decisions.record(act, now=at).position


# What they hold -------------------------------------------------------------------------------------------------------


def test_it_tells_an_event_without_personal_data(bilal, program):
    page = program.list("events")

    (event,) = page["results"]
    assert (page["position"], page["next"]) == (1, None)
    assert event["subscriber"] == bilal
    assert event["scope"] == {"reach": "brand", "brand": "acme", "channel": "any", "topic": "marketing"}
    assert (event["position"], event["kind"], event["status"], event["source"]) == (1, "stop", "opted_out", "reply")
    assert (event["effective_at"], event["country"]) == ("2026-11-22T12:00:00.000000Z", "GB")
    row = ConsentEvent.objects.get()
    assert (event["row_hash"], event["source_ref"]) == (bytes(row.row_hash).hex(), bytes(row.source_ref).hex())
    assert bodies.BILAL.strip("+") not in str(page)


def test_it_tells_what_a_person_has_said(bilal, program):
    page = program.list("consents")

    assert page["results"] == [
        {
            "subscriber": bilal,
            "version": 1,
            "joined_into": None,
            "erased_at": None,
            "consents": [
                {
                    "scope": {"reach": "brand", "brand": "acme", "channel": "any", "topic": "marketing"},
                    "status": "opted_out",
                    "effective_at": "2026-11-22T12:00:00.000000Z",
                    "event": 1,
                    "version": 1,
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    "spelling", ["+44 7700 900123", "00447700900123", "+44 (0)7700 900123", "whatsapp:+447700900123"]
)
def test_it_finds_a_person_by_any_spelling(spelling, bilal, program):
    (found,) = program.list("subscribers", recipient=spelling)["results"]

    assert (found["subscriber"], found["country"], found["erased_at"]) == (bilal, "GB", None)
    phone = next(one for one in found["identities"] if one["scheme"] == "phone")
    assert (phone["value"], phone["ended_at"], phone["portfolio"]) == (bodies.BILAL, None, None)
    assert ISO.fullmatch(phone["since"])


def test_it_finds_a_person_by_user_id(bilal, program):
    user_id = Identity.objects.get(scheme="bsuid").value

    (found,) = program.list("subscribers", recipient=user_id)["results"]

    assert found["subscriber"] == bilal
    assert next(one for one in found["identities"] if one["scheme"] == "bsuid")["portfolio"] == "waba:100000000000001"


def test_it_answers_nobody_for_a_stranger(acme, program):
    assert program.list("subscribers", recipient="+4930123456")["results"] == []


def test_it_tells_one_person(bilal, program):
    Username.objects.create(subscriber=Subscriber.objects.get(), name="bilal.example", seen_at=SAMPLE_TIME)

    response = program.get(f"subscribers/{bilal}")

    assert response.status_code == 200
    assert (response.json()["subscriber"], response.json()["username"]) == (bilal, "bilal.example")
    assert is_problem(program.get(f"subscribers/{uuid.uuid4()}"), 404, "not_found")


def test_it_says_who_was_erased(bilal, program):
    key, stone = pseudonym(f"phone:{bodies.BILAL}")
    Tombstone.objects.create(key_id=key, digest=stone, scheme="phone", public_id=bilal, erased_at=SAMPLE_TIME)
    Identity.objects.all().delete()
    Subscriber.objects.update(erased_at=SAMPLE_TIME)

    (found,) = program.list("subscribers", recipient=bodies.BILAL)["results"]

    assert (found["erased_at"], found["identities"]) == ("2026-11-22T12:00:00.000000Z", [])
    assert program.list("subscribers", is_erased="true")["results"] == [found]
    assert program.list("subscribers", is_erased="false")["results"] == []


def test_it_decrypts_replies(acme, receive, program):
    receive(bodies.message("if this goes on I will unsubscribe 😀", at=SAMPLE_TIME), now=SAMPLE_TIME)

    page = program.list("replies")

    (reply,) = page["results"]
    assert reply["text"] == "if this goes on I will unsubscribe 😀"
    assert reply["sender"] == {"id": Sender.objects.get().pk, "display": "12025550100", "brand": "acme"}
    assert (reply["review_state"], reply["review_due_at"]) == ("waiting", "2026-11-25T12:00:00.000000Z")
    assert "wamid" not in str(page)
    assert page["position"] == reply["event"] == 1


def test_it_says_that_a_text_no_longer_opens(bilal, program):
    Reply.objects.update(text=b"")

    assert program.list("replies")["results"][0]["text"] is None


def test_it_lists_whom_not_to_message(acme, receive, program):
    stop, switch, doubt = "+447700900201", "+447700900202", "+447700900203"
    receive(
        bodies.message("STOP", phone=stop, at=SAMPLE_TIME),
        bodies.switched("stop", phone=switch, at=SAMPLE_TIME),
        bodies.message("if this goes on I will unsubscribe", phone=doubt, at=SAMPLE_TIME),
        bodies.message("hello", phone="+447700900204", at=SAMPLE_TIME),
        now=SAMPLE_TIME,
    )

    results, _ = program.all("suppressions", brand="acme")

    reasons = {one["reason"]: one for one in results}
    assert set(reasons) == {"opted_out", "platform_stop", "held"}
    assert stop in reasons["opted_out"]["recipients"]
    assert switch in reasons["platform_stop"]["recipients"]
    assert doubt in reasons["held"]["recipients"]
    assert all(one["is_suppressed"] and one["since"] == "2026-11-22T12:00:00.000000Z" for one in results)
    assert [one["reason"] for one in program.list("suppressions", reason="held")["results"]] == ["held"]
    assert program.list("suppressions", topic="service")["results"] == []
    assert [one["reason"] for one in program.list("suppressions", channel="sms")["results"]] == ["opted_out", "held"]


def test_it_lists_both_spellings_of_one_line(acme, receive, program):
    receive(bodies.message("STOP", phone="+5511961231234", at=SAMPLE_TIME), now=SAMPLE_TIME)

    (one,) = program.list("suppressions")["results"]

    assert {"+5511961231234", "+551161231234"} <= set(one["recipients"])


def test_it_agrees_with_eligibility(acme, receive, program, ask):
    """The list to scrub with and the question before sending are the same truth."""
    texts = ["STOP", "START", "maybe stop?", "hello", "STOP"]
    people = [f"+4477009003{index:02d}" for index in range(len(texts))]
    receive(
        *[bodies.message(text, phone=who, at=SAMPLE_TIME) for text, who in zip(texts, people, strict=True)],
        now=SAMPLE_TIME,
    )

    results, _ = program.all("suppressions")

    listed = {value: one["reason"] for one in results for value in one["recipients"]}
    for who in people:
        reason = ask(who)["reason"]
        assert listed.get(who) == (reason if reason in {"opted_out", "held"} else None)


# Pages and deltas -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", LISTS)
@pytest.mark.parametrize("is_small", [True, False], ids=["small-window", "window"])
def test_it_turns_pages_to_the_end(resource, is_small, many, program, monkeypatch):
    if is_small:
        # PostgreSQL goes on counting from test to test, so ids may be large.
        monkeypatch.setattr(pages, "WINDOW", max(2, Subscriber.objects.latest("pk").pk // 10))

    whole, _ = program.all(resource)
    piece, position = program.all(resource, limit=3)
    single, _ = program.all(resource, limit=1)

    assert len(whole) == 7
    assert whole == piece == single
    assert position == 7


@pytest.mark.parametrize("resource", DELTAS)
@pytest.mark.parametrize("window", [2, 50_000])
def test_it_tells_what_is_new(resource, window, many, program, receive, monkeypatch):
    monkeypatch.setattr(pages, "WINDOW", window)
    _, position = program.all(resource)
    assert program.all(resource, since=position) == ([], 7)

    receive(
        bodies.message("STOP", phone="+447700900950", at=SAMPLE_TIME + bodies.HOUR),
        bodies.message("START", phone="+447700900903", at=SAMPLE_TIME + bodies.HOUR),
        now=SAMPLE_TIME + bodies.HOUR,
    )

    new, after = program.all(resource, since=position, limit=1)
    assert (len(new), after) == (2, 9)
    whole, _ = program.all(resource, since=position)
    assert sorted(whole, key=str) == sorted(new, key=str)
    assert program.all(resource, since=after) == ([], 9)


def test_it_keeps_the_position_of_the_first_page(many, program, receive):
    """What changes while pages are turned is in the delta since the first page."""
    first = program.list("consents", limit=3)
    receive(bodies.message("START", phone="+447700900900", at=SAMPLE_TIME + bodies.HOUR), now=SAMPLE_TIME + bodies.HOUR)

    second = program.get(first["next"]).json()

    assert first["position"] == second["position"] == 7
    (changed,) = program.list("consents", since=7)["results"]
    assert [row["status"] for row in changed["consents"]] == ["opted_out", "opted_in"]


def test_it_tells_in_a_delta_who_is_free_again(bilal, program, receive):
    receive(bodies.message("START", at=SAMPLE_TIME + bodies.HOUR), now=SAMPLE_TIME + bodies.HOUR)

    (freed,) = program.list("suppressions", since=1)["results"]

    assert (freed["subscriber"], freed["is_suppressed"], freed["reason"], freed["version"]) == (
        bilal,
        False,
        "opted_in",
        2,
    )
    assert program.list("suppressions")["results"] == []


def test_it_tells_in_a_delta_that_a_row_is_gone(bilal, program):
    stop = ConsentEvent.objects.get()
    correction = Act(
        subscriber=Subscriber.objects.get().pk, kind=EventKind.CORRECTION, scope=Scope(brand=stop.brand),
        effective_at=SAMPLE_TIME, received_at=SAMPLE_TIME, source=Source.STAFF, source_ref=digest("case"), voids=1,
    )  # fmt: skip
    decisions.record(correction, now=SAMPLE_TIME)

    (changed,) = program.list("consents", since=1)["results"]

    assert (changed["subscriber"], changed["version"], changed["consents"]) == (bilal, 2, [])


@pytest.mark.parametrize("resource", ["consents", "suppressions", "subscribers"])
def test_it_tells_in_a_delta_that_two_are_one(resource, acme, program, receive):
    phone, user_id = "+447700900124", "GB.7000000000000000124"
    receive(bodies.message("STOP", phone=phone, at=SAMPLE_TIME), now=SAMPLE_TIME)
    receive(bodies.message("hello", phone="", bsuid=user_id, at=SAMPLE_TIME), now=SAMPLE_TIME)
    _, position = program.all(resource)
    receive(bodies.message("hello", phone=phone, bsuid=user_id, at=SAMPLE_TIME + MINUTE), now=SAMPLE_TIME + MINUTE)

    results = program.list(resource, since=position)["results"]

    root = next(one for one in results if one["joined_into"] is None)
    (joined,) = [one for one in results if one["joined_into"]]
    assert joined["joined_into"] == root["subscriber"]
    if resource == "suppressions":
        assert {phone, user_id} <= set(root["recipients"])
        assert (joined["recipients"], joined["is_suppressed"], joined["reason"]) == ([], False, "")


def test_it_tells_in_a_delta_who_has_the_number_now(acme, program, receive):
    """A late stop of the one who gave a number up closes it for its next holder, about whom nothing was recorded."""
    phone, old, new = "+447700900125", "GB.7000000000000000001", "GB.7000000000000000002"
    receive(bodies.message("hello", phone=phone, bsuid=old, at=SAMPLE_TIME), now=SAMPLE_TIME)
    later = SAMPLE_TIME + 2 * bodies.HOUR
    receive(bodies.message("hello", phone=phone, bsuid=new, at=later), now=later)
    receive(bodies.message("STOP", phone=phone, bsuid=old, at=SAMPLE_TIME + MINUTE), now=later)

    results = program.list("suppressions", since=0)["results"]

    holder = next(one for one in results if phone in one["recipients"])
    assert (holder["is_suppressed"], holder["reason"]) == (True, "opted_out")


# Filters --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "query", "count"),
    [
        ("events", {"kind": "stop"}, 7), ("events", {"kind": "opt_in"}, 0), ("events", {"channel": "any"}, 7),
        ("events", {"channel": "sms"}, 0), ("events", {"topic": "marketing"}, 7), ("events", {"status": "opted_out"}, 7),
        ("events", {"source": "button"}, 0), ("events", {"country": "GB"}, 7), ("events", {"country": "US"}, 0),
        ("events", {"recorded_after": "2026-11-22T12:06:00Z"}, 7),
        ("events", {"recorded_before": "2026-11-22T12:06:00Z"}, 0),
        ("consents", {"status": "opted_out"}, 7), ("consents", {"status": "opted_in"}, 0),
        ("consents", {"channel": "sms"}, 0), ("consents", {"topic": "marketing", "brand": "acme"}, 7),
        ("consents", {"effective_after": "2026-11-22T12:03:00Z"}, 4),
        ("consents", {"effective_before": "2026-11-22T12:03:00Z"}, 3),
        ("subscribers", {"country": "GB"}, 7), ("subscribers", {"country": "US"}, 0),
        ("subscribers", {"created_after": "2026-11-22T12:06:00Z"}, 7),
        ("subscribers", {"created_before": "2026-11-22T12:06:00Z"}, 0),
        ("replies", {"intent": "opt_out"}, 7), ("replies", {"intent": "help"}, 0), ("replies", {"language": "xx"}, 0),
        ("replies", {"review_state": "waiting"}, 0), ("replies", {"received_after": "2026-11-22T12:06:00Z"}, 7),
        ("replies", {"received_before": "2026-11-22T12:06:00Z"}, 0),
        ("suppressions", {"reason": "opted_out"}, 7), ("suppressions", {"reason": "held"}, 0),
    ],
)  # fmt: skip
def test_it_filters(resource, query, count, many, program):
    assert len(program.list(resource, **query)["results"]) == count


@pytest.mark.parametrize("resource", ["events", "consents", "replies", "suppressions"])
def test_it_narrows_to_one_person(resource, many, program):
    person = program.list("subscribers", recipient="+447700900903")["results"][0]["subscriber"]

    (one,) = program.list(resource, subscriber=person)["results"]

    assert one["subscriber"] == person
    assert program.list(resource, subscriber=str(uuid.uuid4()))["results"] == []


def test_it_begins_after_what_was_sealed_before(many, program):
    seals.seal(now=SAMPLE_TIME + bodies.HOUR)
    later = (SAMPLE_TIME + 3 * bodies.HOUR).isoformat().replace("+00:00", "Z")

    assert program.list("events", recorded_after=later) == {"position": 7, "next": None, "results": []}


@pytest.mark.parametrize("resource", LISTS)
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"chanel": "sms"}, "chanel"), ({"brand": ["acme", "acme"]}, "brand"), ({"brand": ""}, "brand"),
        ({"brand": "nobody"}, "brand"), ({"brand": "a\x00"}, "brand"), ({"brand": "x" * 5000}, "brand"),
        ({"limit": "0"}, "limit"), ({"limit": "1001"}, "limit"), ({"limit": "-1"}, "limit"), ({"limit": "many"}, "limit"),
        ({"limit": "9" * 5000}, "limit"), ({"limit": "１０"}, "limit"), ({"\x00": "x"}, "query"), ({"x" * 900: "x"}, "query"),
    ],
)  # fmt: skip
def test_it_refuses_what_no_list_knows(resource, query, field, acme, program):
    response = program.get(resource, **query)

    assert is_problem(response, 400, "invalid")
    assert list(response.json()["errors"]) == [field]


@pytest.mark.parametrize("resource", DELTAS)
@pytest.mark.parametrize("since", ["-1", "x", "1.0", "99", str(2**63), "9" * 5000])
def test_it_refuses_a_position_that_is_none(resource, since, many, program):
    response = program.get(resource, since=since)

    assert is_problem(response, 400, "invalid")
    assert list(response.json()["errors"]) == ["since"]


@pytest.mark.parametrize("resource", ["consents", "subscribers", "replies", "suppressions"])
@pytest.mark.parametrize("cursor", ["x", "bnVsbA", "W10", "WzEsMSwieCJd", "\x00", "é", "[" * 5000])
def test_it_refuses_a_cursor_that_is_none(resource, cursor, many, program):
    response = program.get(resource, cursor=cursor)

    assert is_problem(response, 400, "invalid")
    assert list(response.json()["errors"]) == ["cursor"]


def test_it_refuses_a_cursor_of_another_question(many, program):
    page = program.list("consents", limit=1)

    response = program.get(page["next"] + "&status=opted_in")

    assert is_problem(response, 400, "invalid")


@pytest.mark.parametrize(
    ("resource", "query"),
    [
        ("replies", {"since": 0}), ("events", {"cursor": "x"}), ("consents", {"since": 0, "cursor": "x"}),
        ("suppressions", {"since": 0, "reason": "held"}), ("subscribers", {"since": 0, "recipient": "+12025550143"}),
        ("consents", {"since": 0, "subscriber": str(uuid.UUID(int=1))}), ("events", {"kind": "party"}),
        ("events", {"subscriber": "bilal"}), ("events", {"recorded_after": "yesterday"}),
        ("subscribers", {"recipient": "nobody"}),
        ("subscribers", {"recipient": "\x00"}), ("subscribers", {"country": "GBR"}), ("suppressions", {"channel": "any"}),
        ("suppressions", {"topic": "any"}),
    ],
)  # fmt: skip
def test_it_refuses_what_makes_no_sense(resource, query, many, program):
    assert is_problem(program.get(resource, **query), 400, "invalid")


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-22"]
)
@pytest.mark.parametrize(
    ("resource", "name"),
    [(one, name) for one, word in (("events", "recorded"), ("consents", "effective"), ("subscribers", "created"),
     ("replies", "received")) for name in (f"{word}_after", f"{word}_before")],
)  # fmt: skip
def test_it_answers_or_refuses_times_at_the_edge(resource, name, at, many, program):
    response = program.get(resource, **{name: at})

    assert response.status_code == 200 or is_problem(response, 400, "invalid")


# Who may see what -----------------------------------------------------------------------------------------------------

ADDRESSES = [*LISTS, f"subscribers/{uuid.UUID(int=1)}"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_it_refuses_without_a_key(address, acme, client):
    assert is_problem(client.get(f"/api/v1/{address}/"), 401, "unauthorized")


@pytest.mark.parametrize("address", ADDRESSES)
def test_it_refuses_a_key_without_the_scope(address, acme):
    scope = LISTS[address.split("/", 1)[0]]

    response = Program(*(API_SCOPES - {scope})).get(address)

    assert is_problem(response, 403, "forbidden")
    assert scope in response.json()["detail"]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_it_is_read_only(address, method, acme, client, program):
    response = getattr(client, method)(f"/api/v1/{address}/", headers={"Authorization": f"Api-Key {program.key}"})

    assert is_problem(response, 405, "method_not_allowed")


@pytest.mark.parametrize("resource", LISTS)
def test_it_shows_a_key_nothing_of_another_brand(resource, bilal, other, receive):
    receive(bodies.switched("stop", at=SAMPLE_TIME), now=SAMPLE_TIME)
    stranger, own = Program(brands=(other,)), Program(brands=(Brand.objects.get(slug="acme"),))

    assert stranger.all(resource)[0] == []
    assert own.all(resource)[0] != []
    assert is_problem(stranger.get(resource, brand="acme"), 400, "invalid")
    if resource in DELTAS:
        assert stranger.all(resource, since=0) == ([], 2)
        assert own.all(resource, since=0)[0] != []


def test_it_hides_a_person_of_another_brand(bilal, other):
    assert is_problem(Program(brands=(other,)).get(f"subscribers/{bilal}"), 404, "not_found")
    assert Program(brands=(other,)).list("subscribers", recipient=bodies.BILAL)["results"] == []


@pytest.mark.parametrize("resource", ["consents", "events", "suppressions", "subscribers"])
def test_it_shows_a_key_what_binds_every_brand(resource, bilal, other):
    opt(bilal, EventKind.STOP, Scope())
    opt(bilal, EventKind.OPT_IN, Scope(brand=-1))

    results, _ = Program(brands=(other,)).all(resource)

    (one,) = results
    assert one["subscriber"] == bilal
    if resource == "consents":
        assert [row["scope"]["reach"] for row in one["consents"]] == ["every_brand"]


def test_it_shows_a_key_what_binds_its_controller(bilal, acme, other):
    opt(bilal, EventKind.STOP, Scope(controller=other.controller_id))

    (event,) = Program(brands=(other,)).list("events")["results"]

    assert event["scope"] == {"reach": "controller", "brand": None, "channel": "any", "topic": "marketing"}
    assert [one["kind"] for one in Program(brands=(acme,)).list("events")["results"]] == ["stop"]
    assert len(Program(brands=(acme, other)).list("events")["results"]) == 2


@pytest.mark.parametrize("resource", LISTS)
def test_it_shows_every_key_what_a_sender_without_brand_heard(resource, acme, other, receive):
    Sender.objects.update(brand=None)
    receive(bodies.message("STOP", at=SAMPLE_TIME), now=SAMPLE_TIME)

    assert len(Program(brands=(other,)).all(resource)[0]) == 1


# What it costs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("brands", [(), ("acme",)], ids=["every-brand", "one-brand"])
@pytest.mark.parametrize(
    ("resource", "query"), [*((one, {}) for one in LISTS), *((one, {"since": 0}) for one in DELTAS)]
)
def test_it_asks_the_database_as_often_for_many(resource, brands, query, acme, receive):
    program = Program(brands=(acme,) if brands else ())
    counts = []
    for size in (1, 30):
        phones = [f"+44770090{size:02d}{index:02d}" for index in range(size)]
        receive(*[bodies.message("STOP", phone=phone, at=SAMPLE_TIME) for phone in phones], now=SAMPLE_TIME)
        program.list(resource, **query)  # notes when the key was used
        with CaptureQueriesContext(connection) as asked:
            assert len(program.list(resource, **query)["results"]) >= size
        counts.append(len(asked))

    assert counts[0] == counts[1]
    assert counts[0] <= {"suppressions": 24, "subscribers": 18}.get(resource, 13)


@pytest.mark.parametrize(
    ("resource", "value"), [(name, value) for name in DELTAS[:1] + DELTAS[3:] for value in ("stop", "resume")]
)
def test_it_tells_a_brand_of_a_platform_stop_at_another_one_of_its_portfolio(acme, other, receive, resource, value):
    """WhatsApp's own stop suppresses the whole portfolio, so its end and its beginning are news to each brand there."""
    portfolio = Sender.objects.get().portfolio
    Sender.objects.create(portfolio=portfolio, provider="whatsapp", key="200000000000009", brand=other)
    receive(bodies.switched("stop", at=SAMPLE_TIME), now=SAMPLE_TIME)
    if value == "resume":
        receive(bodies.switched("resume", at=SAMPLE_TIME + MINUTE), now=SAMPLE_TIME + MINUTE)
    person = str(Subscriber.objects.get().public_id)

    page = Program(brands=(other,)).list(resource, since=ConsentEvent.objects.count() - 1)

    assert [one["subscriber"] for one in page["results"]] == [person]
