"""The demo's month: every chapter of the guided list is true, answers were delivered, and nothing looks wrong."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from optout_admin import tour
from preferences import demo, eligibility, seals
from preferences.models import Channel, ConsentEvent, Delivery, DeliveryState, InboxEntry, Reply, User
from preferences.models.scopes import MARKETING
from reports import alarms

EXPECTED = {
    "A tap on “Stop promotions”, which WhatsApp told twice": "opted_out",
    "STOP in Hindi; the others wrote in English, French, German, Spanish, Portuguese and Arabic": "opted_out",
    "STOP, and four minutes later START": "opted_in",
    "START in the United States": "opted_in",
    "A START that arrived late": "opted_out",
    "“can you stop sending these at night??”": "held",
    "WhatsApp’s own switch": "platform_stop",
    "A message refused with error 131050": "platform_stop",
    "Somebody who shows a username and no number": "opted_out",
    "A number with a new holder": "opted_out",
    "A message that tries to be a script": "no_consent",
}


@pytest.fixture
def seeded(db, settings) -> dt.datetime:
    """The demo's database, and when its month ended."""
    settings.DEMO = True
    now = timezone.now()
    demo.prepare()
    demo.seed(now)
    return now


def test_it_tells_the_truth_in_every_chapter(seeded):
    people = [chapter.person.recipient for chapter in demo.CHAPTERS]

    answers = eligibility.check(people, channel=Channel.WHATSAPP, topic=MARKETING, brands=None, now=seeded)

    told = {chapter.title: answer.reason for chapter, answer in zip(demo.CHAPTERS, answers, strict=True)}
    assert told == EXPECTED


def test_it_plays_a_month_without_anything_going_wrong(seeded):
    assert not InboxEntry.objects.exclude(state="done").exists()
    assert seals.verify().problems == []
    alarms.check(seeded)
    assert {one.kind for one in alarms.standing(seeded)} == {"worker_silent"}  # here there is none


def test_it_delivers_every_answer_seconds_after_it_was_asked_for(seeded):
    told = Delivery.objects.filter(kind="confirmation")

    assert told.count() > 30
    assert set(told.values_list("state", flat=True)) == {DeliveryState.SENT}
    for delivery in told:
        asked_at = Reply.objects.get(digest=delivery.reply).sent_at
        assert asked_at < delivery.delivered_at < delivery.read_at < asked_at + dt.timedelta(minutes=3)


def test_it_counts_a_webhook_told_twice_once(seeded):
    tapped = ConsentEvent.objects.filter(source="button", kind="stop").order_by("position").last()

    assert Delivery.objects.filter(event=tapped.position).count() == 1


def test_it_leads_to_every_person_who_is_there(seeded, rf, django_assert_num_queries):
    request = rf.get("/admin/")
    request.user = User.objects.create_superuser("owner", password="a long enough password")

    with django_assert_num_queries(1):
        stops = tour.stops(request)

    assert [one.title for one in stops] == list(EXPECTED)


def test_it_leads_nobody_who_may_not_see_people(seeded, rf):
    request = rf.get("/admin/")
    request.user = User.objects.create_user("stranger", is_staff=True)

    assert tour.stops(request) == []


def test_it_leads_nobody_outside_the_demo(seeded, rf, settings):
    settings.DEMO = False
    request = rf.get("/admin/")
    request.user = User.objects.create_superuser("owner", password="a long enough password")

    assert tour.stops(request) == []


def test_it_sends_to_nobody_else_while_history_is_played(db, settings):
    """The addresses of this process are put back afterwards."""
    before = settings.WHATSAPP_API_URL, settings.WHATSAPP_ACCESS_TOKEN
    demo.prepare()

    demo.seed(timezone.now())

    assert before == (settings.WHATSAPP_API_URL, settings.WHATSAPP_ACCESS_TOKEN)
