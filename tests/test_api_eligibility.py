"""`POST /api/v1/eligibility/`: the contract other systems rely on, to the letter. What decides is in test_eligibility."""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from preferences import inbox
from preferences.models import ApiKey, InboxEntry, LedgerHead
from preferences.signing import sign_meta
from preferences.webhooks import whatsapp
from tests import bodies
from tests.conftest import SAMPLE_TIME, SECRET
from tests.problems import is_problem

URL = "/api/v1/eligibility/"
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
STRANGER = "+4930123456"


@pytest.fixture
def key(db):
    return ApiKey.objects.issue(name="tests", scopes=["eligibility:read"], brands=[])


@pytest.fixture
def api(client, key):
    """Ask the API; answers the response."""

    def run(body, *, authorization=f"Api-Key {key}", **headers):
        raw = body if isinstance(body, (str, bytes)) else json.dumps(body)
        if authorization is not None:
            headers["Authorization"] = authorization
        return client.post(URL, raw, content_type="application/json", headers=headers)

    return run


@pytest.fixture
def wait_since():
    """An urgent webhook that came in then and was not read yet."""

    def run(at):
        raw = json.dumps(bodies.message("STOP", at=at)).encode()
        whatsapp.accept(raw, signature=sign_meta(raw, SECRET), headers={}, now=at)

    return run


# The answer -----------------------------------------------------------------------------------------------------------


def test_it_answers_in_the_shape_of_the_contract(acme, api, receive):
    receive(bodies.message("STOP", at=SAMPLE_TIME), now=SAMPLE_TIME)

    response = api(
        {"brand": "acme", "channel": "whatsapp", "topic": "marketing", "recipients": [bodies.BILAL, STRANGER]}
    )

    answer = response.json()
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert set(answer) == {"checked_at", "complete_until", "position", "results"}
    assert ISO.fullmatch(answer["checked_at"])
    assert ISO.fullmatch(answer["complete_until"])
    assert answer["position"] == LedgerHead.objects.get().position == 1
    assert answer["results"] == [
        {
            "recipient": bodies.BILAL,
            "allowed": False,
            "reason": "opted_out",
            "since": "2026-11-22T12:00:00.000000Z",
            "version": 1,
        },
        {"recipient": STRANGER, "allowed": False, "reason": "no_consent", "since": None, "version": 0},
    ]


def test_it_keeps_order_spelling_and_duplicates(acme, api, receive):
    receive(bodies.message("STOP", at=SAMPLE_TIME), now=SAMPLE_TIME)
    asked = [STRANGER, "+44 7700 900123", "", bodies.BILAL, "00447700900123", STRANGER, bodies.BILAL, "nobody"]

    results = api({"recipients": asked}).json()["results"]

    assert [one["recipient"] for one in results] == asked
    assert [one["reason"] for one in results] == [
        "no_consent", "opted_out", "invalid", "opted_out", "opted_out", "no_consent", "opted_out", "invalid",
    ]  # fmt: skip


def test_it_answers_nobody_about_nobody(acme, api):
    response = api({"recipients": []})

    assert (response.status_code, response.json()["results"]) == (200, [])


def test_it_asks_about_whatsapp_and_marketing_by_default(acme, api, receive):
    receive(bodies.switched("stop", at=SAMPLE_TIME), now=SAMPLE_TIME)
    asked = {"recipients": [bodies.BILAL]}

    short, full = api(asked).json(), api(asked | {"channel": "whatsapp", "topic": "marketing"}).json()

    assert short["results"] == full["results"]
    assert short["results"][0]["reason"] == "platform_stop"


def test_it_takes_ten_thousand_and_not_one_more(acme, api):
    many = [f"+4477009{number:05}" for number in range(10_000)]

    full, over = api({"recipients": many}), api({"recipients": [*many, STRANGER]})

    assert (full.status_code, len(full.json()["results"])) == (200, 10_000)
    assert is_problem(over, 400, "invalid")
    assert "10,001" in str(over.json()["errors"])


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        "",
        "[]",
        '"text"',
        "null",
        "[" * 100_000,
        "{}",
        {"recipients": None},
        {"recipients": bodies.BILAL},
        {"recipients": {bodies.BILAL: 1}},
        {"recipients": [12025550143]},
        {"recipients": [None]},
        {"recipients": [True]},
        {"recipients": [[bodies.BILAL]]},
        {"recipients": [], "channel": "pigeon"},
        {"recipients": [], "channel": None},
        {"recipients": [], "channel": ["whatsapp"]},
        {"recipients": [], "topic": ""},
        {"recipients": [], "topic": "any"},
        {"recipients": [], "topic": "x" * 51},
        {"recipients": [], "topic": 7},
        {"recipients": [], "brand": "nobody"},
        {"recipients": [], "brand": 7},
        {"recipients": [], "brand": ["acme"]},
        {"recipients": [], "brand": ""},
        {"recipients": [], "brand": "a\x00"},
        {"recipients": [], "brand": "\ud800"},
    ],
)
def test_it_refuses_what_is_no_question(body, acme, api):
    assert is_problem(api(body), 400, "invalid")


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_it_answers_no_other_method(method, client, key):
    response = getattr(client, method)(URL, headers={"Authorization": f"Api-Key {key}"})

    assert is_problem(response, 405, "method_not_allowed")


def test_it_speaks_json_only(acme, client, key):
    response = client.post(URL, {"recipients": "x"}, headers={"Authorization": f"Api-Key {key}"})

    assert is_problem(response, 415, "unsupported_media_type")


# How current the answer is --------------------------------------------------------------------------------------------


def test_it_is_complete_until_now_when_all_is_read(acme, api):
    answer = api({"recipients": []}).json()

    assert answer["complete_until"] == answer["checked_at"]


def test_it_is_complete_until_the_oldest_unread_webhook(acme, api, wait_since):
    at = timezone.now() - dt.timedelta(minutes=4)
    wait_since(at)
    wait_since(at + bodies.SECOND)

    answer = api({"recipients": []}).json()

    assert answer["complete_until"] == at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_it_refuses_to_answer_when_it_lags(acme, api, wait_since):
    wait_since(timezone.now() - dt.timedelta(minutes=5, seconds=1))

    response = api({"recipients": [bodies.BILAL]})

    assert is_problem(response, 503, "lagging")
    assert "results" not in response.json()


def test_it_answers_again_once_the_inbox_is_read(acme, api, wait_since):
    wait_since(timezone.now() - bodies.HOUR)
    inbox.process()

    assert api({"recipients": [bodies.BILAL]}).json()["results"][0]["reason"] == "opted_out"


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(("seconds", "status"), [(1800, 503), (7200, 200)])
def test_it_lags_after_what_the_setting_says(seconds, status, api, wait_since, settings):
    settings.LAGGING_AFTER_SECONDS = seconds
    wait_since(timezone.now() - bodies.HOUR)

    assert api({"recipients": []}).status_code == status


def test_it_does_not_lag_for_statuses(acme, api, wait_since):
    wait_since(timezone.now() - bodies.HOUR)
    InboxEntry.objects.update(lane="status")

    assert api({"recipients": []}).status_code == 200


# Cost and robustness --------------------------------------------------------------------------------------------------


def test_it_costs_the_same_queries_for_one_and_for_a_thousand(acme, api, receive):
    people = [f"+447700{number:06}" for number in range(1_000)]
    messages = [bodies.message("STOP", at=SAMPLE_TIME, phone=phone) for phone in people[:40]]
    receive(*messages, now=SAMPLE_TIME)
    api({"recipients": people})

    counts = []
    for asked in (people[:1], people[39:41], people):
        with CaptureQueriesContext(connection) as queries:
            api({"recipients": asked})
        counts.append(len(queries))

    # A stranger among them costs one more: was the number erased?
    assert counts[0] + 1 == counts[1] == counts[2] <= 15


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recipients=st.lists(st.text(st.characters(min_codepoint=0)), max_size=5))
@example(recipients=["\ud800", "a\x00b", "+1" + "9" * 400, "١٢٣٤٥٦٧٨", "\u202e+44", "@", "US.", "x" * 5_000])
def test_it_never_falls_over_a_recipient(recipients, acme, api):
    response = api({"recipients": recipients})

    assert response.status_code == 200
    assert [one["recipient"] for one in json.loads(response.content)["results"]] == recipients
