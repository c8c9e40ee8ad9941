"""Usernames and the sender's tick, learned from webhooks through the real door, in any order."""

from __future__ import annotations

import datetime as dt
import itertools
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from preferences import inbox
from preferences.interpretation.observations import StatusUpdate
from preferences.interpretation.whatsapp import read
from preferences.models import Identity, InboxEntry, Sender, Subscriber, Username
from tests import bodies
from tests.conftest import SAMPLE_TIME

MINUTE = dt.timedelta(minutes=1)
CHIARA = "IT.13491208655302741918"


def shown(username, *, at=SAMPLE_TIME, phone=bodies.BILAL, text="hello", bsuid="", wamid=""):
    """A message beside which the contact shows this username."""
    body = bodies.message(text, at=at, phone=phone, bsuid=bsuid, wamid=wamid)
    contact = {"profile": {"name": "Sample", "username": username}, "wa_id": phone.removeprefix("+")}
    body["entry"][0]["changes"][0]["value"]["contacts"] = [contact]
    return body


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("bilal.example", "bilal.example"), ("@Bilal.Example", "bilal.example"), ("abc", "abc"), ("a" * 35, "a" * 35),
        ("ab", ""), ("a" * 36, ""), ("", ""), (None, ""), (7, ""), (["x"], ""), ("two words", ""), ("tab\tbed", ""),
    ],
)  # fmt: skip
def test_it_keeps_a_username_in_one_spelling(acme, receive, raw, kept):
    receive(shown(raw), now=SAMPLE_TIME)

    assert [one.name for one in Username.objects.all()] == ([kept] if kept else [])


@pytest.mark.parametrize(
    "name", ["status_delivered_bsuid_only", "text_parent_bsuid_no_phone", "button_quick_reply_stop_bsuid_only"]
)
def test_it_learns_usernames_from_samples(acme, receive, sample, name):
    receive(sample(name), now=SAMPLE_TIME)

    assert Username.objects.get().name == "chiara_sample"


def test_it_knows_whose_username_it_is_among_many(acme, receive, sample):
    receive(sample("batch_many_messages"), now=SAMPLE_TIME)

    names = dict(Username.objects.values_list("subscriber__identities__value", "name"))
    assert {names[value] for value in names if value.startswith("+44")} == {"bilal.example"}
    assert set(names.values()) == {"bilal.example", "chiara_sample"}


def test_it_gives_nobody_the_username_of_another():
    body = shown("somebody.else", phone=bodies.ALICE)
    body["entry"][0]["changes"][0]["value"]["messages"] = [
        {"from": "447700900123", "id": "wamid.1", "timestamp": "1795348800", "type": "text", "text": {"body": "hi"}},
        {"from": "447700900124", "id": "wamid.2", "timestamp": "1795348800", "type": "text", "text": {"body": "hi"}},
    ]

    assert [one.username for one in read(json.dumps(body).encode()).observations] == ["", ""]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_it_keeps_the_newest_username_in_any_order(acme, receive, order):
    told = [
        shown("first.name", at=SAMPLE_TIME - 2 * MINUTE),
        shown("newest.a", at=SAMPLE_TIME),
        shown("newest_b", at=SAMPLE_TIME),
        shown("middle", at=SAMPLE_TIME - MINUTE),
    ]

    for place in order[:2]:
        receive(told[place], now=SAMPLE_TIME)
    receive(*[told[place] for place in order[2:]], now=SAMPLE_TIME)

    assert Username.objects.get().name == "newest_b"


def test_it_reads_the_username_of_a_status(sample):
    observation = read(sample("status_delivered_bsuid_only")).observations[0]

    assert isinstance(observation, StatusUpdate)
    assert observation.username == "chiara_sample"


def test_it_asks_nothing_more_without_usernames(acme, post):
    def queries(username):
        post(shown(username, phone=bodies.GRETA))
        InboxEntry.objects.update(received_at=SAMPLE_TIME, next_attempt_at=SAMPLE_TIME)
        with CaptureQueriesContext(connection) as captured:
            inbox.process(now=SAMPLE_TIME)
        return [query["sql"] for query in captured]

    queries("")  # the first batch ticks the sender and meets the person
    without = queries("")
    with_name = queries("greta")

    assert not any("username" in sql for sql in without)
    assert len(with_name) == len(without) + 1
    assert Username.objects.get().name == "greta"


# The sender's tick ----------------------------------------------------------------------------------------------------


def test_it_ticks_the_sender_to_the_minute(acme, receive):
    at = SAMPLE_TIME + dt.timedelta(seconds=42)

    receive(bodies.message("hello", at=at), now=at)

    assert Sender.objects.get().last_webhook_at == SAMPLE_TIME


def test_it_never_moves_a_tick_back(acme, receive):
    receive(bodies.message("hello", at=SAMPLE_TIME), now=SAMPLE_TIME)
    receive(bodies.message("late", at=SAMPLE_TIME - MINUTE), now=SAMPLE_TIME - MINUTE)

    assert Sender.objects.get().last_webhook_at == SAMPLE_TIME


def test_it_ticks_once_a_minute_without_a_query_in_between(acme, receive):
    receive(bodies.message("hello", at=SAMPLE_TIME), now=SAMPLE_TIME)

    with CaptureQueriesContext(connection) as captured:
        receive(bodies.message("again", at=SAMPLE_TIME), now=SAMPLE_TIME + dt.timedelta(seconds=59))
    assert not [query for query in captured if "UPDATE" in query["sql"] and "preferences_sender" in query["sql"]]

    receive(bodies.message("later", at=SAMPLE_TIME), now=SAMPLE_TIME + MINUTE)
    assert Sender.objects.get().last_webhook_at == SAMPLE_TIME + MINUTE


def test_it_ticks_a_sender_that_the_webhook_itself_creates(acme, receive):
    receive(bodies.message("hello", at=SAMPLE_TIME, number="200000000000009"), now=SAMPLE_TIME)

    assert Sender.objects.get(key="200000000000009").last_webhook_at == SAMPLE_TIME
    assert Subscriber.objects.count() == Identity.objects.count() == 1
