"""The page of one person: the answer with its reason and next step, and one timeline of everything, a page at a time."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from preferences import inbox, outbox
from preferences.admin import words
from preferences.admin.timeline import FILTERS, PAGE, Cursor, cursor_from, timeline_of
from preferences.identifiers import digest
from preferences.models import AccessAction, AccessRecord, Delivery, DeliveryState, Reply, Subscriber, User
from tests import bodies
from tests.conftest import SAMPLE_TIME

NOW = SAMPLE_TIME
MINUTE = dt.timedelta(minutes=1)
SEEING = ("view_subscriber", "view_reply", "view_consentevent", "view_delivery", "view_accessrecord")


@pytest.fixture
def staff(db: None) -> Callable[..., Client]:
    """A member of staff with just these permissions."""

    def make(*permissions: str) -> Client:
        user = User.objects.create_user(f"staff{User.objects.count()}", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def stopped(acme: Any, receive: Any) -> Subscriber:
    """Alice got a campaign message, asked what it is, wrote STOP in answer to it, and was answered."""
    receive(bodies.status(at=NOW - 5 * MINUTE, id="wamid.campaign", status="sent"), now=NOW)
    receive(bodies.status(at=NOW - 4 * MINUTE, id="wamid.campaign", status="read"), now=NOW)
    receive(bodies.message("what is this", at=NOW - MINUTE, phone=bodies.ALICE), now=NOW)
    receive(bodies.message("STOP", at=NOW, phone=bodies.ALICE, context={"id": "wamid.campaign"}), now=NOW)
    outbox.deliver(now=NOW)
    return Subscriber.objects.get()


def look(client: Client, person: Subscriber, **query: str) -> str:
    response = client.get(reverse("admin:preferences_subscriber_change", args=[person.pk]), query)
    assert response.status_code == 200
    return response.content.decode()


def rows(page: str) -> list[str]:
    """What the lines of the timeline lead to, in order."""
    return re.findall(r">((?:Reply|Event|Delivery|Record) \d+|[Rr]ecord \d+)</a>", page)


# The answer -----------------------------------------------------------------------------------------------------------


def test_it_gives_the_answer_the_reason_and_the_next_step(staff: Callable[..., Client], stopped: Subscriber) -> None:
    Delivery.objects.update(state=DeliveryState.SENT, finished_at=NOW + dt.timedelta(seconds=1))

    page = look(staff(*SEEING), stopped)

    assert "Do not send WhatsApp marketing." in page
    assert "Wrote “STOP” on 22 November 2026, 12:00 UTC. Rule: “stop” (English). Confirmed 1 second later." in page
    assert "If they write START we ask for YES" in page


def test_it_gives_the_reason_without_the_words_to_those_who_may_not_read(
    staff: Callable[..., Client], stopped: Subscriber
) -> None:
    page = look(staff("view_subscriber"), stopped)

    assert "Opt-out by a reply on 22 November 2026, 12:00 UTC" in page
    assert "STOP" not in page.replace("Opt-out desk", "")


@pytest.mark.parametrize("permissions", [("view_subscriber",), SEEING])
@pytest.mark.parametrize(
    ("said", "did"), [("STOP, please", "wrote “stop” (English)"), ("🛑", "opted out by a reply")]
)  # fmt: skip
def test_it_says_that_an_earlier_holder_stopped_but_not_in_which_words(
    staff: Callable[..., Client], acme: Any, receive: Any, permissions: tuple[str, ...], said: str, did: str
) -> None:
    receive(bodies.message(said, at=NOW, phone=bodies.ALICE, bsuid="US.1111"), now=NOW)
    outbox.deliver(now=NOW)
    receive(bodies.message("hello", at=NOW + MINUTE, phone=bodies.ALICE, bsuid="US.2222"), now=NOW + MINUTE)
    heir = Subscriber.objects.get(root__identities__value="US.2222")

    page = look(staff(*permissions), heir)

    told = f"An earlier holder of this number {did} on 22 November 2026, 12:00 UTC; the stop stays on the number."
    assert told in page
    assert escape(said) not in page
    assert "onfirm" not in page[page.index("An earlier holder") : page.index("Next:")]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (DeliveryState.DUE, "The confirmation is on its way."), (DeliveryState.EXPIRED, "would have come too late"),
        (DeliveryState.UNKNOWN, "Whether the confirmation arrived is not known."),
        (DeliveryState.RETRY, "was not sent yet and is tried again"),
        (DeliveryState.DEAD, "could not be sent"), (DeliveryState.RECORDED, "was recorded, not sent"),
    ],
)  # fmt: skip
def test_it_says_what_became_of_the_confirmation(
    staff: Callable[..., Client], stopped: Subscriber, state: DeliveryState, said: str
) -> None:
    Delivery.objects.update(state=state)

    assert said in look(staff("view_subscriber"), stopped)


@pytest.mark.parametrize(
    ("body", "answer", "step"),
    [
        (bodies.switched("stop", at=NOW), "Do not send WhatsApp marketing.", "Only the person can lift it"),
        (bodies.message("please stop sending these at night??", at=NOW), "for now.", "Settle the review"),
        (bodies.message("hello", at=NOW), "No opt-in is known.", "Send nothing until they opt in"),
        (bodies.message("START", at=NOW), "WhatsApp marketing may be sent.", ""),
    ],
)
def test_it_names_the_next_step(
    staff: Callable[..., Client], acme: Any, receive: Any, body: Any, answer: str, step: str
) -> None:
    receive(body, now=NOW)

    page = look(staff("view_subscriber"), Subscriber.objects.get())

    assert answer in page
    assert step in page
    assert ("Next:" in page) is bool(step)


def test_it_says_how_other_channels_stand(staff: Callable[..., Client], stopped: Subscriber) -> None:
    page = look(staff("view_subscriber"), stopped)

    cells = re.findall(r"<dt>([^<]+)</dt><dd>.*?</span>([^<]+)</span></dd>", page)
    assert cells == [("WhatsApp", "Opted out"), ("SMS", "Opted out"), ("E-mail", "Opted out")]


def test_it_shows_the_newest_username(staff: Callable[..., Client], stopped: Subscriber, receive: Any) -> None:
    body = bodies.message("hi", at=NOW, phone=bodies.ALICE)
    contact = {"profile": {"username": "alice.example"}, "wa_id": bodies.ALICE.removeprefix("+")}
    body["entry"][0]["changes"][0]["value"]["contacts"] = [contact]
    receive(body, now=NOW)

    assert "@alice.example" in look(staff("view_subscriber"), stopped)


# The timeline ---------------------------------------------------------------------------------------------------------


def test_it_tells_everything_in_one_order(staff: Callable[..., Client], stopped: Subscriber) -> None:
    page = look(staff(*SEEING), stopped)

    kinds = [row.split()[0] for row in rows(page)]
    assert kinds == ["Record", "Delivery", "Event", "Reply", "Reply"]
    assert "Campaign message" in page
    assert "Marketing" in page or "Message of ours that was answered." in page
    assert page.index("Campaign message") > page.index("what is this")
    assert "Read 1 minute later." in page


@pytest.mark.parametrize(
    ("show", "kinds"),
    [
        ("replies", ["Reply", "Reply"]), ("decisions", ["Event"]), ("sent", ["Delivery"]), ("staff", ["Record"]),
        ("nonsense", ["Record", "Delivery", "Event", "Reply", "Reply"]),
    ],
)  # fmt: skip
def test_it_filters_by_links(staff: Callable[..., Client], stopped: Subscriber, show: str, kinds: list[str]) -> None:
    page = look(staff(*SEEING), stopped, show=show)

    assert [row.split()[0] for row in rows(page)] == kinds
    assert ("Campaign message" in page) is (show in {"sent", "nonsense"})
    assert page.count('aria-current="true"') == 1


@pytest.mark.parametrize("name", FILTERS)
def test_it_shows_only_what_the_viewer_may_see(staff: Callable[..., Client], stopped: Subscriber, name: str) -> None:
    without = [one for one in SEEING if one != FILTERS[name].partition(".")[2]]
    kind = {"replies": "Reply", "decisions": "Event", "sent": "Delivery", "staff": "Record"}[name]

    for show in ("all", name):
        page = look(staff(*without), stopped, show=show)
        assert kind not in [row.split()[0] for row in rows(page)]
        assert f"?show={name}#" not in page


def test_it_shows_what_people_wrote_as_text(staff: Callable[..., Client], stopped: Subscriber, receive: Any) -> None:
    script = "<script>alert(1)</script>"
    receive(bodies.message(script, at=NOW, phone=bodies.ALICE), now=NOW)

    page = look(staff(*SEEING), stopped)

    assert script not in page
    assert escape(script) in page


def test_it_pages_through_everything_once(staff: Callable[..., Client], stopped: Subscriber, receive: Any) -> None:
    moments = [NOW + dt.timedelta(seconds=number // 3) for number in range(40)]
    receive(*[bodies.message("STOP" if number % 2 else "hi", at=at, phone=bodies.ALICE)
              for number, at in enumerate(moments)], now=NOW + MINUTE)  # fmt: skip
    person = Subscriber.objects.get()
    AccessRecord.objects.bulk_create(
        AccessRecord(
            actor=User.objects.create_user(f"u{number}"), action=AccessAction.VIEW, subscriber=person.public_id, at=NOW
        )
        for number in range(7)
    )
    client = staff(*SEEING)

    seen: list[str] = []
    query: dict[str, str] = {}
    sizes = []
    for _ in range(20):
        page = look(client, person, **query)
        found = rows(page)
        seen += found
        sizes.append(page.count("desk-line"))
        older = re.search(r"before=([^#\"]+)#timeline\">Older", page)
        if not older:
            break
        query = {"show": "all", "before": older[1].replace("%3A", ":").replace("%2B", "+").replace("%7E", "~")}

    assert len(seen) == len(set(seen))
    wanted = Reply.objects.count() + Delivery.objects.count() + AccessRecord.objects.count()
    assert len([row for row in seen if not row.startswith("Event")]) == wanted
    assert all(size == PAGE for size in sizes[:-1])
    assert "Campaign message" in page  # the oldest of all


def test_it_costs_a_fixed_number_of_queries(staff: Callable[..., Client], stopped: Subscriber, receive: Any) -> None:
    client = staff(*SEEING)
    look(client, stopped)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            look(client, stopped)
        return len(captured)

    before = queries()
    for number in range(30):
        receive(
            bodies.message("STOP" if number % 2 else "START", at=NOW + number * MINUTE, phone=bodies.ALICE),
            now=NOW + 40 * MINUTE,
        )

    assert queries() == before <= 40


def test_it_tells_members_of_a_join_as_one(staff: Callable[..., Client], stopped: Subscriber, receive: Any) -> None:
    receive(bodies.message("PARAR", at=NOW + MINUTE, phone=bodies.BILAL), now=NOW + MINUTE)
    other = Subscriber.objects.exclude(pk=stopped.pk).get()
    Subscriber.objects.filter(pk=other.pk).update(root=stopped)

    page = look(staff(*SEEING), other)

    assert "PARAR" in page
    assert "what is this" in page


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "~",
        "2026-11-22T12:00:00~1~1",
        "2026-11-22T12:00:00+00:00~9~1",
        "2026-11-22T12:00:00+00:00~1~x",
        "a~b~c",
    ],
)
def test_it_takes_a_broken_link_for_the_first_page(text: str) -> None:
    assert cursor_from(text) is None


def test_it_reads_its_own_links() -> None:
    for cursor in (Cursor(NOW, 0, "7"), Cursor(NOW + dt.timedelta(microseconds=3), 4, digest("x").hex())):
        assert cursor_from(str(cursor)) == cursor


def test_it_says_how_late_a_webhook_was_read(acme: Any, post: Any, staff: Callable[..., Client]) -> None:
    post(bodies.message("STOP", at=timezone.now()))
    inbox.process(now=timezone.now() + 10 * MINUTE)

    assert "read 10 minutes later" in look(staff(*SEEING), Subscriber.objects.get())


def test_it_loads_nothing_for_those_who_may_see_nothing(stopped: Subscriber, django_assert_num_queries: Any) -> None:
    nobody = User.objects.create_user("nobody")
    nobody.has_perm("preferences.view_reply")  # permissions are read once

    with django_assert_num_queries(0):
        timeline = timeline_of([stopped], user=nobody, names=words.Names(), now=NOW)

    assert (list(timeline.lines), list(timeline.filters)) == ([], [])


# Words ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (0, "just now"), (59, "just now"), (60, "1 min ago"), (3599, "59 min ago"), (7200, "2 h ago"),
        (6 * 3600, "22 November 2026, 06:00 UTC"), (-300, "22 November 2026, 12:05 UTC"),
    ],
)  # fmt: skip
def test_it_says_times_as_people_do(before: int, said: str) -> None:
    assert words.ago(NOW - dt.timedelta(seconds=before), NOW) == said


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("en/stop", "“stop” (English)"), ("fr/arret", "“arret” (French)"),
        ("en/stop_sending/inside", "“stop sending” (English) inside a longer message"), ("en/affirmation", "a yes (English)"),
        ("group/en/stop", "“stop” (English), in a group"), ("whatsapp/user_preferences", "WhatsApp’s own switch"), ("", ""),
        ("payload/optout", "a button that carries “optout”"),
        ("en/cancel/answer_to_service", "“cancel” (English) in answer to a service message"),
        ("en/cancel/answer_to_choice", "“cancel” (English) in answer to a message that offers the word"),
        ("en/affirmation/yes_to_stop", "a yes (English) in answer to a message that asks whether messages should end"),
        (
            "any/no/no_to_messages",
            "“no” (any language) in answer to a message that asks whether messages are wanted",
        ),
        ("other-house/rule", "rule other-house/rule"),
    ],
)  # fmt: skip
def test_it_says_rules_in_words(rule: str, said: str) -> None:
    assert words.rule_in_words(rule) == said
