"""What businesses wrote themselves: from signed webhooks into the store, each once, for its time."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from preferences import retention
from preferences.encryption import unseal
from preferences.identifiers import digest
from preferences.models import ConsentEvent, Reply, Sender, SentText, Subscriber, TemplateText
from tests import bodies
from tests.conftest import SAMPLE_TIME

NOON = SAMPLE_TIME
BEFORE = NOON - bodies.HOUR
ASKED = "wamid.asked"
BOOKING = "Your table is booked for 7 pm. Reply CANCEL to cancel the booking"
BUTTON = {"message_template_button_type": "QUICK_REPLY", "message_template_button_text": "Cancel"}


def echo(text=BOOKING, *, wamid=ASKED, at=BEFORE, **extra):
    return bodies.echo(text, at=at, wamid=wamid, **extra)


def text_of(row):
    return unseal("sent", bytes(row.text)).decode()


def test_it_keeps_what_staff_wrote_encrypted_and_once(acme, receive, says):
    says("hello")
    for _ in range(2):
        receive(echo(), now=BEFORE)

    row = SentText.objects.get()
    assert (bytes(row.digest), row.sent_at) == (digest(ASKED), BEFORE)
    assert (row.sender, row.subscriber) == (Sender.objects.get().pk, Reply.objects.get().subscriber_id)
    assert text_of(row) == BOOKING
    assert BOOKING.encode() not in bytes(row.text)


def test_it_makes_nobody_known_and_nothing_a_reply(acme, receive):
    receive(
        echo("Reply STOP to unsubscribe"), bodies.history({"from": "447700900123", "id": "x", "text": {"body": "STOP"}})
    )

    assert SentText.objects.get().subscriber == 0
    assert not (Subscriber.objects.exists() or Reply.objects.exists() or ConsentEvent.objects.exists())


def test_it_finds_the_person_by_user_id_as_well(acme, receive, says):
    says("hello", phone="", bsuid="GB.1")
    receive(echo(to=None, to_user_id="GB.1"), now=NOON)

    assert SentText.objects.get().subscriber == Reply.objects.get().subscriber_id


def test_it_reads_the_business_side_of_history_and_no_other(acme, receive):
    ours = {
        "from": "12025550100",
        "id": "h1",
        "timestamp": bodies.stamp(BEFORE),
        "type": "text",
        "text": {"body": "Ours"},
    }
    theirs = {**ours, "from": "447700900123", "id": "h2", "text": {"body": "STOP"}}
    picture = {**ours, "id": "h3", "type": "image", "image": {"caption": "Look"}, "to": "447700900123"}
    deleted = {**ours, "id": "h4", "type": "revoke", "revoke": {"original_message_id": "h1"}}

    receive(bodies.history(ours, theirs, picture, deleted, None, {"from": "12025550100", "id": 5}), now=NOON)

    assert sorted(map(text_of, SentText.objects.all())) == ["Look", "Ours"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_it_keeps_the_same_in_any_order(acme, receive, says, order):
    says("hello")
    told = [echo(at=BEFORE), echo(at=BEFORE + bodies.SECOND), echo(at=BEFORE, phone="+12025550199")]

    for place in order:
        receive(told[place], now=NOON)

    row = SentText.objects.get()
    assert (row.sent_at, row.subscriber) == (BEFORE, Reply.objects.get().subscriber_id)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("is_one_batch", [True, False])
def test_it_keeps_the_newest_words_of_a_template_in_any_order(acme, receive, order, is_one_batch):
    told = [
        bodies.edited("Old", at=BEFORE),
        bodies.edited("New", at=NOON, message_template_title="Hi", message_template_footer="Reply STOP to opt out",
                 message_template_buttons=[BUTTON]),
        bodies.edited("Older", at=BEFORE - bodies.HOUR),
    ]  # fmt: skip
    told = [told[place] for place in order]
    for batch in [told] if is_one_batch else [[one] for one in told]:
        receive(*batch, now=NOON)

    row = TemplateText.objects.get()
    assert (row.name, row.language, row.text) == ("booking", "en", "Hi\nNew\nReply STOP to opt out")
    assert (row.buttons, row.changed_at) == (["Cancel"], NOON)


def test_it_lets_texts_go_after_their_time_and_takes_none_that_are_older(acme, receive, settings, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH", 2)
    settings.SENT_TEXT_RETENTION_DAYS = 30
    limit = NOON - dt.timedelta(days=30)
    for second in range(-2, 3):
        receive(echo(wamid=f"w{second}", at=limit + second * bodies.SECOND), now=NOON)
    assert SentText.objects.count() == 3

    deleted = retention.purge(now=NOON + 2 * bodies.SECOND)

    assert (deleted["texts of staff"], SentText.objects.count()) == (2, 1)


def test_it_needs_the_same_number_of_queries_for_any_number(acme, receive, django_assert_max_num_queries):
    def queries(count, name):
        batch = [echo(wamid=f"{name}-{number}") for number in range(count)]
        with django_assert_max_num_queries(200) as captured:
            receive(*batch, now=NOON)
        return len([one for one in captured if "senttext" in one["sql"] or "identity" in one["sql"].split("WHERE")[0]])

    assert queries(1, "first") == queries(6, "six") == 2
