"""The words that were sent to people: back beside the answers, and into their judgement."""

from __future__ import annotations

import pytest
from django.urls import reverse

from preferences import decisions, outbox, sent_texts
from preferences.identifiers import digest
from preferences.inbox import judging_again
from preferences.models import ConsentEvent, Delivery, Reply, SentMessage, SentText
from preferences.sent_texts import KnownText, Origin
from tests import bodies
from tests.conftest import SAMPLE_TIME

NOON = SAMPLE_TIME
BEFORE = NOON - bodies.HOUR
ASKED = "wamid.asked"
BOOKING = "Your table is booked for 7 pm. Reply CANCEL to cancel the booking"
TEMPLATE = "Your table is booked. Reply CANCEL to cancel the booking."


def echo(text=BOOKING, *, wamid=ASKED, at=BEFORE, **extra):
    return bodies.echo(text, at=at, wamid=wamid, **extra)


def answer(wamid=ASKED):
    return {"context": {"from": "12025550100", "id": wamid}}


# Beside the answers ---------------------------------------------------------------------------------------------------


def test_it_knows_the_words_of_staff_of_templates_and_of_the_desk(acme, receive, says):
    says("STOP")
    outbox.deliver(now=NOON + bodies.SECOND)
    own = Delivery.objects.get()
    status = bodies.status(
        at=BEFORE, phone=bodies.BILAL, id="wamid.own", biz_opaque_callback_data=str(own.correlation_id)
    )
    receive(echo(), bodies.edited(TEMPLATE, at=BEFORE), status, now=NOON)
    receive(bodies.status(at=NOON, phone=bodies.BILAL, id="wamid.campaign"), now=NOON)
    SentMessage.objects.filter(digest=digest("wamid.campaign")).update(template="booking")

    texts = sent_texts.texts_of(map(digest, [ASKED, "wamid.own", "wamid.campaign", "wamid.unknown"]))

    assert texts[digest(ASKED)] == KnownText(BOOKING, Origin.STAFF)
    assert texts[digest("wamid.campaign")].text == "Your table is booked. Reply CANCEL to cancel the booking."
    assert texts[digest("wamid.campaign")].origin is Origin.TEMPLATE
    assert texts[digest("wamid.own")] == KnownText(own.notice.text, Origin.NOTICE)
    assert len(texts) == 3


def test_it_asks_nothing_for_nothing(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert sent_texts.texts_of([]) == {}


def test_it_takes_no_words_that_a_template_got_later(acme, receive):
    receive(bodies.status(at=BEFORE, phone=bodies.BILAL, id="wamid.campaign"), now=BEFORE)
    SentMessage.objects.update(template="booking")
    receive(bodies.edited(TEMPLATE, at=NOON), now=NOON)

    assert sent_texts.texts_of([digest("wamid.campaign")]) == {}


def test_it_shows_on_the_page_of_a_reply_what_it_answers(acme, receive, says, staff):
    receive(echo("<b>Your table</b> is booked"), now=BEFORE)
    for second, details in enumerate([answer(), answer("wamid.unknown"), {}]):
        says("hello", second, **details)
    client = staff("view_reply")
    pages = [
        client.get(reverse("admin:preferences_reply_change", args=[pk])).content.decode()
        for pk in Reply.objects.order_by("pk").values_list("pk", flat=True)
    ]

    assert "&lt;b&gt;Your table&lt;/b&gt; is booked" in pages[0]
    assert "A message whose words nobody told us" in pages[1]
    assert "nobody told us" not in pages[2]


def test_it_shows_it_to_nobody_who_may_not_see_replies(acme, receive, says, staff):
    receive(echo(), now=BEFORE)
    says("hello", **answer())

    page = staff("view_delivery").get(reverse("admin:preferences_reply_change", args=[Reply.objects.get().pk]))

    assert page.status_code == 403


def test_it_says_nothing_of_a_text_that_cannot_be_read(acme, receive):
    receive(echo(), now=BEFORE)
    SentText.objects.update(text=b"\x01\x02zz" + bytes(40))

    assert sent_texts.texts_of([digest(ASKED)]) == {}


# Into the judgement ---------------------------------------------------------------------------------------------------


def test_it_holds_marketing_where_a_word_answers_what_staff_asked(acme, receive, says, ask):
    receive(echo(), now=BEFORE)

    says("CANCEL", **answer())

    reply, event = Reply.objects.get(), ConsentEvent.objects.get()
    assert (reply.intent, reply.rule, reply.review_state) == ("review", "en/cancel/answer_to_choice", "waiting")
    assert (event.kind, event.rule) == ("hold", "en/cancel/answer_to_choice")
    assert ask(bodies.BILAL)["reason"] == "held"
    assert not Delivery.objects.exists()
    assert decisions.rebuild(is_check=True).wrong == []


def test_it_reads_the_words_of_a_template(acme, receive, says):
    receive(bodies.edited(TEMPLATE, at=BEFORE), now=BEFORE)
    receive(bodies.status(at=NOON, phone=bodies.BILAL, id=ASKED), now=NOON)
    SentMessage.objects.update(campaign="booking")

    says("CANCEL", 5, **answer())

    assert Reply.objects.get().rule == "en/cancel/answer_to_choice"


def test_it_takes_a_word_at_its_word_that_ends_messages_under_a_service_message_too(acme, receive, says):
    receive(bodies.status(at=BEFORE, phone=bodies.BILAL, id=ASKED, pricing={"category": "utility"}), now=BEFORE)
    receive(echo("Your parcel is here. Reply CANCEL to end our messages."), now=BEFORE)

    says("CANCEL", **answer())

    assert Reply.objects.get().intent == "opt_out"


@pytest.mark.parametrize("text", ["STOP", "unsubscribe"])
def test_it_takes_stop_at_its_word_whatever_it_answers(acme, receive, says, ask, text):
    receive(echo("Reply STOP to stop the recording, UNSUBSCRIBE to leave the club"), now=BEFORE)

    says(text, **answer())

    assert (Reply.objects.get().intent, ask(bodies.BILAL)["reason"]) == ("opt_out", "opted_out")


@pytest.mark.parametrize(
    ("text", "question", "rule"),
    [
        ("yes", "Do you want to stop receiving messages?", "en/affirmation/yes_to_stop"),
        ("No thanks", "Would you like to receive our offers?", "any/no/no_to_messages"),
    ],
)
def test_it_holds_marketing_where_an_answer_may_refuse_it(acme, receive, says, ask, text, question, rule):
    receive(echo(question), now=BEFORE)

    says(text, **answer())

    assert (Reply.objects.get().rule, ask(bodies.BILAL)["reason"]) == (rule, "held")


@pytest.mark.parametrize(("payload", "intent"), [("STOP", "opt_out"), ("Cancel", "review"), ("booking-17", "review")])
def test_it_reads_what_a_button_carries(acme, receive, payload, intent):
    receive(echo(), now=BEFORE)
    button = {"type": "button", "button": {"payload": payload, "text": "Cancel"}}

    receive(bodies.message("", at=NOON, **button, **answer()), now=NOON)

    assert Reply.objects.get().intent == intent


def test_it_leaves_a_yes_to_our_own_question_alone(acme, receive, says):
    says("START", -60, phone=bodies.ALICE)
    receive(echo("Do you want to stop receiving messages?", phone=bodies.ALICE), now=BEFORE)

    says("yes", phone=bodies.ALICE, **answer("wamid.of-our-question"))

    assert [event.kind for event in ConsentEvent.objects.order_by("position")] == ["opt_in_request", "opt_in_answer"]


def test_it_counts_only_what_is_known_when_the_reply_is_read(acme, receive, says):
    says("CANCEL", **answer())
    receive(echo(), now=NOON + bodies.SECOND)

    assert Reply.objects.get().intent == "opt_out"


def test_it_knows_an_echo_of_the_same_batch(acme, receive):
    receive(bodies.message("CANCEL", at=NOON, **answer()), echo(), now=NOON)

    assert Reply.objects.get().intent == "review"


def test_it_doubts_nothing_twice_in_a_group(acme, receive, says):
    receive(echo(), now=BEFORE)
    says("CANCEL", group_id="g", **answer())

    assert Reply.objects.get().rule == "group/en/cancel"


def test_it_looks_only_where_context_can_change_a_reply(acme, receive, django_assert_max_num_queries):
    def looked(text):
        batch = [bodies.message(text, at=NOON, **answer()) for _ in range(5)]
        with django_assert_max_num_queries(200) as captured:
            receive(*batch, now=NOON)
        selects = [one["sql"] for one in captured if one["sql"].startswith("SELECT")]
        return len([sql for sql in selects if '"preferences_senttext"' in sql or '"preferences_templatetext"' in sql])

    receive(echo(), now=BEFORE)

    assert [looked(text) for text in ("STOP", "hello", "where is my parcel?", "START")] == [0, 0, 0, 0]
    assert [looked(text) for text in ("CANCEL", "END", "yes", "no thanks")] == [1, 1, 1, 1]


def test_it_judges_again_in_the_same_light(acme, receive, says):
    receive(echo(), echo("Would you like to receive our offers?", wamid="wamid.offers"), now=BEFORE)
    says("CANCEL", 1, **answer())
    says("no", 2, **answer("wamid.offers"))
    says("CANCEL", 3)

    found = judging_again.compare(Reply.objects.all(), limit=None)

    assert (found.judged, found.changed, found.other_rule) == (3, 0, 0)
