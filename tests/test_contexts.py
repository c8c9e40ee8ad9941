"""CANCEL under an order: a word that may mean the order goes to a person, and marketing is held meanwhile."""

from __future__ import annotations

import pytest

from preferences import decisions, reviews
from preferences.interpretation import IntentValue, classify
from preferences.interpretation.context import (
    _TRANSACTIONAL,
    in_answer_to_service,
    is_transactional,
    may_mean_the_order,
)
from preferences.models import ConsentEvent, Delivery, Example, Reply, ReviewOutcome
from tests import bodies
from tests.conftest import SAMPLE_TIME

NOON = SAMPLE_TIME
ORDER, CAMPAIGN = "wamid.order", "wamid.campaign"
IN_ANSWER = {"context": {"from": "12025550100", "id": ORDER}}


@pytest.fixture
def sent(receive):
    """A message of ours that WhatsApp told us of."""

    def run(wamid=ORDER, category="utility", *, at=NOON - 10 * bodies.SECOND, phone=bodies.BILAL):
        receive(bodies.status(at=at, phone=phone, id=wamid, pricing={"category": category}), now=at)

    return run


def answer(wamid):
    return {"context": {"from": "12025550100", "id": wamid}}


# The words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["CANCEL", "cancel please", "Cancel!", "cancelar", "Annuler", "annulla", "stornieren", "annuleren", "anuluj", "отмена",
     "скасувати", "ακύρωση", "iptal", "batal", "ghairi", "hủy", "إلغاء", "لغو", "منسوخ", "ביטול", "रद्द", "বাতিল", "ரத்து",
     "రద్దు", "ยกเลิก", "取消", "キャンセル", "취소", "avbeställ", "anulează", "cancel, cancel"],
)  # fmt: skip
def test_it_knows_the_words_that_cancel_orders_too(text):
    assert may_mean_the_order(classify(text), text)


@pytest.mark.parametrize(
    "text",
    ["STOP", "unsubscribe", "quit", "end", "baja", "stopp", "arret", "退订", "stop cancel", "cancel stop",
     "Cancel. Unsubscribe!", "cancel no more messages", "cancel everything stop all messages", "cancel my order",
     "hello", "start", ""],
)  # fmt: skip
def test_it_takes_everything_else_at_its_word(text):
    assert not may_mean_the_order(classify(text), text)


@pytest.mark.parametrize("word", sorted(_TRANSACTIONAL))
def test_it_lists_no_word_that_is_not_a_keyword(word):
    assert is_transactional(classify(word))


def test_it_leaves_a_brands_own_words_alone():
    assert not is_transactional(classify("cancel")._replace(rule="own/cancel"))


def test_it_says_what_is_in_doubt():
    intent = in_answer_to_service(classify("Cancel"), is_standby=False)

    assert (intent.intent, intent.rule, intent.confidence) == (IntentValue.REVIEW, "en/cancel/answer_to_service", 0.5)
    assert intent.explanation == (
        'The whole message is the English word "cancel", in answer to a service message: it may mean the order.'
    )


# From the webhook on --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("category", ["utility", "authentication", "service"])
def test_it_holds_marketing_and_asks_a_person(acme, sent, says, ask, category):
    sent(category=category)

    says("CANCEL", **IN_ANSWER)

    reply, event = Reply.objects.get(), ConsentEvent.objects.get()
    assert (reply.intent, reply.review_state, reply.rule) == ("review", "waiting", "en/cancel/answer_to_service")
    assert (event.kind, event.rule, event.expression) == ("hold", "en/cancel/answer_to_service", "implied")
    assert (ask(bodies.BILAL)["reason"], ask(bodies.BILAL, topic="service")["reason"]) == ("held", "no_objection")
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("outcome", "reason"), [(ReviewOutcome.NOT_OPT_OUT, "no_consent"), (ReviewOutcome.OPT_OUT, "opted_out")]
)
def test_it_becomes_what_a_person_says_and_an_example(acme, sent, says, ask, outcome, reason):
    sent()
    says("CANCEL", **IN_ANSWER)

    reviews.settle(list(Reply.objects.all()), outcome, now=NOON + bodies.HOUR, actor=3)

    assert ask(bodies.BILAL)["reason"] == reason
    example = Example.objects.get()
    assert (example.rule, example.judged, example.actor) == ("en/cancel/answer_to_service", "review", 3)
    assert decisions.rebuild(is_check=True).wrong == []


def test_it_becomes_an_opt_out_if_nobody_looks(acme, sent, says, ask):
    sent()
    says("CANCEL", **IN_ANSWER)

    reviews.settle_due(now=NOON + 72 * bodies.HOUR)

    assert ask(bodies.BILAL)["reason"] == "opted_out"


@pytest.mark.parametrize("text", ["STOP", "unsubscribe", "cancel, stop", "Stop promotions"])
def test_it_takes_a_clear_stop_at_its_word_under_any_message(acme, sent, says, ask, text):
    sent()

    says(text, **IN_ANSWER)

    assert (Reply.objects.get().intent, ask(bodies.BILAL)["reason"]) == ("opt_out", "opted_out")


@pytest.mark.parametrize("category", ["marketing", "marketing_lite", "", "something_new"])
def test_it_takes_cancel_at_its_word_under_anything_but_a_service_message(acme, sent, says, category):
    sent(CAMPAIGN, category)

    says("CANCEL", **answer(CAMPAIGN))

    assert Reply.objects.get().intent == "opt_out"


def test_it_takes_cancel_at_its_word_where_it_answers_nothing(acme, sent, says):
    sent()

    says("CANCEL")

    assert Reply.objects.get().intent == "opt_out"


def test_it_takes_cancel_at_its_word_where_the_status_was_not_read_yet(acme, sent, says, ask):
    says("CANCEL", **IN_ANSWER)
    sent()

    assert (Reply.objects.get().intent, ask(bodies.BILAL)["reason"]) == ("opt_out", "opted_out")


def test_it_knows_a_message_from_a_status_of_the_same_webhook(acme, receive):
    told = bodies.message("CANCEL", at=NOON, **IN_ANSWER)
    status = bodies.status(at=NOON, phone=bodies.BILAL, id=ORDER, pricing={"category": "utility"})
    told["entry"] += status["entry"]

    receive(told, now=NOON)

    assert Reply.objects.get().rule == "en/cancel/answer_to_service"


def test_it_finds_a_message_of_another_month(acme, sent, says):
    sent(at=NOON - 40 * 24 * bodies.HOUR)

    says("CANCEL", **IN_ANSWER)

    assert Reply.objects.get().intent == "review"


def test_it_doubts_a_tapped_button_as_well(acme, sent, receive):
    sent()
    button = {"type": "button", "button": {"payload": "Cancel", "text": "Cancel"}}

    receive(bodies.message("", at=NOON, **button, **IN_ANSWER), now=NOON)

    reply = Reply.objects.get()
    assert (reply.kind, reply.intent, reply.rule) == ("template_button", "review", "en/cancel/answer_to_service")


def test_it_asks_nothing_in_another_agents_conversation(acme, sent, receive):
    sent()
    receive(bodies.message("CANCEL", at=NOON, field="standby", **IN_ANSWER), now=NOON)

    reply = Reply.objects.get()
    assert reply.rule == "standby/en/cancel/answer_to_service"
    with pytest.raises(reviews.CannotAskError, match="another agent"):
        reviews.ask(reply, now=NOON)


def test_it_needs_one_query_more_for_any_number_and_none_without(acme, sent, receive, django_assert_max_num_queries):
    def queries(text, wamid):
        batch = [bodies.message(text, at=NOON, **answer(f"{wamid}-{number}")) for number in range(5)]
        with django_assert_max_num_queries(100) as captured:
            receive(*batch, now=NOON)
        looked = [one["sql"] for one in captured if "sentmessage" in one["sql"] and one["sql"].startswith("SELECT")]
        return len(looked)

    for number in range(5):
        sent(f"order-{number}")

    assert queries("stop", "order") == 0
    assert queries("cancel", "order") == 1
    assert queries("cancel", "unknown") == 0
    assert Reply.objects.filter(rule="en/cancel/answer_to_service").count() == 5
