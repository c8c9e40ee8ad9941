"""The main job, seen from outside: a signed webhook becomes a "do not send" answer and one recorded confirmation."""

from __future__ import annotations

import datetime as dt

from preferences import outbox
from preferences.models import ConsentEvent, Delivery
from tests.conftest import SAMPLE_TIME


def test_it_turns_stop_into_do_not_send(acme, sample, receive, ask):
    receive(sample("text_stop"))

    answer = ask("+12025550143")

    assert (answer["allowed"], answer["reason"], answer["since"]) == (False, "opted_out", "2026-11-22T12:00:00.000000Z")


def test_it_records_one_confirmation(acme, sample, receive):
    now = SAMPLE_TIME + dt.timedelta(seconds=1)

    receive(sample("text_stop"), sample("text_stop"), now=now)
    outbox.deliver(now=now)

    delivery = Delivery.objects.get()
    assert delivery.state == "recorded"
    assert "Acme" in delivery.response_excerpt
    assert ConsentEvent.objects.count() == 1
