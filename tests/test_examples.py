"""Examples: what a person found a reply to mean stands beside what the rules said, without what names anybody."""

from __future__ import annotations

import datetime as dt

import pytest

from preferences import decisions, encryption, examples, retention, reviews
from preferences.decisions import Act
from preferences.examples import Verdict, text_of
from preferences.identifiers import digest
from preferences.interpretation import CLASSIFIER_VERSION, KEYWORDS_VERSION
from preferences.models import (
    ConsentEvent,
    EventKind,
    Example,
    ExampleSource,
    Reply,
    ReviewOutcome,
    Scope,
    Source,
    Subscriber,
)
from tests import bodies
from tests.conftest import SAMPLE_TIME

DOUBT = "if this goes on I will unsubscribe Call 07700 900123"
HOUR_LATER = SAMPLE_TIME + bodies.HOUR
DEADLINE = SAMPLE_TIME + dt.timedelta(hours=72)


def settle(outcome, actor=7):
    return reviews.settle(list(Reply.objects.filter(review_state="waiting")), outcome, now=HOUR_LATER, actor=actor)


def correct(position, *, ref="misread", actor=7):
    subscriber = Subscriber.objects.get().pk
    act = Act(
        subscriber=subscriber, kind=EventKind.CORRECTION, scope=Scope(), effective_at=HOUR_LATER,
        received_at=HOUR_LATER, source=Source.STAFF, source_ref=digest(ref), voids=position, actor=actor,
    )  # fmt: skip
    return decisions.record(act, now=HOUR_LATER)


def stop():
    return ConsentEvent.objects.get(kind="stop").position


@pytest.mark.parametrize(
    ("outcome", "label"), [(ReviewOutcome.OPT_OUT, "opt_out"), (ReviewOutcome.NOT_OPT_OUT, "none")]
)
def test_it_keeps_what_a_reviewer_found(acme, says, outcome, label):
    says(DOUBT)

    settle(outcome)

    reply, example = Reply.objects.get(), Example.objects.get()
    assert (example.source, example.label, example.judged, example.actor) == ("review", label, "review", 7)
    assert (example.rule, example.language, example.kind) == (reply.rule, reply.language, "text")
    assert (example.classifier_version, example.keywords_version) == (CLASSIFIER_VERSION, KEYWORDS_VERSION)
    assert (example.brand, bytes(example.digest)) == (acme, bytes(reply.digest))
    assert (example.received_at, example.created_at) == (SAMPLE_TIME, HOUR_LATER)
    assert text_of(example) == "if this goes on I will unsubscribe Call <number>"


def test_it_stores_the_words_encrypted(acme, says):
    says(DOUBT)

    settle(ReviewOutcome.OPT_OUT)

    stored = bytes(Example.objects.get().text)
    assert b"bus" not in stored
    assert encryption.unseal("example", stored).decode() == "if this goes on I will unsubscribe Call <number>"


def test_it_keeps_what_the_deadline_made(acme, says):
    says(DOUBT)

    reviews.settle_due(now=DEADLINE)

    example = Example.objects.get()
    assert (example.source, example.label, example.actor) == ("deadline", "opt_out", 0)


def test_it_keeps_only_the_first_verdict(acme, says):
    says(DOUBT)
    replies = list(Reply.objects.all())

    settle(ReviewOutcome.NOT_OPT_OUT)
    reviews.settle(replies, ReviewOutcome.OPT_OUT, now=DEADLINE)
    examples.keep([Verdict(bytes(replies[0].digest), ExampleSource.REVIEW, is_opt_out=True)], now=DEADLINE)

    assert Example.objects.get().label == "none"


def test_it_keeps_an_opt_out_that_was_corrected(acme, says):
    says("Cancel")

    correct(stop())

    example = Example.objects.get()
    assert (example.source, example.label, example.judged, example.actor) == ("correction", "none", "opt_out", 7)
    assert (example.rule, text_of(example)) == ("en/cancel", "Cancel")


def test_it_keeps_a_verdict_that_was_corrected_beside_the_verdict(acme, says):
    says(DOUBT)
    reviews.settle_due(now=DEADLINE)
    correct(stop())

    assert list(Example.objects.order_by("pk").values_list("source", "label", "judged")) == [
        ("deadline", "opt_out", "review"),
        ("correction", "none", "review"),
    ]


def test_it_keeps_a_corrected_tap(acme, receive):
    receive(bodies.tapped("optout:marketing", at=SAMPLE_TIME), now=SAMPLE_TIME)

    correct(stop())

    example = Example.objects.get()
    assert (example.source, example.kind, text_of(example)) == ("correction", "reply_button", "Tap")


def test_it_keeps_one_example_of_a_stop_that_is_corrected_twice(acme, says):
    says("STOP")
    position = stop()

    first, again, other = correct(position), correct(position), correct(position, ref="misread again")

    assert (first.is_new, again.is_new, other.is_new) == (True, False, True)
    assert Example.objects.count() == 1


def test_it_learns_nothing_from_a_correction_of_what_no_reply_did(acme, says):
    says("hello")
    subscriber = Subscriber.objects.get().pk
    act = Act(
        subscriber=subscriber, kind=EventKind.STOP, scope=Scope(), effective_at=SAMPLE_TIME, received_at=SAMPLE_TIME,
        source=Source.STAFF, source_ref=digest("phoned"),
    )  # fmt: skip
    decisions.record(act, now=SAMPLE_TIME)

    correct(stop())

    assert not Example.objects.exists()


def test_it_keeps_no_example_of_a_verdict_that_failed(acme, says, monkeypatch):
    says(DOUBT)

    def fail(*_args, **_options):
        raise RuntimeError

    monkeypatch.setattr(decisions, "record_many", fail)
    with pytest.raises(RuntimeError):
        settle(ReviewOutcome.OPT_OUT)

    assert not Example.objects.exists()
    assert Reply.objects.get().review_state == "waiting"


def test_it_keeps_no_words_of_a_form(acme, receive):
    answers = '{"marketing_opt_in": false, "name": "Bilal Fiction"}'
    form = {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": answers}}
    receive(bodies.message("", at=SAMPLE_TIME, type="interactive", interactive=form), now=SAMPLE_TIME)

    examples.keep(
        [Verdict(bytes(Reply.objects.get().digest), ExampleSource.CORRECTION, is_opt_out=False)], now=HOUR_LATER
    )

    example = Example.objects.get()
    assert (example.kind, text_of(example)) == ("flow", "")


def test_it_keeps_the_verdict_where_the_words_no_longer_open(acme, says, settings):
    says(DOUBT)
    settings.FIELD_ENCRYPTION_KEYS = ["new:" + "A" * 43 + "="]

    settle(ReviewOutcome.NOT_OPT_OUT)

    example = Example.objects.get()
    assert (example.label, text_of(example)) == ("none", "")


def test_it_asks_as_often_for_many_as_for_one(acme, says, django_assert_num_queries):
    for second in range(5):
        says(DOUBT, second)
    digests = [bytes(one) for one in Reply.objects.values_list("digest", flat=True)]
    verdicts = [Verdict(one, ExampleSource.REVIEW, is_opt_out=True) for one in digests]

    with django_assert_num_queries(2):
        examples.keep(verdicts, now=HOUR_LATER)
    with django_assert_num_queries(0):
        examples.keep([], now=HOUR_LATER)

    assert Example.objects.count() == 5


# Retention ------------------------------------------------------------------------------------------------------------


def test_it_forgets_the_words_first_and_the_rest_later(acme, says, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH", 2)
    for second in range(5):
        says(DOUBT, second)
    settle(ReviewOutcome.NOT_OPT_OUT)
    day = dt.timedelta(days=1)

    early = retention.purge(now=HOUR_LATER + 365 * day)
    words = retention.purge(now=HOUR_LATER + 365 * day + bodies.SECOND)
    kept = list(Example.objects.values_list("label", "rule"))
    rest = retention.purge(now=HOUR_LATER + 1_095 * day + bodies.SECOND)

    assert [(one["texts of examples"], one["examples"]) for one in (early, words, rest)] == [(0, 0), (5, 0), (0, 5)]
    assert kept == [("none", "en/sentence/unsubscribe/condition")] * 5
    assert not Example.objects.exists()


def test_it_keeps_examples_as_long_as_the_settings_say(acme, says, settings):
    settings.EXAMPLE_TEXT_RETENTION_DAYS = 1
    settings.EXAMPLE_RETENTION_DAYS = 2
    says(DOUBT)
    settle(ReviewOutcome.NOT_OPT_OUT)

    retention.purge(now=HOUR_LATER + dt.timedelta(days=1, seconds=1))
    assert text_of(Example.objects.get()) == ""
    retention.purge(now=HOUR_LATER + dt.timedelta(days=2, seconds=1))
    assert not Example.objects.exists()
