"""The page of the review queue: what it shows, what each act does, and who is refused."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from preferences import reviews
from preferences.models import AccessRecord, Delivery, Reply, ReviewTurn
from tests import bodies

URL = reverse("admin:preferences_reviewturn_changelist")
DOUBT = "if this goes on I will unsubscribe"
MAY = ("change_reviewturn", "view_reply")


@pytest.fixture
def says(acme, receive):
    """Somebody writes something so many minutes ago."""

    def run(text=DOUBT, *, minutes=2, **details):
        at = timezone.now() - dt.timedelta(minutes=minutes)
        receive(bodies.message(text, at=at, **details), now=at)

    return run


def act_url(reply, act):
    return reverse("admin:preferences_reviewturn_act", args=[reply.pk, act])


def waiting():
    return Reply.objects.get(review_state="waiting")


def text_of(response):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", response.content.decode())))


@pytest.mark.parametrize("missing", MAY)
@pytest.mark.parametrize("act", ["", "opt_out", "not_opt_out", "ask", "skip", "undo"])
def test_it_refuses_whoever_may_not_settle_and_read(says, staff, missing, act):
    says()
    reply = waiting()
    visitor = staff(*(set(MAY) - {missing}))

    response = visitor.post(act_url(reply, act)) if act else visitor.get(URL)

    assert response.status_code == 403
    assert not ReviewTurn.objects.exists()
    assert "Reviews" not in re.findall(r"<span[^>]*>\s*([A-Za-z]+)\s*</span>", visitor.get("/admin/").content.decode())


@pytest.mark.parametrize("act", ["", "opt_out", "undo"])
def test_it_sends_strangers_to_the_login(says, act):
    says()
    visitor = Client()

    response = visitor.post(act_url(waiting(), act)) if act else visitor.get(URL)

    assert response.status_code == 302
    assert response.url.startswith("/admin/login/")


def test_it_says_that_all_is_well_when_nothing_waits(acme, staff):
    said = text_of(staff(*MAY).get(URL))

    assert "No reply waits for review." in said
    assert "Nothing is left for you." in said


def test_it_shows_the_reply_its_doubt_and_the_conversation_and_records_the_view(says, receive, staff):
    long_ago = timezone.now() - dt.timedelta(minutes=9)
    receive(bodies.echo("Shall we call you <b>tonight</b>?", at=long_ago, wamid="wamid.echo"), now=long_ago)
    says("hello there", minutes=8)
    says(DOUBT, context={"id": "wamid.echo"})
    says("or maybe not", minutes=1)

    response = staff(*MAY).get(URL)

    said = text_of(response)
    assert "1 reply waits for review." in said
    assert "+44 ••• ••• 0123" in said and "7700900123" not in response.content.decode()
    assert (
        "Why it is doubtful: Asks to be unsubscribed (English): “unsubscribe”. But it stands under a condition." in said
    )
    order = [said.rindex(text) for text in ("Shall we call you <b>tonight</b>?", "hello there", DOUBT, "or maybe not")]
    assert order == sorted(order)
    assert "<b>tonight</b>" not in response.content.decode()
    assert AccessRecord.objects.filter(action="view", detail=f"Reply {waiting().pk}").count() == 1


def test_it_shows_a_page_in_a_fixed_number_of_queries(says, staff, django_assert_max_num_queries):
    for minute in range(9):
        says(f"hello {minute}", minutes=20 - minute)
        says(DOUBT, minutes=10, phone=f"+44770090020{minute}")
    says()
    visitor = staff(*MAY)
    visitor.get(URL)

    with django_assert_max_num_queries(20):
        visitor.get(URL)


@pytest.mark.parametrize(("act", "words"), [("opt_out", "an opt-out"), ("not_opt_out", "not an opt-out")])
def test_a_verdict_can_be_undone_and_then_stands(says, staff, ask, act, words):
    says()
    reply = waiting()
    visitor = staff(*MAY)
    visitor.get(URL)

    after = visitor.post(act_url(reply, act), follow=True)

    assert f"Settled as {words}: {DOUBT}" in text_of(after)
    assert "Nothing is left for you." in text_of(after)
    assert DOUBT in text_of(visitor.post(act_url(reply, "undo"), follow=True))
    visitor.post(act_url(reply, act))
    assert ask(bodies.BILAL)["reason"] == "held"
    assert reviews.settle_decided(now=timezone.now() + reviews.UNDO_WITHIN) == 1
    assert ask(bodies.BILAL)["reason"] == ("opted_out" if act == "opt_out" else "no_consent")
    assert "You settled 1 today." in text_of(visitor.get(URL))


def test_it_asks_the_person_and_says_so(says, staff):
    says()
    reply = waiting()
    visitor = staff(*MAY)
    visitor.get(URL)

    after = visitor.post(act_url(reply, "ask"), follow=True)

    assert "The person is asked what was meant." in text_of(after)
    assert Delivery.objects.get().kind == "clarification"


def test_it_offers_no_question_where_the_law_forbids_one(says, staff):
    says(phone=bodies.ALICE, minutes=6)
    visitor = staff(*MAY)

    page = visitor.get(URL)

    assert "The person cannot be asked. It is too late to ask: 5 minutes" in text_of(page)
    assert act_url(waiting(), "ask") not in page.content.decode()
    assert "too late to ask" in text_of(visitor.post(act_url(waiting(), "ask"), follow=True))
    assert not Delivery.objects.exists()


def test_two_reviewers_never_see_the_same_reply_and_the_slower_one_is_told(says, staff):
    says()
    reply = waiting()
    rosa, ravi = staff(*MAY), staff(*MAY)
    rosa.get(URL)

    assert "Nothing is left for you." in text_of(ravi.get(URL))
    assert "not yours any more" in text_of(ravi.post(act_url(reply, "opt_out"), follow=True))
    assert not ReviewTurn.objects.filter(state="decided").exists()


def test_the_first_page_leads_reviewers_to_the_queue_and_others_to_the_list(says, staff):
    says()

    assert f'href="{URL}"' in staff(*MAY).get("/admin/").content.decode()
    assert "reply/?review_state=waiting" in staff("view_reply").get("/admin/").content.decode()


def test_it_takes_verdicts_only_by_post_and_only_known_ones(says, staff):
    says()
    visitor = staff(*MAY)
    visitor.get(URL)

    assert visitor.get(act_url(waiting(), "opt_out")).status_code == 405
    assert visitor.post(act_url(waiting(), "deadline")).status_code == 405
    assert visitor.post(reverse("admin:preferences_reviewturn_act", args=[999, "ask"])).status_code == 302
