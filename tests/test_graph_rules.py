"""The simulated Graph API refuses what the real one refuses, and limits as it does: pure, over an explicit world."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from preferences.simulation.graph_rules import Call, respond
from preferences.simulation.graph_statuses import bodies_of
from preferences.simulation.graph_world import TOKEN, ApprovedTemplate, Armed, Fault, World
from preferences.simulation.webhooks import ACCOUNT, SENDER

NOON = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
PERSON, USER_ID = "+447700900123", "GB.1234567890"
PATH = f"/v26.0/{SENDER}/messages"
TEXT = {"messaging_product": "whatsapp", "to": PERSON, "type": "text", "text": {"body": "Hello"}}


@pytest.fixture
def world():
    one = World()
    one.hear(PERSON, SENDER, NOON)
    one.hear(USER_ID, SENDER, NOON)
    one.add(ApprovedTemplate("stopped", "en", places=1))
    one.add(ApprovedTemplate("offers", "en", category="MARKETING"))
    one.add(ApprovedTemplate("code", "en", category="AUTHENTICATION"))
    one.add(ApprovedTemplate("resting", "en", status="PAUSED"))
    one.add(ApprovedTemplate("gone", "en", status="DISABLED"))
    return one


def post(world, body, at=NOON, token=TOKEN, path=PATH):
    return respond(world, Call("POST", path, token, body), at)


def code(answer):
    return answer.body.get("error", {}).get("code", 0)


def template(name, *values, language="en", **details):
    parameters = [{"type": "text", "text": value} for value in values]
    content = {"name": name, "language": {"code": language}}
    if values:
        content["components"] = [{"type": "body", "parameters": parameters}]
    return {"messaging_product": "whatsapp", "to": PERSON, "type": "template", "template": content, **details}


def buttons(*replies, text="Choose"):
    rows = [{"type": "reply", "reply": {"id": key, "title": title}} for key, title in replies]
    content = {"type": "button", "body": {"text": text}, "action": {"buttons": rows}}
    return TEXT | {"type": "interactive", "interactive": content}


def test_it_accepts_and_answers_like_whatsapp(world):
    answer = post(world, TEXT)

    assert answer.status == 200
    assert answer.body["contacts"] == [{"input": PERSON, "wa_id": "447700900123"}]
    assert answer.body["messages"] == [{"id": world.accepted[0].id}]


def test_it_answers_a_user_id_without_a_number(world):
    answer = post(world, {key: value for key, value in TEXT.items() if key != "to"} | {"recipient": USER_ID})

    assert answer.body["contacts"] == [{"input": USER_ID, "user_id": USER_ID}]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, 131008),
        ([], 131008),
        (TEXT | {"messaging_product": "sms"}, 100),
        (TEXT | {"to": None}, 131008),
        (TEXT | {"recipient": USER_ID}, 100),
        (TEXT | {"to": "somebody"}, 131009),
        (TEXT | {"to": USER_ID}, 131009),
        (TEXT | {"to": "+12025550100"}, 131021),
        (TEXT | {"to": None, "recipient": PERSON}, 131009),
        (TEXT | {"text": {"body": ""}}, 131008),
        (TEXT | {"text": {"body": "x" * 4097}}, 100),
        (TEXT | {"text": {"body": "x" * 4096}}, 0),
        (TEXT | {"type": "hologram"}, 100),
        (TEXT | {"biz_opaque_callback_data": "x" * 513}, 100),
        (TEXT | {"biz_opaque_callback_data": "x" * 512}, 0),
        (TEXT | {"to": "+4915112345678"}, 131047),
        (buttons(("a", "One"), ("b", "Two"), ("c", "Three")), 0),
        (buttons(), 131009),
        (buttons(*[(str(i), str(i)) for i in range(4)]), 131009),
        (buttons(("a", "One"), ("a", "Two")), 131009),
        (buttons(("a", "x" * 21)), 100),
        (buttons(("x" * 257, "One")), 100),
        (buttons(("a", "One"), text="x" * 1025), 100),
        (template("stopped", "all channels"), 0),
        (template("stopped"), 132000),
        (template("stopped", "two", "values"), 132000),
        (template("stopped", "two\nlines"), 132018),
        (template("stopped", "x", language="de"), 132001),
        (template("unheard-of"), 132001),
        (template("resting"), 132015),
        (template("gone"), 132016),
        (template("code") | {"to": None, "recipient": USER_ID}, 131062),
    ],
)
def test_it_refuses_what_whatsapp_refuses(body, expected, world):
    answer = post(world, body)

    assert code(answer) == expected
    assert len(world.accepted) == (0 if expected else 1)


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"token": "wrong"}, (190, 0)),
        ({"token": ""}, (190, 0)),
        ({"path": "/v26.0/299999999999999/messages"}, (100, 33)),
        ({"path": "/messages"}, (2500, 0)),
    ],
)
def test_it_wants_a_token_and_a_number(details, expected, world):
    error = post(world, TEXT, **details).body["error"]

    assert (error["code"], error.get("error_subcode", 0)) == expected


def test_it_sends_a_number_without_plus_to_another_country(world):
    world.hear("1447700900123", SENDER, NOON)

    post(world, TEXT | {"to": "447700900123"})

    assert world.accepted[0].reached == "1447700900123"


@pytest.mark.parametrize(("hours", "expected"), [(23.99, 0), (24, 131047)])
def test_it_closes_the_window_after_a_day(hours, expected, world):
    assert code(post(world, TEXT, NOON + dt.timedelta(hours=hours))) == expected


def test_it_can_tell_of_the_closed_window_later(world):
    world.tells_closed_window_later = True

    answer = post(world, TEXT, NOON + dt.timedelta(days=2))

    assert (answer.status, answer.accepted.error) == (200, 131047)


def test_it_lets_templates_through_a_closed_window(world):
    assert code(post(world, template("stopped", "x"), NOON + dt.timedelta(days=2))) == 0


@pytest.mark.parametrize(("name", "values", "error"), [("offers", (), 131050), ("stopped", ("x",), 0)])
def test_it_fails_marketing_to_whoever_stopped_it(name, values, error, world):
    world.stopped.add("447700900123")

    answer = post(world, template(name, *values))

    assert (answer.status, answer.accepted.error) == (200, error)


def test_it_limits_a_pair(world):
    codes = [code(post(world, TEXT)) for _ in range(46)]

    assert codes == [0] * 45 + [131056]
    assert code(post(world, TEXT, NOON + dt.timedelta(seconds=6))) == 0
    assert code(post(world, TEXT, NOON + dt.timedelta(seconds=7))) == 131056


def test_it_limits_a_number(world):
    people = [f"+336399800{index:02d}" for index in range(81)]
    for person in people:
        world.hear(person, SENDER, NOON)

    codes = [code(post(world, TEXT | {"to": person})) for person in people]

    assert codes == [0] * 80 + [130429]


def test_it_lists_apps(world):
    answer = respond(world, Call("GET", f"/v26.0/{ACCOUNT}/subscribed_apps", TOKEN), NOON)

    assert answer.body["data"][0]["whatsapp_business_api_data"]["name"] == "Opt-out desk"


@pytest.mark.parametrize(
    ("armed", "status", "accepted"),
    [
        (Armed(Fault.REFUSE, 131000), 400, 0),
        (Armed(Fault.SERVER_ERROR), 500, 0),
        (Armed(Fault.ACCEPT_SERVER_ERROR), 200, 1),
        (Armed(Fault.LOSE), 200, 1),
    ],
)
def test_it_spends_a_fault_once(armed, status, accepted, world):
    world.faults.append(armed)

    assert post(world, TEXT).status == status
    assert len(world.accepted) == accepted
    assert post(world, TEXT).armed is None


@pytest.mark.parametrize(
    ("armed", "statuses"),
    [
        (None, ["sent", "delivered", "read"]),
        (Armed(Fault.LOSE), []),
        (Armed(Fault.FAIL, 131026), ["failed"]),
    ],
)
def test_it_tells_what_became_of_a_message(armed, statuses, world):
    if armed:
        world.faults.append(armed)
    accepted = post(world, TEXT | {"biz_opaque_callback_data": "ours"}).accepted

    told = [json.loads(body) for body in bodies_of(world, accepted, ("sent", "delivered", "read"))]

    values = [body["entry"][0]["changes"][0]["value"]["statuses"][0] for body in told]
    assert [value["status"] for value in values] == statuses
    assert {(value["recipient_id"], value["biz_opaque_callback_data"]) for value in values} <= {
        ("447700900123", "ours")
    }
