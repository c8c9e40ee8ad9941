"""How well replies are understood: counted from what people wrote, undid and settled; who may see it; and its price."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pytest
from django.urls import reverse
from django.utils import timezone

from preferences import decisions, reviews
from preferences.admin import mistakes, understanding
from preferences.decisions import Act
from preferences.identifiers import digest
from preferences.interpretation import CLASSIFIER_VERSION, KEYWORDS_VERSION
from preferences.models import (
    Brand,
    ConsentEvent,
    Controller,
    EventKind,
    Example,
    Reply,
    ReviewOutcome,
    Scope,
    Sender,
    Source,
    Subscriber,
)
from tests import bodies

URL = reverse("admin:preferences_example_changelist")
LIST = reverse("admin:preferences_reply_changelist")
DOUBT = "if this goes on I will unsubscribe"


@pytest.fixture
def says(acme, receive):
    """Somebody writes something so many days ago."""

    def run(text, *, days=1, **details):
        at = timezone.now() - dt.timedelta(days=days)
        receive(bodies.message(text, at=at, **details), now=at)

    return run


@pytest.fixture
def open_page(staff):
    viewer = staff("view_reply")

    def run(query=""):
        response = viewer.get(URL + query)
        assert response.status_code == 200
        return response

    return run


def undo(*, source_ref):
    """A member of staff corrects the opt-out of the newest reply."""
    stop = ConsentEvent.objects.filter(kind="stop").latest("position")
    now = timezone.now()
    act = Act(
        subscriber=Subscriber.objects.get(public_id=stop.subscriber).pk, kind=EventKind.CORRECTION, scope=Scope(),
        effective_at=now, received_at=now, source=Source.STAFF, source_ref=digest(source_ref), voids=stop.position, actor=1,
    )  # fmt: skip
    decisions.record(act, now=now)


def settle(outcome, number=1):
    waiting = Reply.objects.filter(review_state="waiting").order_by("pk")[:number]
    assert reviews.settle(list(waiting), outcome, now=timezone.now(), actor=1) == number


def table(response, title):
    """The cells of the table under this heading, row by row."""
    page = response.content.decode()
    part = page.partition(f">{title}</h2>")[2].partition("</section>")[0]
    rows = re.findall(r"<tr.*?</tr>", part.partition("<tbody")[2], re.DOTALL)
    return [
        [unescape(re.sub(r"<[^>]*>", "", cell)).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in rows
    ]


def text_of(response):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", response.content.decode())))


# What it says ---------------------------------------------------------------------------------------------------------


def test_it_counts_what_people_undid_by_rule_and_language(says, open_page):
    for index in range(20):
        says("baja")
        if index < 3:
            undo(source_ref=f"misread-{index}")
    says("annuler")

    response = open_page()

    assert table(response, "Taken for opt-outs") == [
        ["“baja” (Spanish)", "Spanish", "20", "3", "15.0%"],
        ["“annuler” (French)", "French", "1", "0", "too few to tell"],
    ]
    assert "Taken for opt-outs 21 Undone by people 3 (14.3%)" in text_of(response)


def test_it_counts_what_became_of_doubts(says, open_page):
    for _ in range(24):
        says(DOUBT)
    settle(ReviewOutcome.OPT_OUT, 5)
    settle(ReviewOutcome.NOT_OPT_OUT, 12)
    settle(ReviewOutcome.DEADLINE, 3)

    response = open_page()

    ((rule, _, *figures),) = table(response, "Found doubtful")
    assert rule == "Asks to be unsubscribed (English), under a condition"
    assert figures == ["24", "5", "3", "40.0%", "4"]
    assert "Found doubtful 24, 4 still waiting Became opt-outs 8 of those settled (40.0%)" in text_of(response)
    assert not table(response, "Taken for opt-outs")


def test_it_takes_a_corrected_verdict_for_no_mistake_of_the_rule(says, open_page):
    says(DOUBT)
    settle(ReviewOutcome.OPT_OUT)
    undo(source_ref="the reviewer erred")
    says("STOP")

    assert [row[3] for row in table(open_page(), "Taken for opt-outs")] == ["0"]


def test_it_says_so_where_nobody_asked_to_stop(says, open_page):
    says("hello")

    page = text_of(open_page())

    assert "Nobody asked to stop, or seemed to, in the last 30 days." in page
    assert "All rules together" not in page


def test_it_looks_back_thirty_or_ninety_days(says, open_page):
    says("STOP", days=29)
    says("baja", days=31)
    says("annuler", days=91)

    def rules(query):
        return {row[0] for row in table(open_page(query), "Taken for opt-outs")}

    assert rules("") == rules("?days=30") == rules("?days=1000") == {"“stop” (English)"}
    assert rules("?days=90") == {"“stop” (English)", "“baja” (Spanish)"}


def test_it_counts_a_mistake_in_the_period_of_the_reply(says, open_page):
    says("STOP", days=31)
    undo(source_ref="undone today")
    says("STOP", days=2)

    assert table(open_page(), "Taken for opt-outs")[0][2:4] == ["1", "0"]
    assert table(open_page("?days=90"), "Taken for opt-outs")[0][2:4] == ["2", "1"]


def test_it_can_be_narrowed_to_a_language(says, open_page):
    says("baja")
    says("annuler")
    says("STOP")

    def rules(language):
        return [row[0] for row in table(open_page(f"?language={language}"), "Taken for opt-outs")]

    assert rules("es") == ["“baja” (Spanish)"]
    assert rules("-") == ["“stop” (English)"]
    assert len(rules("")) == 3
    page = text_of(open_page("?language=xx"))
    assert "No such reply asked to stop, or seemed to, in the last 30 days." in page


def test_it_can_be_narrowed_to_a_brand(says, open_page, staff):
    other = Brand.objects.create(controller=Controller.objects.get(), slug="other", name="Other")
    Sender.objects.create(
        portfolio=Sender.objects.get().portfolio, provider="whatsapp", key="3", display="3", brand=other
    )
    says("STOP")
    says("baja", number="3")
    undo(source_ref="misread")

    assert 'name="brand"' in open_page().content.decode()
    assert table(open_page("?brand=other"), "Taken for opt-outs") == [
        ["“baja” (Spanish)", "Spanish", "1", "1", "too few to tell"]
    ]
    assert [row[0] for row in table(open_page("?brand=acme"), "Taken for opt-outs")] == ["“stop” (English)"]
    assert staff("view_reply").get(f"{URL}?brand=nobody").status_code == 404


def test_it_sorts_each_table_by_any_column(says, open_page):
    for _ in range(2):
        says("baja")
    says("annuler")
    undo(source_ref="misread")
    says(DOUBT)

    def order(sort=""):
        return [row[0] for row in table(open_page(f"?sort={sort}"), "Taken for opt-outs")]

    baja, annuler = "“baja” (Spanish)", "“annuler” (French)"
    assert order() == order("opt_outs.-number") == order("reviews.number") == order("nonsense") == [baja, annuler]
    assert order("opt_outs.number") == order("opt_outs.-undone") == order("opt_outs.language") == [annuler, baja]
    assert order("opt_outs.rule") == [baja, annuler]
    assert order("opt_outs.-rule") == [annuler, baja]
    page = open_page("?sort=opt_outs.-undone&language=es&days=90").content.decode()
    assert 'aria-sort="descending"' in page
    assert "?days=90&amp;language=es&amp;sort=opt_outs.undone" in page


def test_it_puts_what_cannot_be_told_last(monkeypatch, says, open_page):
    monkeypatch.setattr(mistakes, "FEWEST", 2)
    for text in ("baja", "baja", "annuler"):
        says(text)

    for sort in ("opt_outs.share", "opt_outs.-share"):
        assert [row[4] for row in table(open_page(f"?sort={sort}"), "Taken for opt-outs")] == [
            "0.0%",
            "too few to tell",
        ]


def test_it_ends_a_long_table_and_says_so(monkeypatch, says, open_page):
    monkeypatch.setattr(understanding, "MOST_ROWS", 1)
    for text in ("baja", "annuler", "STOP"):
        says(text)

    response = open_page()

    assert len(table(response, "Taken for opt-outs")) == 1
    assert "2 more are not shown." in text_of(response)


def test_it_leads_to_the_replies_behind_a_row(says, open_page, staff):
    says("baja")
    says("STOP")
    says(DOUBT)
    links = [unescape(link) for link in re.findall(rf'href="({LIST}\?[^"]*)"', open_page().content.decode())]
    viewer = staff("view_reply")

    found = {}
    for link in links:
        page = viewer.get(link)
        assert page.status_code == 200
        found[link] = [reply.rule for reply in page.context["cl"].result_list]

    assert found[f"{LIST}?intent=opt_out&rule=es%2Fbaja&language=es"] == ["es/baja"]
    assert found[f"{LIST}?intent=opt_out&rule=en%2Fstop&language=-"] == ["en/stop"]
    assert sorted(found.values()) == [["en/sentence/unsubscribe/condition"], ["en/stop"], ["es/baja"]]


def test_it_says_which_versions_judged(says, open_page):
    says("STOP")
    says(DOUBT)
    Reply.objects.filter(intent="review").update(classifier_version=1, keywords_version="0123456789ab")
    says("hello")

    page = text_of(open_page())

    running = f"Classifier {CLASSIFIER_VERSION}, words {KEYWORDS_VERSION} check_circle Runs now 1 reply"
    assert f"{running} Classifier 1, words 0123456789ab 1 reply" in page


def test_it_knows_the_running_words_beside_those_of_a_brand(monkeypatch, says, open_page):
    monkeypatch.setattr(understanding, "MOST_VERSIONS", 2)
    versions = [f"{KEYWORDS_VERSION[:7]}w3", f"{KEYWORDS_VERSION[:7]}w2", "0000000w1"]
    for count, version in enumerate(versions):
        for _ in range(3 - count):
            says("STOP")
        Reply.objects.filter(keywords_version=KEYWORDS_VERSION).update(keywords_version=version)

    page = text_of(open_page())

    assert f"words {versions[0]} check_circle Runs now 3 replies" in page
    assert f"words {versions[1]} check_circle Runs now 2 replies 1 more is not shown." in page


def test_it_shows_nothing_that_anybody_wrote(says, open_page):
    says("if Bilal goes on at 07700 900123 I will unsubscribe")
    settle(ReviewOutcome.NOT_OPT_OUT)
    assert Example.objects.exists()

    page = text_of(open_page())

    assert "Bilal" not in page
    assert "900123" not in page


# Who may see it, and what it costs ------------------------------------------------------------------------------------


def test_it_sends_strangers_to_the_login(client, db):
    assert client.get(URL).headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize(
    "permissions", [(), ("view_example",), ("change_example",), ("view_subscriber", "view_consentevent")]
)
def test_it_refuses_whoever_may_not_see_replies(staff, permissions):
    viewer = staff(*permissions)

    assert viewer.get(URL).status_code == 403
    assert URL not in viewer.get("/admin/").content.decode()


def test_it_is_found_beside_the_replies(staff):
    page = staff("view_reply").get("/admin/").content.decode()

    assert page.index(LIST) < page.index(URL)
    assert "How well replies are understood" in page


@pytest.mark.parametrize("path", ["add/", "1/change/", "1/delete/"])
def test_it_has_no_page_to_change_anything(admin_client, path):
    assert admin_client.get(URL + path).status_code in {403, 404}
    assert admin_client.post(URL + path).status_code in {403, 404}


def test_it_asks_three_questions_of_any_number_of_replies(says, django_assert_num_queries):
    since = timezone.now() - dt.timedelta(days=30)
    for text in ("STOP", "baja", DOUBT):
        says(text)

    with django_assert_num_queries(3):
        found = mistakes.count(since)

    assert (found.all_opt_outs.number, found.all_reviews.number) == (2, 1)


@pytest.mark.postgresql
def test_it_reads_the_index_alone(says):
    from django.db import connection, models

    says("STOP")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        rows = Reply.objects.filter(
            received_at__gte=timezone.now() - dt.timedelta(days=30), intent__in=["opt_out", "review"]
        )
        plan = (
            rows.values_list("intent", "rule", "language", "review_outcome")
            .annotate(number=models.Count("*"))
            .order_by()
            .explain()
        )

    assert "Index Only Scan using replies_that_tightened" in plan
