"""Doubtful replies: held at once, settled by a person or by the deadline, never by the clock alone."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from preferences import decisions, outbox, reviews
from preferences.decisions import Act
from preferences.identifiers import digest
from preferences.models import (
    Brand,
    ConsentEvent,
    Delivery,
    EventKind,
    Hold,
    Reply,
    ReviewOutcome,
    Scope,
    Source,
    Subscriber,
)
from preferences.signing import sign_meta
from preferences.webhooks import whatsapp
from tests import bodies
from tests.conftest import SAMPLE_TIME, SECRET

DOUBT = "if this goes on I will unsubscribe"
NOON = SAMPLE_TIME
DEADLINE = NOON + dt.timedelta(hours=72)


@pytest.fixture
def says(receive):
    """Somebody writes something at `at`; it is read at once, or when `read_at` says."""

    def run(text, at=NOON, *, read_at=None, **details):
        receive(bodies.message(text, at=at, **details), now=read_at or at)

    return run


@pytest.fixture
def reason(ask):
    return lambda who=bodies.BILAL, **asked: ask(who, **asked)["reason"]


def doubtful():
    return Reply.objects.filter(review_state="waiting")


def test_it_holds_marketing_at_once_and_silently(acme, says, reason):
    says(DOUBT)

    reply = doubtful().get()
    assert [reason(), reason(channel="sms"), reason(topic="service")] == ["held", "held", "no_objection"]
    assert reply.review_due_at == DEADLINE
    assert not Delivery.objects.exists()


def test_it_waits_as_long_as_the_setting_says(acme, says, settings):
    settings.REVIEW_DEADLINE_HOURS = 24

    says(DOUBT)

    assert doubtful().get().review_due_at == NOON + dt.timedelta(hours=24)


def test_it_counts_the_deadline_from_receipt(acme, says):
    says(DOUBT, read_at=NOON + bodies.HOUR)

    assert doubtful().get().review_due_at == DEADLINE + bodies.HOUR


def test_it_becomes_an_opt_out_at_the_deadline_with_the_replys_own_time(acme, says, ask):
    says(DOUBT)

    early = reviews.settle_due(now=DEADLINE - bodies.SECOND)
    settled = reviews.settle_due(now=DEADLINE)

    answer, event = ask(bodies.BILAL), ConsentEvent.objects.get(kind="stop")
    assert (early, settled, reviews.settle_due(now=DEADLINE)) == (0, 1, 0)
    assert (answer["reason"], answer["since"]) == ("opted_out", "2026-11-22T12:00:00.000000Z")
    assert (event.effective_at, event.recorded_at, event.source, event.expression) == (
        NOON,
        DEADLINE,
        "review",
        "implied",
    )
    assert Reply.objects.get().review_outcome == "deadline"
    assert not Hold.objects.exists()


def test_it_tells_nobody_of_a_verdict(acme, says):
    says(DOUBT)
    reviews.settle_due(now=DEADLINE)

    assert not Delivery.objects.exists()


def test_it_keeps_holding_until_somebody_or_something_acts(acme, says, reason):
    says(DOUBT)
    year_later = NOON + dt.timedelta(days=365)

    says("hello", year_later)

    assert reason() == "held"
    assert decisions.rebuild(is_check=True).wrong == []


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("outcome", "after", "kind"),
    [(ReviewOutcome.OPT_OUT, "opted_out", "stop"), (ReviewOutcome.NOT_OPT_OUT, "no_consent", "release")],
)
def test_it_does_what_the_reviewer_says(outcome, after, kind, says, reason):
    says(DOUBT)

    settled = reviews.settle(list(doubtful()), outcome, now=NOON + bodies.HOUR, actor=7)

    event, reply = ConsentEvent.objects.get(position=2), Reply.objects.get()
    assert (settled, reason()) == (1, after)
    assert (event.kind, event.actor, event.effective_at, event.expression) == (kind, 7, NOON, "expressed")
    assert (reply.review_state, reply.review_outcome, reply.event) == ("settled", outcome, 2)


def test_it_lets_nobody_hang_in_a_hold_whose_verdict_was_corrected(acme, says, reason):
    says(DOUBT)
    reviews.settle_due(now=DEADLINE)
    verdict = ConsentEvent.objects.get(kind="stop")

    decisions.record(
        Act(
            subscriber=Subscriber.objects.get().pk, kind=EventKind.CORRECTION, scope=Scope(), effective_at=DEADLINE,
            received_at=DEADLINE, source=Source.STAFF, source_ref=digest("misread"), voids=verdict.position,
        ),
        now=DEADLINE + bodies.HOUR,
    )  # fmt: skip

    assert reason() == "no_consent"
    assert decisions.rebuild(is_check=True).wrong == []


@pytest.mark.parametrize("first", [ReviewOutcome.OPT_OUT, ReviewOutcome.NOT_OPT_OUT])
def test_it_lets_the_first_verdict_stand(first, acme, says, reason):
    says(DOUBT)
    replies = list(doubtful())
    reviews.settle(replies, first, now=NOON + bodies.HOUR)
    before = reason()

    again = reviews.settle(replies, ReviewOutcome.OPT_OUT, now=NOON + bodies.HOUR)
    other = reviews.settle(replies, ReviewOutcome.NOT_OPT_OUT, now=NOON + bodies.HOUR)

    assert (again, other, reviews.settle_due(now=DEADLINE)) == (0, 0, 0)
    assert (reason(), ConsentEvent.objects.count()) == (before, 2)
    assert Reply.objects.get().review_outcome == first


def test_it_releases_only_the_reply_that_was_judged(acme, says, reason):
    says(DOUBT)
    says(f"{DOUBT} please", NOON + bodies.SECOND)

    reviews.settle(list(doubtful().order_by("pk")[:1]), ReviewOutcome.NOT_OPT_OUT, now=NOON + bodies.HOUR)
    one_left = reason()
    reviews.settle(list(doubtful()), ReviewOutcome.NOT_OPT_OUT, now=NOON + bodies.HOUR)

    assert (one_left, reason()) == ("held", "no_consent")


def test_it_settles_many_people_at_once(acme, says):
    people = [f"+4477009001{number:02}" for number in range(12)]
    for phone in reversed(people):
        says(DOUBT, phone=phone)

    assert reviews.settle_due(now=DEADLINE) == 12
    assert ConsentEvent.objects.filter(kind="stop").count() == 12


# The person acts meanwhile --------------------------------------------------------------------------------------------


def test_it_lets_a_later_start_open_whatsapp_alone(acme, says, reason):
    Brand.objects.create(controller=acme.controller, slug="beta", name="Beta")
    says(DOUBT, waba="9", number="9")  # nobody has assigned this number, so it holds every brand

    says("START", NOON + bodies.SECOND)

    assert [reason(brand="acme"), reason(brand="acme", channel="sms"), reason(brand="beta")] == [
        "opted_in",
        "held",
        "held",
    ]
    assert decisions.rebuild(is_check=True).wrong == []


def test_it_lets_consent_to_one_topic_end_no_hold_on_the_others(acme, receive, says, reason):
    says(DOUBT)

    receive(bodies.tapped("optin:topic:news", at=NOON + bodies.SECOND), now=NOON + bodies.HOUR)

    assert [reason(topic="news"), reason()] == ["opted_in", "held"]


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        (Scope(), Scope(controller=1), True),
        (Scope(controller=1), Scope(), False),
        (Scope(controller=1), Scope(controller=2), False),
        (Scope(controller=1), Scope(brand=3), False),
        (Scope(brand=3), Scope(brand=3, channel="sms", topic="news"), True),
        (Scope(brand=3, channel="sms"), Scope(brand=3), False),
        (Scope(brand=3, topic="news"), Scope(brand=3), False),
    ],
)
def test_it_knows_which_scope_is_as_wide_as_another(outer, inner, expected):
    assert outer.contains(inner) is expected


def test_it_ends_a_hold_by_consent_as_wide_as_it(acme, says, reason):
    says(DOUBT)
    at = NOON + bodies.SECOND

    decisions.record(
        Act(
            subscriber=Subscriber.objects.get().pk, kind=EventKind.OPT_IN, scope=Scope(brand=acme.pk), effective_at=at,
            received_at=at, source=Source.STAFF, source_ref=digest("new consent"),
        ),
        now=at,
    )  # fmt: skip

    assert [reason(), reason(channel="sms")] == ["opted_in", "opted_in"]
    assert not Hold.objects.exists()


def test_it_lets_a_later_start_win_over_the_deadline(acme, says, reason):
    says(DOUBT)
    says("START", NOON + bodies.SECOND)
    reviews.settle_due(now=DEADLINE)

    assert reason() == "opted_in"
    assert reason(channel="sms") == "opted_out"


@pytest.mark.parametrize("order", [("START", DOUBT), (DOUBT, "START")])
def test_it_keeps_the_hold_over_an_older_start(order, acme, says, reason):
    own_times = {"START": NOON - bodies.SECOND, DOUBT: NOON}
    for text in order:
        says(text, own_times[text], read_at=NOON + bodies.HOUR)
    held = reason()

    reviews.settle_due(now=DEADLINE + bodies.HOUR)

    assert (held, reason()) == ("held", "opted_out")


def test_it_keeps_the_hold_over_a_request_that_waits_for_yes(acme, says, reason):
    says(DOUBT, phone=bodies.ALICE)
    says("START", NOON + bodies.SECOND, phone=bodies.ALICE)

    assert reason(bodies.ALICE) == "held"


def test_it_reads_a_settled_reply_again_without_harm(acme, sample, says, reason):
    raw = sample("text_group_message")
    for _ in range(2):
        whatsapp.accept(raw, signature=sign_meta(raw, SECRET), headers={}, now=NOON)
        says("hello")
        reviews.settle(list(doubtful()), ReviewOutcome.NOT_OPT_OUT, now=NOON + bodies.HOUR)

    assert reason(bodies.ALICE) == "no_consent"
    assert Reply.objects.filter(review_outcome="not_opt_out").count() == 1


@pytest.mark.postgresql
def test_it_locks_people_only_in_the_order_everybody_else_does(acme, says, django_assert_max_num_queries):
    """Locked in the order of replies, two people could wait for each other: here and in a worker reading the inbox."""
    says(DOUBT)

    with django_assert_max_num_queries(40) as queries:
        reviews.settle_due(now=DEADLINE)

    locks = [query["sql"] for query in queries.captured_queries if "FOR UPDATE" in query["sql"]]
    assert locks[0].endswith('FOR UPDATE OF "preferences_reply"')


# Asking what was meant --------------------------------------------------------------------------------------------------


def told(now=NOON):
    outbox.deliver(now=now)
    return list(Delivery.objects.order_by("pk").values_list("state", "response_excerpt"))


def test_it_asks_once_what_was_meant(acme, says, reason):
    says(DOUBT)

    reviews.ask(doubtful().get(), now=NOON + bodies.SECOND)

    [(state, text)] = told(NOON + bodies.SECOND)
    assert state == "recorded"
    assert text.startswith("Acme: should we stop all marketing messages, or only some? Reply STOP for all of them")
    assert reason() == "held"
    with pytest.raises(reviews.CannotAskError, match="Nobody is asked twice"):
        reviews.ask(doubtful().get(), now=NOON + 2 * bodies.SECOND)
    assert Delivery.objects.get().notice.key == "clarification"


def test_it_takes_silence_for_a_stop(acme, says, reason):
    says(DOUBT)
    reviews.ask(doubtful().get(), now=NOON)

    reviews.settle_due(now=DEADLINE)

    assert reason() == "opted_out"


def test_it_takes_stop_for_an_answer(acme, says, reason):
    says(DOUBT)
    reviews.ask(doubtful().get(), now=NOON)

    says("STOP", NOON + bodies.HOUR)

    assert reason() == "opted_out"


@pytest.mark.parametrize(
    ("phone", "last", "allowed"),
    [
        (bodies.ALICE, dt.timedelta(minutes=5), "5 minutes after the reply at most (United States)"),
        (bodies.BILAL, dt.timedelta(hours=23), "23 hours after the reply at most (United Kingdom)"),
    ],
)
def test_it_asks_only_as_long_as_the_law_lets_it(acme, says, phone, last, allowed):
    says(DOUBT, phone=phone)
    reply = doubtful().get()

    with pytest.raises(reviews.CannotAskError, match=re.escape(allowed)):
        reviews.ask(reply, now=NOON + last)
    assert not Delivery.objects.exists()

    reviews.ask(reply, now=NOON + last - bodies.SECOND)
    assert told(NOON + last)[0][0] == "expired"


@pytest.mark.parametrize("outcome", [ReviewOutcome.OPT_OUT, ReviewOutcome.NOT_OPT_OUT])
def test_it_asks_nothing_about_what_is_settled(acme, says, outcome):
    says(DOUBT)
    reply = doubtful().get()
    reviews.ask(reply, now=NOON)
    reviews.settle([reply], outcome, now=NOON)

    assert [state for state, _ in told()] == ["needless"]
    with pytest.raises(reviews.CannotAskError, match="is settled"):
        reviews.ask(reply, now=NOON)


def test_it_asks_nothing_once_the_person_has_stopped(acme, says):
    says(DOUBT)
    reviews.ask(doubtful().get(), now=NOON)
    says("STOP")

    assert ("needless", "The person changed their mind meanwhile.") in told()


def test_it_asks_nothing_while_another_agent_holds_the_conversation(acme, says, reason):
    """On standby an answer would take the conversation over. The doubt holds all the same."""
    says(DOUBT, field="standby")

    with pytest.raises(reviews.CannotAskError, match="another agent"):
        reviews.ask(doubtful().get(), now=NOON)

    assert reason() == "held"
    assert not Delivery.objects.exists()


def test_it_asks_nothing_in_a_group(acme, says):
    says(DOUBT, group_id="group-1")

    with pytest.raises(reviews.CannotAskError, match="in a group"):
        reviews.ask(doubtful().get(), now=NOON)
