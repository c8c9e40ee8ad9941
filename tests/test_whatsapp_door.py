"""The door for WhatsApp: who may come in, what is kept of it, and what is answered when."""

from __future__ import annotations

import json

import pytest
from django.db import DatabaseError

from preferences import inbox
from preferences.encryption import unseal
from preferences.models import ConsentEvent, InboxEntry, Lane
from preferences.signing import sign_meta
from preferences.webhooks import store
from preferences.webhooks.whatsapp import lane_of
from tests import bodies
from tests.conftest import DOOR, FIXTURES, SAMPLE_TIME, SECRET
from tests.door_cases import DoorSecurity

LIMIT = 3 * 1024 * 1024


class TestSecurity(DoorSecurity):
    url = DOOR
    header = "X-Hub-Signature-256"
    body = (FIXTURES / "text_stop.json").read_bytes()
    secrets = (SECRET, "fictional-older-secret")

    def sign(self, body: bytes, secret: str) -> str:
        return sign_meta(body, secret)

    def test_it_accepts_a_secret_that_was_rotated_in(self, client, db, settings):
        settings.WHATSAPP_APP_SECRET = ["brand-new-secret", SECRET]

        answers = [
            self.knock(client, self.sign(self.body, secret)).status_code for secret in ("brand-new-secret", SECRET)
        ]

        assert answers == [200, 200]

    def test_it_refuses_a_secret_that_was_rotated_out(self, client, db, settings):
        settings.WHATSAPP_APP_SECRET = ["brand-new-secret"]

        assert self.knock(client, self.good()).status_code == 403
        assert not InboxEntry.objects.exists()

    @pytest.mark.parametrize("secrets", [[], [""]])
    def test_it_refuses_everybody_while_no_secret_is_set(self, secrets, client, db, settings):
        settings.WHATSAPP_APP_SECRET = secrets

        answers = {self.knock(client, self.sign(self.body, secret)).status_code for secret in ("", SECRET)}

        assert answers == {403}


# The handshake --------------------------------------------------------------------------------------------------------

ASKED = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "fictional-verify-token"}


@pytest.mark.parametrize("challenge", ["1158201444", "<script>alert(1)</script>", "a b&c=d+é✓", '"{}\r\nX-Evil: 1', ""])
def test_it_echoes_the_challenge_as_plain_text(challenge, client, db):
    response = client.get(DOOR, ASKED | {"hub.challenge": challenge})

    assert (response.status_code, response.content.decode()) == (200, challenge)
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "X-Evil" not in response


@pytest.mark.parametrize(
    "change",
    [
        {"hub.verify_token": "wrong"},
        {"hub.verify_token": ""},
        {"hub.verify_token": None},
        {"hub.verify_token": "FICTIONAL-VERIFY-TOKEN"},
        {"hub.verify_token": "fictional-verify-token "},
        {"hub.verify_token": "é"},
        {"hub.mode": "unsubscribe"},
        {"hub.mode": None},
    ],
)
def test_it_refuses_a_wrong_handshake(change, client):
    asked = {key: value for key, value in (ASKED | change).items() if value is not None}

    response = client.get(DOOR, asked)

    assert response.status_code == 403
    assert "1158201444" not in response.content.decode()
    assert "fictional-verify-token" not in response.content.decode()


def test_it_accepts_any_of_several_tokens(client, settings, db):
    settings.WHATSAPP_VERIFY_TOKEN = ["new-token", "old-token"]

    answers = [
        client.get(DOOR, ASKED | {"hub.verify_token": token}).status_code for token in ("new-token", "old-token")
    ]

    assert answers == [200, 200]


@pytest.mark.parametrize("tokens", [[], [""]])
def test_it_refuses_the_handshake_while_no_token_is_set(tokens, client, settings):
    settings.WHATSAPP_VERIFY_TOKEN = tokens

    assert client.get(DOOR, ASKED | {"hub.verify_token": ""}).status_code == 403


@pytest.mark.parametrize("method", ["put", "patch", "delete", "head", "options"])
def test_it_answers_no_other_method(method, client, db):
    assert getattr(client, method)(DOOR).status_code == 405
    assert not InboxEntry.objects.exists()


# Size -----------------------------------------------------------------------------------------------------------------


def test_it_accepts_three_megabytes_to_the_byte(db, post):
    raw = json.dumps(bodies.status(at=SAMPLE_TIME)).encode()

    response = post(raw + b" " * (LIMIT - len(raw)))

    assert response.status_code == 200
    assert InboxEntry.objects.get().size == LIMIT


def test_it_refuses_one_byte_more_and_stores_nothing(db, post):
    response = post(b" " * (LIMIT + 1))

    assert response.status_code == 413
    assert not InboxEntry.objects.exists()


def test_it_refuses_a_body_in_chunks_by_its_right_name(client, db):
    response = client.post(DOOR, b"{}", content_type="application/json", headers={"Transfer-Encoding": "chunked"})

    assert (response.status_code, b"Content-Length" in response.content) == (411, True)
    assert not InboxEntry.objects.exists()


@pytest.mark.parametrize("length", ["-1", "abc", "²", "1e3"])
def test_it_refuses_a_length_that_is_no_number(length, client, db):
    response = client.post(DOOR, b"{}", content_type="application/json", CONTENT_LENGTH=length)

    assert response.status_code == 413
    assert not InboxEntry.objects.exists()


def test_it_takes_a_thousand_updates_in_one_body(acme, sample, receive, ask):
    raw = sample("batch_1000_updates")
    parts = [change["value"] for entry in json.loads(raw)["entry"] for change in entry["changes"]]

    receive(raw)

    assert sum(len(part.get("statuses", [])) + len(part.get("messages", [])) for part in parts) == 1_000
    assert ask(bodies.ALICE)["reason"] == "opted_out"


# What is not understood -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw", [b"not json", b"", b"[]", b"{", b"\xff\xfe\x00", b'{"entry": 1}', b"[" * 5_000, b"null"]
)
def test_it_keeps_what_it_does_not_understand_and_says_so(raw, db, post):
    response = post(raw)
    inbox.process()

    entry = InboxEntry.objects.get()
    assert response.status_code == 200
    assert unseal("inbox", entry.body) == raw
    assert (entry.state, entry.unknown) == ("done", ["unreadable"])
    assert entry.error.startswith("Not understood: ")


def test_it_answers_two_hundred_with_an_empty_body(db, post, sample):
    response = post(sample("text_stop"))

    assert (response.status_code, response.content) == (200, b"")


# Lanes ----------------------------------------------------------------------------------------------------------------

STATUS = bodies.status(at=SAMPLE_TIME)
QUOTED = bodies.status(at=SAMPLE_TIME, biz_opaque_callback_data='{"messages": [1], "field": "history"}')


@pytest.mark.parametrize(
    ("raw", "lane"),
    [
        pytest.param(json.dumps(STATUS), Lane.STATUS, id="status"),
        pytest.param(json.dumps(STATUS, separators=(",", ":")), Lane.STATUS, id="status-compact"),
        pytest.param(json.dumps(STATUS, indent=2), Lane.STATUS, id="status-indented"),
        pytest.param(json.dumps(bodies.status(at=SAMPLE_TIME, code=131049)), Lane.STATUS, id="other-error"),
        pytest.param(json.dumps(QUOTED), Lane.STATUS, id="key-names-quoted-in-a-string"),
        pytest.param(json.dumps(bodies.status(at=SAMPLE_TIME, code=131050)), Lane.URGENT, id="131050"),
        pytest.param(json.dumps(bodies.message("hi", at=SAMPLE_TIME)), Lane.URGENT, id="message"),
        pytest.param(json.dumps(bodies.message("hi", at=SAMPLE_TIME), indent=2), Lane.URGENT, id="message-indented"),
        pytest.param(
            json.dumps(bodies.message('see "statuses": []', at=SAMPLE_TIME)), Lane.URGENT, id="message-quoting-statuses"
        ),
        pytest.param(json.dumps(bodies.switched("stop", at=SAMPLE_TIME)), Lane.URGENT, id="preferences"),
        pytest.param(json.dumps(bodies.body({"x": 1}, field="account_update")), Lane.URGENT, id="account-update"),
        pytest.param(json.dumps(bodies.body({"statuses": []}, field="brand_new")), Lane.URGENT, id="new-field"),
        pytest.param("garbage", Lane.URGENT, id="garbage"),
        pytest.param("", Lane.URGENT, id="empty"),
    ],
)
def test_it_chooses_the_lane(raw, lane):
    assert lane_of(raw.encode()) == lane


def test_it_chooses_the_urgent_lane_for_statuses_beside_a_message():
    both = bodies.body(STATUS["entry"][0]["changes"][0]["value"], bodies.message("STOP", at=SAMPLE_TIME)["entry"][0])

    assert lane_of(json.dumps(both).encode()) == Lane.URGENT


# What is kept ---------------------------------------------------------------------------------------------------------


def test_it_keeps_two_headers_only(client, db, sample):
    raw = sample("text_stop")
    headers = {
        "X-Hub-Signature-256": sign_meta(raw, SECRET),
        "User-Agent": "facebookexternalua",
        "Authorization": "Bearer secret",
        "Cookie": "sessionid=secret",
        "X-Forwarded-For": "192.0.2.1",
    }

    client.post(DOOR, raw, content_type="application/json", headers=headers)

    assert InboxEntry.objects.get().headers == {"User-Agent": "facebookexternalua", "Content-Type": "application/json"}


def test_it_cuts_long_headers(client, db):
    headers = {"X-Hub-Signature-256": sign_meta(b"{}", SECRET), "User-Agent": "x" * 5_000}

    client.post(DOOR, b"{}", content_type="application/json", headers=headers)

    assert len(InboxEntry.objects.get().headers["User-Agent"]) == 200


def test_it_stores_no_body_in_clear(db, post, sample):
    post(sample("text_stop"))

    row = InboxEntry.objects.values().get()
    stored = b"|".join(
        bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode() for value in row.values()
    )
    assert unseal("inbox", row["body"]) == sample("text_stop")
    assert not any(secret in stored for secret in (b"12025550143", b"Alice", b"STOP", b"wamid"))


# When the database is gone --------------------------------------------------------------------------------------------


def test_it_answers_503_when_the_database_is_down(db, post, sample, monkeypatch):
    def fail(*args):
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(store.batches, "insert", fail)

    response = post(sample("text_stop"))

    assert response.status_code == 503
    assert "disk" not in response.content.decode()


def test_it_checks_the_signature_before_it_touches_the_database(client, sample):
    # No `db` fixture: a query would fail the test.
    response = client.post(DOOR, sample("text_stop"), content_type="application/json")

    assert response.status_code == 403


def test_it_decides_nothing_in_the_request(acme, post, sample, django_assert_num_queries):
    with django_assert_num_queries(1):
        post(sample("text_stop"))

    assert not ConsentEvent.objects.exists()
