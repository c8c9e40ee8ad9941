"""The laws of consent, through the one door: scopes, clamped times, corrections, joins, recycled numbers."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from preferences import decisions, eligibility, inbox, regimes, simulation
from preferences.decisions import Act, DecisionError, rebuilding
from preferences.identifiers import digest
from preferences.models import (
    ANY,
    Brand,
    Consent,
    ConsentEvent,
    EventKind,
    Identity,
    Portfolio,
    Provider,
    Scope,
    Sender,
    Source,
    Subscriber,
    Topic,
)
from preferences.simulation import american, british
from tests import bodies
from tests.conftest import SAMPLE_TIME

BILAL, DORA, ALICE = british(123), british(124), american(43)


def at(seconds: float) -> dt.datetime:
    return SAMPLE_TIME + dt.timedelta(seconds=seconds)


def reason(who: str, *, channel: str = "whatsapp", topic: str = "marketing", brand: Brand | None = None) -> str:
    brands = [brand] if brand else None
    return eligibility.check([who], channel=channel, topic=topic, brands=brands, now=at(3600))[0].reason


def staff_act(subscriber: int, kind: EventKind, *, seconds: float = 60, **values) -> Act:
    values = {"scope": Scope(), "source_ref": digest(f"staff:{kind}:{seconds}"), **values}
    return Act(
        subscriber=subscriber,
        kind=kind,
        effective_at=at(seconds),
        received_at=at(seconds),
        source=Source.STAFF,
        **values,
    )


def stop_of(person: simulation.Fictional) -> ConsentEvent:
    return ConsentEvent.objects.filter(kind="stop").latest("position")


def subscriber_of(person: simulation.Fictional) -> int:
    return Identity.objects.get(value=person.recipient, ended_at=None).root_id


def test_it_covers_topics_channels_and_senders_created_later(acme, receive):
    receive(simulation.text(BILAL, "STOP", at(0)), now=at(1))

    Topic.objects.create(brand=acme, slug="newsletter", name="Newsletter")
    portfolio = Portfolio.objects.create(provider=Provider.WHATSAPP, key="waba:2")
    Sender.objects.create(portfolio=portfolio, provider=Provider.WHATSAPP, key="2", brand=acme)

    assert reason(BILAL.recipient, topic="newsletter") == "opted_out"
    assert {reason(BILAL.recipient, channel=channel) for channel in ("sms", "email", "voice", "push")} == {"opted_out"}


def test_it_brings_back_whatsapp_alone_on_start(acme, receive):
    receive(simulation.text(BILAL, "STOP", at(0)), simulation.text(BILAL, "START", at(60)), now=at(61))

    assert reason(BILAL.recipient) == "opted_in"
    assert reason(BILAL.recipient, channel="sms") == "opted_out"


def test_it_reopens_service_messages_that_stop_everything_had_closed(acme, receive):
    receive(simulation.button(BILAL, "Stop everything", at(0), payload="optout:all"), now=at(1))
    closed = reason(BILAL.recipient, topic="service")

    receive(simulation.text(BILAL, "START", at(60)), now=at(61))

    assert (closed, reason(BILAL.recipient, topic="service")) == ("opted_out", "opted_in")
    assert reason(BILAL.recipient, topic="ad_sharing") == "opted_out"


def test_it_asks_americans_for_yes(acme, receive):
    receive(simulation.text(ALICE, "STOP", at(0)), simulation.text(ALICE, "START", at(60)), now=at(61))
    before = reason(ALICE.recipient)

    receive(simulation.text(ALICE, "YES", at(90)), now=at(91))

    assert (before, reason(ALICE.recipient)) == ("opted_out", "opted_in")


@pytest.mark.parametrize("words", [["START", "STOP", "YES"], ["YES"], ["hello", "yes"]])
def test_it_takes_no_yes_that_answers_something_else(words, acme, receive):
    for index, said in enumerate(["STOP", *words]):
        receive(simulation.text(ALICE, said, at(index * 30)), now=at(index * 30 + 1))

    assert reason(ALICE.recipient) == "opted_out"


def test_it_takes_no_yes_after_a_day(acme, receive):
    receive(simulation.text(ALICE, "START", at(0)), now=at(1))
    receive(simulation.text(ALICE, "YES", at(86_401)), now=at(86_402))

    assert reason(ALICE.recipient) == "no_consent"


def test_it_clamps_a_start_from_the_future(acme, receive):
    receive(simulation.text(BILAL, "START", at(9_999)), now=at(10))
    receive(simulation.text(BILAL, "STOP", at(20)), now=at(21))

    assert reason(BILAL.recipient) == "opted_out"


def test_it_lets_the_stop_win_a_tie(acme, receive):
    receive(simulation.text(BILAL, "STOP", at(0)), simulation.text(BILAL, "START", at(0)), now=at(1))

    assert reason(BILAL.recipient) == "opted_out"


def test_it_keeps_the_platform_stop_apart_from_start(acme, receive):
    receive(simulation.switch(BILAL, at(0), is_stop=True), simulation.text(BILAL, "START", at(60)), now=at(61))
    stopped = reason(BILAL.recipient)

    receive(simulation.switch(BILAL, at(90), is_stop=False), now=at(91))

    assert (stopped, reason(BILAL.recipient)) == ("platform_stop", "opted_in")


def test_it_heeds_a_second_platform_stop_that_tells_no_time(acme, receive):
    for seconds, value in enumerate(("stop", "resume", "stop")):
        webhook = bodies.switched(value, at=at(seconds))
        del webhook["entry"][0]["changes"][0]["value"]["user_preferences"][0]["timestamp"]
        receive(webhook, now=at(seconds))

    assert reason(BILAL.recipient) == "platform_stop"


def test_it_voids_what_a_correction_names_and_nothing_else(acme, receive):
    receive(simulation.text(BILAL, "START", at(0)), simulation.text(BILAL, "STOP", at(60)), now=at(61))
    wrong = stop_of(BILAL)

    decisions.record(
        staff_act(subscriber_of(BILAL), EventKind.CORRECTION, seconds=70, voids=wrong.position), now=at(71)
    )
    corrected = reason(BILAL.recipient)
    receive(simulation.text(BILAL, "stop promotions", at(30)), now=at(80))  # older, but it arrives late

    assert (corrected, reason(BILAL.recipient)) == ("opted_in", "opted_out")
    assert decisions.rebuild(is_check=True).wrong == []


def test_it_is_never_an_opt_in_to_be_corrected(acme, receive):
    receive(simulation.text(BILAL, "STOP", at(0)), now=at(1))
    act = staff_act(subscriber_of(BILAL), EventKind.CORRECTION, voids=stop_of(BILAL).position)

    decisions.record(act, now=at(61))

    assert reason(BILAL.recipient) == "no_consent"


def test_it_refuses_to_correct_what_only_the_person_can_take_back(acme, receive):
    receive(simulation.switch(BILAL, at(0), is_stop=True), now=at(1))
    position = ConsentEvent.objects.get().position

    with pytest.raises(DecisionError, match="only the person"):
        decisions.record(staff_act(subscriber_of(BILAL), EventKind.CORRECTION, voids=position), now=at(61))


def test_it_refuses_to_correct_somebody_elses_event(acme, receive):
    receive(simulation.text(BILAL, "STOP", at(0)), simulation.text(DORA, "hello", at(0)), now=at(1))

    with pytest.raises(DecisionError, match="not an event of this subscriber"):
        decisions.record(
            staff_act(subscriber_of(DORA), EventKind.CORRECTION, voids=stop_of(BILAL).position), now=at(61)
        )


def test_it_refuses_an_act_effective_after_its_receipt(acme, receive):
    receive(simulation.text(BILAL, "hello", at(0)), now=at(1))
    act = Act(
        subscriber=subscriber_of(BILAL), kind=EventKind.OPT_IN, scope=Scope(), effective_at=at(10), received_at=at(5),
        source=Source.STAFF, source_ref=digest("x"),
    )  # fmt: skip

    with pytest.raises(DecisionError, match="effective after it was received"):
        decisions.record(act, now=at(20))


def test_it_records_an_act_once(acme, receive):
    receive(simulation.text(BILAL, "hello", at(0)), now=at(1))
    act = staff_act(subscriber_of(BILAL), EventKind.STOP)

    first, again = decisions.record(act, now=at(61)), decisions.record(act, now=at(99))

    assert (first.is_new, again.is_new, first.position) == (True, False, again.position)


def test_it_joins_and_splits(acme, receive):
    alone = simulation.Fictional("Dora", "", "GB")
    number = simulation.Fictional("Dora", DORA.number, "GB")
    receive(simulation.text(alone, "STOP", at(0)), now=at(1))
    bsuid = alone.bsuid
    receive(_phone_only(number, "hello", at(10)), now=at(11))
    receive(_both(DORA.number, bsuid, "hello again", at(20)), now=at(21))
    joined = reason(f"+{DORA.number}"), reason(bsuid)

    member = Subscriber.objects.exclude(root_id=Subscriber.objects.order_by("pk").first().pk).first() or (
        Subscriber.objects.order_by("-pk").first()
    )
    decisions.split(member, actor=1, reason="wrong_person", now=at(60))

    assert joined == ("opted_out", "opted_out")
    assert {reason(f"+{DORA.number}"), reason(bsuid)} == {"opted_out", "no_consent"}
    assert decisions.rebuild(is_check=True).wrong == []


@pytest.mark.parametrize("is_check", [True, False])
def test_it_rebuilds_beside_a_join_that_comes_in_between(is_check, acme, receive, monkeypatch):
    alone = simulation.Fictional("Dora", "", "GB")
    receive(simulation.text(alone, "STOP", at(0)), _phone_only(DORA, "hello", at(10)), now=at(11))
    before = list(Subscriber.objects.order_by("pk").values_list("pk", flat=True))
    receive(_both(DORA.number, alone.bsuid, "hello again", at(20)), now=at(21))
    monkeypatch.setattr(rebuilding, "_roots", lambda: [before])

    result = decisions.rebuild(is_check=is_check)

    assert (len(before), result.people, result.wrong) == (2, 1, [])


def test_it_gives_a_recycled_number_no_consent_but_its_stop(acme, receive):
    receive(_both(BILAL.number, "GB.1111111", "START", at(0)), now=at(1))
    receive(_both(DORA.number, "GB.2222222", "STOP", at(0)), now=at(1))

    receive(
        _both(BILAL.number, "GB.3333333", "hello", at(60)), _both(DORA.number, "GB.4444444", "hi", at(60)), now=at(61)
    )
    inherited = reason(BILAL.recipient), reason(DORA.recipient), reason("GB.1111111")
    receive(_both(DORA.number, "GB.4444444", "START", at(90)), now=at(91))

    assert inherited == ("no_consent", "opted_out", "opted_in")
    assert (reason(DORA.recipient), reason("GB.2222222")) == ("opted_in", "opted_out")


@pytest.mark.parametrize("kind", [EventKind.STOP, EventKind.HOLD])
def test_it_keeps_what_stands_on_a_recycled_number_when_the_earlier_holder_is_corrected(kind, acme, receive):
    words = "STOP" if kind == EventKind.STOP else "if this goes on I will unsubscribe"
    receive(_both(BILAL.number, "GB.1111111", words, at(0)), now=at(1))
    receive(_both(BILAL.number, "GB.1111111", "stop promotions", at(10)), now=at(11))
    receive(_both(BILAL.number, "GB.3333333", "hello", at(60)), now=at(61))
    earlier = Identity.objects.get(value="GB.1111111").root_id
    first, second = (
        staff_act(earlier, EventKind.CORRECTION, seconds=70 + position, voids=position) for position in (1, 2)
    )

    decisions.record(first, now=at(90))
    kept, differing = reason(BILAL.recipient), decisions.rebuild(is_check=True).wrong
    decisions.record(second, now=at(91))

    assert (kept, differing) == ("opted_out", [])
    assert (reason(BILAL.recipient), decisions.rebuild(is_check=True).wrong) == ("no_consent", [])


def test_it_binds_every_brand_until_the_sender_has_one(acme, receive):
    other = Brand.objects.create(controller=acme.controller, slug="other", name="Other")
    sender = Sender.objects.get()
    sender.brand = None
    sender.save(update_fields=["brand"])

    receive(simulation.text(BILAL, "STOP", at(0)), now=at(1))
    receive(simulation.text(BILAL, "START", at(60)), now=at(61))
    before = reason(BILAL.recipient, brand=acme), reason(BILAL.recipient, brand=other)
    written = decisions.assign_sender(sender, acme, actor=1, now=at(120))

    assert before == ("opted_out", "opted_out")
    assert (reason(BILAL.recipient, brand=acme), reason(BILAL.recipient, brand=other)) == ("opted_in", "opted_out")
    assert (written, decisions.assign_sender(sender, acme, actor=1, now=at(130))) == (2, 0)


def test_it_carries_no_corrected_stop_over_to_the_brand_of_a_sender(acme, receive):
    Sender.objects.update(brand=None)
    receive(simulation.text(BILAL, "STOP", at(0)), now=at(1))
    correction = staff_act(subscriber_of(BILAL), EventKind.CORRECTION, voids=stop_of(BILAL).position)
    decisions.record(correction, now=at(61))

    written = decisions.assign_sender(Sender.objects.get(), acme, actor=1, now=at(120))

    assert (written, reason(BILAL.recipient)) == (0, "no_consent")


@pytest.mark.parametrize(
    ("phone", "offset", "expected"),
    [
        (ALICE.recipient, -1, "no_consent"),
        (ALICE.recipient, 0, "opted_out"),
        (BILAL.recipient, 0, "no_consent"),
        pytest.param("+88216123456", 0, "opted_out", id="satellite-of-no-country"),
    ],
)
def test_it_reaches_the_whole_controller_in_the_us_from_the_day_of_the_rule(phone, offset, expected, acme, receive):
    sister = Brand.objects.create(controller=acme.controller, slug="sister", name="Sister")
    moment = regimes.REVOKE_ALL_FROM + dt.timedelta(seconds=offset)

    receive(bodies.message("STOP", at=moment, phone=phone), now=moment)

    assert reason(phone, brand=sister) == expected
    assert reason(phone, brand=acme) == "opted_out"


def test_it_needs_the_same_number_of_queries_for_one_reply_and_for_a_hundred(acme, receive, post):
    receive(simulation.text(british(1), "hello", at(0)))
    counts = []
    for size in (1, 100):
        for index in range(size):
            post(simulation.text(british(200 + size + index), "STOP", at(index)))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            inbox.process()
        statements = {query["sql"] for query in queries}
        counts.append(len(statements) if connection.vendor == "sqlite" else len(queries))

    # SQLite runs one statement a row for writes, so there only different statements count.
    assert abs(counts[1] - counts[0]) <= 3


def test_it_keeps_scopes_as_they_were_said(acme, receive):
    receive(simulation.text(BILAL, "STOP", at(0)), now=at(1))

    assert list(Consent.objects.values_list("brand", "channel", "topic")) == [(acme.pk, ANY, "marketing")]


def _both(number: str, bsuid: str, words: str, moment: dt.datetime) -> bytes:
    """A message that shows a number and any user id."""
    person = simulation.Fictional("X", number, "GB")
    return simulation.text(person, words, moment).replace(person.bsuid.encode(), bsuid.encode())


def _phone_only(person: simulation.Fictional, words: str, moment: dt.datetime) -> bytes:
    raw = simulation.text(person, words, moment)
    return raw.replace(f', "from_user_id": "{person.bsuid}"'.encode(), b"").replace(
        f', "user_id": "{person.bsuid}"'.encode(), b""
    )


@pytest.mark.parametrize("is_answer_first", [False, True])
def test_it_links_an_answer_by_user_id_to_the_number_the_message_went_to(is_answer_first, acme, receive):
    """A campaign went to a number; STOP comes back from a user id alone, quoting it."""
    number_only = simulation.Fictional("Dora", DORA.number, "GB")
    alone = simulation.Fictional("Dora", "", "GB")
    sent = simulation.status(number_only, "wamid.campaign", "delivered", at(0)).replace(
        f', "recipient_user_id": "{number_only.bsuid}"'.encode(), b""
    )
    answer = simulation.text(alone, "STOP", at(60), answers="wamid.campaign")

    for body in [answer, sent] if is_answer_first else [sent, answer]:
        receive(body, now=at(61))

    assert (reason(DORA.recipient), reason(alone.bsuid)) == ("opted_out", "opted_out")
    assert decisions.rebuild(is_check=True).wrong == []
