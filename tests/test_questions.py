"""START and YES: which YES answers our question, and what is remembered of it."""

from __future__ import annotations

from typing import Any

import pytest

from preferences.models import ConsentEvent, Reply
from tests import bodies
from tests.conftest import SAMPLE_TIME

NOON = SAMPLE_TIME


def says(text: str, *, second: int = 0, **extra: Any) -> dict[str, Any]:
    """Alice, who is in the US and is asked for YES, writes something."""
    return bodies.message(text, at=NOON + second * bodies.SECOND, phone=bodies.ALICE, **extra)


@pytest.mark.parametrize("order", [("start", "yes", "again"), ("yes", "start", "again"), ("again", "yes", "start")])
def test_it_takes_no_yes_said_in_a_group(order, acme, receive, ask):
    spoken = {"start": says("START"), "yes": says("YES", second=1, group_id="120363000000000001")}
    spoken["again"] = says("START", second=2)

    for one in order:
        receive(spoken[one], now=NOON + bodies.HOUR)

    assert ask(bodies.ALICE)["reason"] == "no_consent"


def tapped_yes(*, second: int) -> dict[str, Any]:
    button = {"type": "button_reply", "button_reply": {"id": "y", "title": "Yes"}}
    return says("", second=second, type="interactive", interactive=button)


@pytest.mark.parametrize("yes", [says("YES", second=1), tapped_yes(second=1)], ids=["typed", "tapped"])
@pytest.mark.parametrize("is_yes_first", [False, True], ids=["start-first", "yes-first"])
def test_it_remembers_which_event_each_reply_caused(is_yes_first, yes, acme, receive, ask):
    words = [says("START"), yes]
    for one in reversed(words) if is_yes_first else words:
        receive(one, now=NOON + bodies.HOUR)

    caused = dict(ConsentEvent.objects.values_list("position", "source_ref"))
    assert {event: bytes(ref) for ref, event in Reply.objects.values_list("digest", "event")} == caused
    assert ask(bodies.ALICE)["reason"] == "opted_in"


@pytest.mark.parametrize("yes", [says("YES", second=1), tapped_yes(second=1)], ids=["typed", "tapped"])
@pytest.mark.parametrize("is_yes_first", [False, True], ids=["start-first", "yes-first"])
def test_it_records_a_yes_once_however_often_the_person_starts(is_yes_first, yes, acme, receive):
    words = [says("START"), yes]
    for one in [*(reversed(words) if is_yes_first else words), says("START", second=2), says("START", second=3)]:
        receive(one, now=NOON + bodies.HOUR)

    assert ConsentEvent.objects.filter(kind="opt_in_answer").count() == 1


@pytest.mark.django_db
def test_it_finds_the_yes_words_of_many_in_as_many_queries_as_of_one(acme, receive, django_assert_max_num_queries):
    def read(people: range) -> int:
        for text, second in (("YES", 1), ("START", 0)):
            webhooks = [says(text, second=second) for _ in people]
            for number, webhook in zip(people, webhooks, strict=True):
                webhook["entry"][0]["changes"][0]["value"]["messages"][0]["from"] = f"12025550{number}"
            with django_assert_max_num_queries(500) as queries:
                receive(*webhooks, now=NOON + bodies.HOUR)
        return len([query for query in queries.captured_queries if "inboxentry" not in query["sql"].lower()])

    read(range(200, 201))  # the first one also makes the destination

    assert read(range(201, 202)) == read(range(202, 222))
    assert ConsentEvent.objects.filter(kind="opt_in_answer").count() == 22
