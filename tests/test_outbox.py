"""Telling people: at most one confirmation per opt-out, in time, only while it is true, and never twice after a crash."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from preferences import channels, outbox
from preferences.channels import Receipt
from preferences.models import Delivery, DeliveryState, Destination, PolicyVersion
from tests import bodies
from tests.conftest import SAMPLE_TIME
from tests.fake_channel import FakeChannel, refuse

NOON = SAMPLE_TIME


@pytest.fixture
def channel(monkeypatch):
    fake = type("Fake", (FakeChannel,), {"sent": []})
    monkeypatch.setitem(channels._CHANNELS, "console", fake)
    return fake


def after(seconds):
    return NOON + seconds * bodies.SECOND


def states():
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


# One confirmation per opt-out -----------------------------------------------------------------------------------------


def test_it_confirms_an_opt_out_once(acme, receive, says, channel):
    stop = bodies.message("STOP", at=NOON)

    receive(stop, stop, now=NOON)
    receive(stop, now=after(1))
    says("STOP", 2)
    says("unsubscribe", 3)
    outbox.deliver(now=after(4))
    outbox.deliver(now=after(5))

    assert [(one.to, one.sender) for one in channel.sent] == [(bodies.BILAL, bodies.NUMBER)]
    assert states() == ["sent"]


def test_it_confirms_two_stops_in_one_body_once(acme, receive, channel):
    stops = [bodies.message("STOP", at=after(second)) for second in (1, 0)]

    receive(*stops, now=after(2))
    outbox.deliver(now=after(2))

    assert len(channel.sent) == 1


def test_it_confirms_again_after_the_person_came_back(acme, says, channel):
    for text, second in (("STOP", 0), ("START", 10), ("STOP", 20)):
        says(text, second)
        outbox.deliver(now=after(second + 1))

    kinds = Delivery.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["confirmation", "start_confirmation", "confirmation"]
    assert states() == ["sent"] * 3
    assert len({one.correlation_id for one in channel.sent}) == 3


def test_it_is_silent_about_an_earlier_stop_that_arrives_later(acme, says, channel):
    says("STOP", 10)
    outbox.deliver(now=after(11))
    says("STOP", 5)
    outbox.deliver(now=after(12))

    assert len(channel.sent) == 1


def test_it_is_silent_where_the_policy_says_so(acme, says):
    PolicyVersion.objects.create(brand=acme, number=2, confirms=False)

    says("STOP")

    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    "silent",
    [
        pytest.param(bodies.message("STOP", at=NOON, group_id="G1"), id="group"),
        pytest.param(bodies.message("STOP", at=NOON, field="standby"), id="standby"),
        pytest.param(bodies.message("HELP", at=NOON, field="standby"), id="help-on-standby"),
        pytest.param(bodies.message("START", at=NOON, field="standby"), id="start-on-standby"),
        pytest.param(bodies.switched("stop", at=NOON), id="platform-stop"),
        pytest.param(bodies.switched("resume", at=NOON), id="platform-resume"),
        pytest.param(bodies.status(at=NOON, code=131050), id="131050"),
        pytest.param(bodies.message("if this goes on I will unsubscribe", at=NOON), id="doubt"),
        pytest.param(bodies.message("hello", at=NOON), id="hello"),
        pytest.param(bodies.message("YES", at=NOON), id="yes-to-nothing"),
    ],
)
def test_it_is_silent(silent, acme, receive):
    receive(silent, now=NOON)

    assert not Delivery.objects.exists()


# In time and still true -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "state"), [(299, "due"), (300, "expired"), (86_400, "expired")])
def test_it_counts_what_is_read_too_late_as_expired(seconds, state, acme, receive):
    receive(bodies.message("STOP", at=NOON), now=after(seconds))

    assert states() == [state]


@pytest.mark.parametrize(("seconds", "count"), [(299, 1), (300, 0)])
def test_it_never_sends_too_late(seconds, count, acme, says, channel):
    says("STOP")

    outbox.deliver(now=after(seconds))

    assert (len(channel.sent), states()) == (count, ["sent" if count else "expired"])


@pytest.mark.parametrize(
    "stop", [lambda at: bodies.message("STOP", at=at), lambda at: bodies.tapped("optout:all", at=at)]
)
def test_it_confirms_nothing_when_the_person_came_back_meanwhile(stop, acme, receive, says, channel):
    receive(stop(NOON), now=NOON)
    says("START", 1)

    outbox.deliver(now=after(2))

    assert dict(Delivery.objects.values_list("kind", "state")) == {
        "confirmation": "needless",
        "start_confirmation": "sent",
    }


def test_it_welcomes_nobody_back_who_stopped_meanwhile(acme, says, channel):
    says("STOP", 0)
    says("START", 1)
    says("STOP", 2)

    outbox.deliver(now=after(3))

    assert Delivery.objects.get(kind="start_confirmation").state == "needless"
    assert [one for one in channel.sent if "again" in one.text] == []


@pytest.mark.parametrize(("texts", "state"), [(["STOP", "START"], "sent"), (["START", "STOP"], "needless")])
def test_it_asks_nobody_back_who_stopped_meanwhile(texts, state, acme, says, channel):
    for second, text in enumerate(texts):
        says(text, second, phone=bodies.ALICE)

    outbox.deliver(now=after(3))

    assert Delivery.objects.get(kind="start_question").state == state


# Failures -------------------------------------------------------------------------------------------------------------


def test_it_never_repeats_an_attempt_that_was_cut_off(acme, says, channel):
    says("STOP")
    Delivery.objects.update(state=DeliveryState.ATTEMPTING, leased_until=after(30))

    before, lost = outbox.deliver(now=after(30)), outbox.deliver(now=after(31))
    outbox.deliver(now=after(40))

    assert (before, lost, channel.sent, states()) == (0, 1, [], ["unknown"])


def test_it_leases_while_it_sends(acme, says, channel):
    seen = []
    channel.does = staticmethod(
        lambda message: (
            seen.append(Delivery.objects.values_list("state", "leased_until").get()) or Receipt(DeliveryState.SENT)
        )
    )
    says("STOP")

    outbox.deliver(now=after(1))

    assert seen == [("attempting", after(1) + outbox.LEASE)]
    assert Delivery.objects.get().leased_until is None


def test_it_does_not_send_again_after_an_unforeseen_error(acme, says, channel):
    def fail(message):
        raise RuntimeError("the line went dead")

    channel.does = staticmethod(fail)
    says("STOP")

    outbox.deliver(now=after(1))
    outbox.deliver(now=after(60))

    assert (len(channel.sent), states()) == (1, ["unknown"])


def test_it_retries_what_was_certainly_not_sent(acme, says, channel):
    channel.does = refuse(is_permanent=False)
    says("STOP")
    outbox.deliver(now=NOON, seconds=0.1)
    first = Delivery.objects.get()

    channel.does = FakeChannel.does
    outbox.deliver(now=first.next_attempt_at)

    assert (first.state, first.attempts, first.finished_at) == ("retry", 1, None)
    assert NOON <= first.next_attempt_at <= after(1)
    assert (len(channel.sent), states()) == (2, ["sent"])
    assert len({one.correlation_id for one in channel.sent}) == 1


def test_it_gives_up_at_once_when_that_is_useless(acme, says, channel):
    channel.does = refuse(is_permanent=True)
    says("STOP")

    outbox.deliver(now=NOON)
    outbox.deliver(now=after(60))

    assert (len(channel.sent), states()) == (1, ["dead"])


def test_it_retries_until_it_would_be_too_late(acme, says, channel):
    channel.does = refuse(is_permanent=False)
    says("STOP")
    times = []
    while Delivery.objects.filter(state__in=["due", "retry"]).exists():
        times.append(Delivery.objects.get().next_attempt_at)
        outbox.deliver(now=times[-1])

    assert states() == ["expired"]
    assert times[-1] < after(300)
    assert 5 <= len(channel.sent) < 40


@pytest.mark.parametrize("state", [one for one in DeliveryState if one != DeliveryState.DEAD])
def test_it_processes_nothing_again_that_may_have_been_sent(state, acme, says):
    says("STOP")
    Delivery.objects.update(state=state)

    assert outbox.process_again([Delivery.objects.get().pk], now=after(1)) == 0
    assert states() == [state]


@pytest.mark.parametrize(("seconds", "count"), [(299, 1), (300, 0)])
def test_it_processes_again_what_is_still_in_time(seconds, count, acme, says, channel):
    says("STOP")
    Delivery.objects.update(state=DeliveryState.DEAD, attempts=8, finished_at=after(2))

    again = outbox.process_again([Delivery.objects.get().pk], now=after(seconds))
    outbox.deliver(now=after(seconds))

    assert (again, len(channel.sent)) == (count, count)


def test_it_waits_while_the_destination_is_paused(acme, says, channel):
    says("STOP")
    Destination.objects.update(is_paused=True)

    outbox.deliver(now=after(1))

    assert (channel.sent, states()) == ([], ["due"])


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_it_gives_each_delivery_to_one_of_two_workers(acme, receive, channel):
    stops = [bodies.message("STOP", at=NOON, phone=f"+4477009{number:05}") for number in range(60)]
    receive(*stops, now=NOON)
    together = threading.Barrier(2)

    def work(_):
        together.wait()
        try:
            return outbox.deliver(now=after(1))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(work, range(2)))

    assert (sum(done), len(channel.sent)) == (60, 60)
    assert len({one.to for one in channel.sent}) == 60
