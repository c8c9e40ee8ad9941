"""Law 3: any webhook, any number of times, in any order, split or batched, leads to the same state."""

from __future__ import annotations

import datetime as dt
import json
import os
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preferences import decisions, eligibility, inbox, seals
from preferences.models import ConsentEvent, Delivery, InboxEntry, Reply
from preferences.signing import sign_meta
from preferences.webhooks import whatsapp
from tests import bodies, streams
from tests.conftest import SAMPLE_TIME, SECRET

CELLS = [
    ("whatsapp", "marketing"),
    ("sms", "marketing"),
    ("whatsapp", "service"),
    ("whatsapp", "news"),
    ("sms", "news"),
]
LATER = streams.START + dt.timedelta(hours=2)
#: More of them find rarer orders: EXAMPLES=1000 for an evening.
EXAMPLES = int(os.environ.get("EXAMPLES", "25"))
relaxed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def run(batches: list[list[dict[str, Any]]], asked: list[str]) -> dict[Any, Any]:
    """Receive the bodies of each batch, process the inbox after each, and answer with the state; nothing is kept."""
    with transaction.atomic():
        for batch in batches:
            for body in batch:
                raw = json.dumps(body).encode()
                whatsapp.accept(raw, signature=sign_meta(raw, SECRET), headers={}, now=LATER)
            inbox.process(now=LATER)
        assert not InboxEntry.objects.exclude(state="done").exists(), InboxEntry.objects.values_list("error")
        state = {
            (who, channel, topic): answer[1:3]
            for channel, topic in CELLS
            for who, answer in zip(
                asked,
                eligibility.check(asked, channel=channel, topic=topic, brands=None, now=LATER),
                strict=True,
            )
        }
        assert decisions.rebuild(is_check=True).wrong == []
        assert seals.verify().problems == []
        assert events_of_replies() == {
            event: bytes(ref) for event, ref in Reply.objects.exclude(event=0).values_list("event", "digest")
        }
        assert Delivery.objects.filter(kind="confirmation").count() <= len(asked) * 12
        transaction.set_rollback(True)
    return state


def events_of_replies() -> dict[int, bytes]:
    spoken = ConsentEvent.objects.filter(source__in=["reply", "button"])
    return {position: bytes(ref) for position, ref in spoken.values_list("position", "source_ref")}


def everybody() -> list[str]:
    return [name for phone, bsuid in streams.PEOPLE.values() for name in (f"+{phone}", bsuid)]


@relaxed
@given(data=st.data())
@pytest.mark.django_db
def test_it_ends_in_the_same_state_whatever_the_order(acme, data):
    entries = data.draw(st.one_of(streams.entries(), streams.returns().filter(bool)))
    repeated = entries + data.draw(st.lists(st.sampled_from(entries), max_size=4))
    shuffled = data.draw(st.permutations(repeated))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
    parts = [shuffled[start:end] for start, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]
    is_together = data.draw(st.booleans())

    one_by_one = run([[body] for body in streams.bodies([[entry] for entry in entries])], everybody())
    shaken = streams.bodies(parts)
    other = run([shaken] if is_together else [[body] for body in shaken], everybody())

    assert other == one_by_one


@pytest.mark.parametrize("is_late", [False, True], ids=["status first", "status later"])
def test_an_answer_in_a_group_links_nobody(acme, receive, ask, is_late):
    """Anybody there can answer a message that was sent to somebody else."""
    sent = bodies.status(at=SAMPLE_TIME, phone=bodies.BILAL, id="wamid.campaign")
    answer = bodies.message(
        "STOP", at=SAMPLE_TIME + bodies.SECOND, phone="", bsuid="GB.7000000000000000123",
        context={"id": "wamid.campaign"}, group_id="120363000000000001",
    )  # fmt: skip
    for body in (answer, sent) if is_late else (sent, answer):
        receive(body, now=SAMPLE_TIME + 2 * bodies.SECOND)

    assert [ask(who)["reason"] for who in (bodies.BILAL, "GB.7000000000000000123")] == ["no_consent", "held"]


@relaxed
@given(data=st.data())
@pytest.mark.django_db
def test_it_follows_people_who_move_whatever_the_order(acme, data):
    """Bilal moves to a new number at second 20; the next holder of the old one appears at second 40."""
    old, new, heir = streams.PEOPLE["bilal"], ("447700900777", "GB.7000000000000000777"), "GB.7000000000000000999"
    streams_people = {"bilal": old, "moved": new, "heir": (old[0], heir)}
    before = data.draw(st.lists(st.tuples(st.sampled_from([0, 5, 10]), st.sampled_from(streams.TEXTS)), max_size=3))
    after = data.draw(st.lists(st.tuples(st.sampled_from([25, 30]), st.sampled_from(streams.TEXTS)), max_size=2))
    next_one = data.draw(st.lists(st.tuples(st.sampled_from([40, 45]), st.sampled_from(streams.TEXTS)), max_size=2))
    entries = [streams.moved(0, 20, old, new)]
    people = dict(streams.PEOPLE)
    try:
        streams.PEOPLE.update(streams_people)
        for offset, (who, said) in enumerate((("bilal", before), ("moved", after), ("heir", next_one))):
            entries += [
                streams.message(100 * (offset + 1) + index, who, "both", second, text)
                for index, (second, text) in enumerate(said)
            ]
    finally:
        streams.PEOPLE.clear()
        streams.PEOPLE.update(people)
    asked = [f"+{old[0]}", old[1], f"+{new[0]}", new[1], heir]
    shuffled = data.draw(st.permutations(entries + data.draw(st.lists(st.sampled_from(entries), max_size=4))))

    in_order = run([[body] for body in streams.bodies([[entry] for entry in entries])], asked)
    shaken = run([[body] for body in streams.bodies([[entry] for entry in shuffled])], asked)

    assert shaken == in_order
