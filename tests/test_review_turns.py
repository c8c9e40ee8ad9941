"""The review queue: one reply at a time for each reviewer, never the same for two, and a minute to think again."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from django.db import connection

from preferences import reviews
from preferences.models import ConsentEvent, Delivery, Reply, ReviewOutcome, ReviewTurn, User
from tests import bodies
from tests.conftest import SAMPLE_TIME

NOON = SAMPLE_TIME
SECOND, MINUTE = dt.timedelta(seconds=1), dt.timedelta(minutes=1)
DOUBT = "if this goes on I will unsubscribe"


@pytest.fixture
def rosa(db):
    return User.objects.create_user("rosa")


@pytest.fixture
def ravi(db):
    return User.objects.create_user("ravi")


@pytest.fixture
def doubts(acme, receive):
    """So many people wrote something doubtful, a second apart; their replies, oldest first."""

    def run(number=1):
        for index in range(number):
            at = NOON + index * SECOND
            receive(bodies.message(DOUBT, at=at, phone=f"+4477009001{index:02}"), now=at)
        return list(Reply.objects.filter(review_state="waiting").order_by("review_due_at"))

    return run


def kinds():
    return list(ConsentEvent.objects.order_by("position").values_list("kind", flat=True))


def test_it_gives_two_reviewers_different_replies_and_each_the_same_again(doubts, rosa, ravi):
    first, second = doubts(2)

    assert reviews.take(rosa, now=NOON) == first
    assert reviews.take(ravi, now=NOON) == second
    assert reviews.take(rosa, now=NOON + MINUTE) == first


def test_it_gives_a_reply_on_when_its_reviewer_stays_away(doubts, rosa, ravi):
    (reply,) = doubts()
    reviews.take(rosa, now=NOON)

    assert reviews.take(ravi, now=NOON + 4 * MINUTE) is None
    assert reviews.take(ravi, now=NOON + 5 * MINUTE) == reply
    with pytest.raises(reviews.TurnLostError, match="somebody else has it"):
        reviews.decide(reply.pk, rosa, ReviewOutcome.OPT_OUT, now=NOON + 5 * MINUTE)


def test_it_shows_what_was_skipped_after_everything_else(doubts, rosa, ravi):
    first, second = doubts(2)
    reviews.take(rosa, now=NOON)

    reviews.skip(first.pk, rosa, now=NOON)

    assert reviews.take(rosa, now=NOON) == second
    reviews.skip(second.pk, rosa, now=NOON)
    assert reviews.take(ravi, now=NOON) == first
    assert reviews.take(rosa, now=NOON) == second


@pytest.mark.parametrize(
    ("verdict", "kind", "reason"),
    [(ReviewOutcome.OPT_OUT, "stop", "opted_out"), (ReviewOutcome.NOT_OPT_OUT, "release", "no_consent")],
)
def test_it_writes_a_verdict_after_its_undo_minute_while_the_hold_stays(doubts, rosa, ask, verdict, kind, reason):
    (reply,) = doubts()
    reviews.take(rosa, now=NOON)

    reviews.decide(reply.pk, rosa, verdict, now=NOON)

    assert reviews.settle_decided(now=NOON + MINUTE - SECOND) == 0
    assert ask("+447700900100")["reason"] == "held"
    assert reviews.settle_decided(now=NOON + MINUTE) == 1
    event = ConsentEvent.objects.latest("position")
    assert (event.kind, event.actor, event.effective_at) == (kind, rosa.pk, NOON)
    assert ask("+447700900100")["reason"] == reason
    assert not ReviewTurn.objects.exists()
    assert reviews.settle_decided(now=NOON + MINUTE) == 0


def test_a_verdict_is_taken_back_within_its_minute_and_not_later(doubts, rosa):
    (reply,) = doubts()
    reviews.take(rosa, now=NOON)
    reviews.decide(reply.pk, rosa, ReviewOutcome.OPT_OUT, now=NOON)

    reviews.undo(reply.pk, rosa, now=NOON + 59 * SECOND)

    assert reviews.settle_decided(now=NOON + 2 * MINUTE) == 0
    assert reviews.take(rosa, now=NOON + 2 * MINUTE) == reply
    reviews.decide(reply.pk, rosa, ReviewOutcome.OPT_OUT, now=NOON + 2 * MINUTE)
    with pytest.raises(reviews.TurnLostError, match="stands in the ledger"):
        reviews.undo(reply.pk, rosa, now=NOON + 3 * MINUTE)


def test_nobody_takes_back_or_gives_anothers_verdict(doubts, rosa, ravi):
    (reply,) = doubts()
    reviews.take(rosa, now=NOON)

    with pytest.raises(reviews.TurnLostError):
        reviews.decide(reply.pk, ravi, ReviewOutcome.NOT_OPT_OUT, now=NOON)
    reviews.decide(reply.pk, rosa, ReviewOutcome.OPT_OUT, now=NOON)
    with pytest.raises(reviews.TurnLostError):
        reviews.undo(reply.pk, ravi, now=NOON)
    assert reviews.take(ravi, now=NOON + 10 * MINUTE) is None, "a decided reply waits for its verdict to be written"


def test_the_deadline_leaves_a_verdict_in_its_undo_minute_alone(doubts, rosa):
    (reply,) = doubts()
    due = reply.review_due_at
    reviews.take(rosa, now=due - 10 * SECOND)
    reviews.decide(reply.pk, rosa, ReviewOutcome.NOT_OPT_OUT, now=due - SECOND)

    assert reviews.settle_due(now=due) == 0
    assert reviews.settle_decided(now=due + MINUTE) == 1
    assert kinds() == ["hold", "release"]


def test_the_deadline_settles_what_is_only_looked_at(doubts, rosa):
    (reply,) = doubts()
    due = reply.review_due_at
    reviews.take(rosa, now=due - SECOND)

    assert reviews.settle_due(now=due) == 1
    assert not ReviewTurn.objects.exists()
    with pytest.raises(reviews.TurnLostError):
        reviews.decide(reply.pk, rosa, ReviewOutcome.NOT_OPT_OUT, now=due)


def test_it_asks_the_person_once_and_puts_the_reply_aside(doubts, rosa, ravi):
    (reply,) = doubts()
    reviews.take(rosa, now=NOON + SECOND)

    reviews.ask_in_turn(reply.pk, rosa, now=NOON + 2 * SECOND)

    assert Delivery.objects.filter(kind="clarification").count() == 1
    assert reviews.take(rosa, now=NOON + MINUTE) is None
    assert reviews.take(ravi, now=NOON + dt.timedelta(hours=25)) == reply
    assert "Nobody is asked twice" in reviews.why_not_ask(reply, now=NOON + MINUTE)


def test_it_asks_nobody_about_a_reply_in_other_hands(doubts, rosa, ravi):
    (reply,) = doubts()
    reviews.take(rosa, now=NOON)

    with pytest.raises(reviews.TurnLostError):
        reviews.ask_in_turn(reply.pk, ravi, now=NOON)
    assert not Delivery.objects.exists()


def test_it_writes_many_verdicts_of_several_reviewers_in_a_fixed_number_of_queries(
    doubts, rosa, ravi, django_assert_max_num_queries
):
    doubts(6)
    for turn, verdict in enumerate([ReviewOutcome.OPT_OUT, ReviewOutcome.NOT_OPT_OUT] * 3):
        reviewer = (rosa, ravi)[turn % 2]
        reply = reviews.take(reviewer, now=NOON)
        reviews.decide(reply.pk, reviewer, verdict, now=NOON)

    with django_assert_max_num_queries(70):
        assert reviews.settle_decided(now=NOON + MINUTE) == 6
    assert sorted(kinds()) == ["hold"] * 6 + ["release"] * 3 + ["stop"] * 3


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_reviewers_who_come_at_once_never_get_the_same_reply(doubts):
    doubts(3)
    reviewers = [User.objects.create_user(f"reviewer-{index}") for index in range(6)]
    start = threading.Barrier(len(reviewers))
    taken = []

    def come(reviewer):
        start.wait()
        reply = reviews.take(reviewer, now=NOON)
        taken.append(reply.pk if reply else None)
        connection.close()

    threads = [threading.Thread(target=come, args=[one]) for one in reviewers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    got = [pk for pk in taken if pk]
    assert len(got) == len(set(got)) == 3
