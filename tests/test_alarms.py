"""Alarms as rows: opened once, refreshed, ended after a while, mailed once, and seen where people and machines look."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from smtplib import SMTPException, SMTPServerDisconnected

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from preferences.models import (
    AccountNotice,
    Brand,
    Delivery,
    DeliveryState,
    Destination,
    Heartbeat,
    InboxEntry,
    InboxState,
    Lane,
    Portfolio,
    Provider,
    Sender,
    Severity,
    Subscriber,
    User,
    UtilityTemplate,
)
from reports import alarms, facts, mailing, tasks
from reports.models import Alarm
from tests.conftest import SAMPLE_TIME

NOW = SAMPLE_TIME
MINUTE = dt.timedelta(minutes=1)
NUMBERS = "2025550143"


@pytest.fixture
def worker(db: None) -> Heartbeat:
    return Heartbeat.objects.create(name="worker", seen_at=NOW)


def store(received_at: dt.datetime, *, state: str = InboxState.PENDING, lane: str = Lane.URGENT) -> InboxEntry:
    return InboxEntry.objects.create(
        provider=Provider.WHATSAPP, lane=lane, body=b"", size=0, digest=bytes(32), received_at=received_at,
        next_attempt_at=received_at, state=state,
    )  # fmt: skip


def kinds() -> list[tuple[str, bool]]:
    return [(kind, ended_at is None) for kind, ended_at in Alarm.objects.order_by("pk").values_list("kind", "ended_at")]


# Rows -----------------------------------------------------------------------------------------------------------------


def test_it_finds_nothing_wrong_with_a_new_desk(worker):
    assert alarms.check(NOW) == alarms.Changes()
    assert not Alarm.objects.exists()


def test_it_opens_an_alarm_once_and_refreshes_it(worker):
    entry = store(NOW - 2 * MINUTE)

    first = alarms.check(NOW)
    again = alarms.check(NOW)
    later = alarms.check(NOW + dt.timedelta(seconds=30))

    alarm = Alarm.objects.get()
    assert [one.pk for one in first.opened] == [alarm.pk]
    assert again == later == alarms.Changes()
    assert (alarm.kind, alarm.severity, alarm.since) == ("inbox_late", "critical", entry.received_at)
    assert alarm.seen_at == NOW + dt.timedelta(seconds=30)


def test_it_ends_an_alarm_only_after_a_while(worker):
    entry = store(NOW - 2 * MINUTE)
    alarms.check(NOW)
    InboxEntry.objects.update(state=InboxState.DONE)
    Heartbeat.objects.update(seen_at=NOW + 10 * MINUTE)

    assert alarms.check(NOW + 4 * MINUTE) == alarms.Changes()
    InboxEntry.objects.filter(pk=entry.pk).update(state=InboxState.PENDING)  # it comes back: one alarm, not two
    assert alarms.check(NOW + 4.5 * MINUTE) == alarms.Changes()
    InboxEntry.objects.update(state=InboxState.DONE)
    assert alarms.check(NOW + 9 * MINUTE) == alarms.Changes()
    (ended,) = alarms.check(NOW + 9.5 * MINUTE).ended

    assert ended.ended_at == Alarm.objects.get().ended_at == NOW + 9.5 * MINUTE


def test_it_opens_a_new_alarm_when_it_happens_again(worker):
    entry = store(NOW - 2 * MINUTE)
    alarms.check(NOW)
    InboxEntry.objects.update(state=InboxState.DONE)
    Heartbeat.objects.update(seen_at=NOW + 10 * MINUTE)
    alarms.check(NOW + 5 * MINUTE)
    InboxEntry.objects.filter(pk=entry.pk).update(state=InboxState.PENDING)
    alarms.check(NOW + 6 * MINUTE)

    assert kinds() == [("inbox_late", False), ("inbox_late", True)]


def test_it_does_not_call_the_worker_that_asks_silent(worker):
    Heartbeat.objects.update(seen_at=NOW - 10 * MINUTE)

    assert not alarms.check(NOW, alive=frozenset({"worker"})).opened
    assert [one.kind for one in alarms.check(NOW).opened] == ["worker_silent"]


@pytest.mark.parametrize(("is_embedded", "expected"), [(True, []), (False, ["inbox", "outbox"])])
def test_it_expects_the_workers_that_are_needed(worker, settings, is_embedded, expected):
    settings.CELERY_EMBEDDED = is_embedded
    for name in ("inbox", "outbox"):
        Heartbeat.objects.create(name=name, seen_at=NOW - 10 * MINUTE)

    assert [one.subject for one in alarms.check(NOW).opened] == expected


def test_it_leaves_the_status_lane_in_peace(worker):
    store(NOW - 20 * MINUTE, lane=Lane.STATUS)
    store(NOW - 20 * MINUTE, lane=Lane.STATUS, state=InboxState.FAILING)

    assert not alarms.check(NOW).opened


def test_it_says_that_an_entry_fails(worker):
    store(NOW - 11 * MINUTE, state=InboxState.FAILING)

    assert [one.kind for one in alarms.check(NOW).opened] == ["inbox_failing"]


# Facts ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sender(acme: Brand, worker: Heartbeat) -> Sender:
    Sender.objects.update(created_at=NOW - dt.timedelta(days=9))
    return Sender.objects.get()


def deliver(sender: Sender, state: str, at: dt.datetime, *, kind: str = "confirmation") -> Delivery:
    console, _ = Destination.objects.get_or_create(kind="console", name="Console")
    person, _ = Subscriber.objects.get_or_create(pk=1, defaults={"root_id": 1})
    return Delivery.objects.create(
        destination=console, subscriber=person, kind=kind, sender=sender, language="en", state=state, next_attempt_at=at,
        created_at=at, finished_at=at, event=Delivery.objects.count() + 1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("heard", "sent", "is_silent"),
    [
        (None, None, False),
        (60, None, False),
        (60, 60, False),
        (60, 90, False),
        (60, 29, False),
        (60, 31, True),
        (None, 31, True),
        (600, 540, True),
    ],
)
def test_it_misses_a_number_that_sends_and_is_not_heard(sender, heard, sent, is_silent):
    Sender.objects.update(
        last_webhook_at=NOW - heard * MINUTE if heard else None, last_sent_at=NOW - sent * MINUTE if sent else None
    )

    found = [(one.kind, one.subject) for one in alarms.check(NOW).opened]

    assert found == ([("sender_silent", f"sender:{sender.pk}")] if is_silent else [])


@pytest.mark.parametrize(("first_sent", "is_silent"), [(45, True), (20, False)])
def test_it_misses_it_also_while_it_goes_on_sending(sender, first_sent, is_silent):
    Sender.objects.update(last_webhook_at=NOW - 60 * MINUTE, last_sent_at=NOW)
    deliver(sender, DeliveryState.SENT, NOW - 60 * MINUTE)
    deliver(sender, DeliveryState.SENT, NOW - first_sent * MINUTE)
    deliver(sender, DeliveryState.SENT, NOW)

    assert [one.kind for one in alarms.check(NOW).opened] == (["sender_silent"] if is_silent else [])


def test_it_does_not_miss_a_number_in_the_moment_it_starts_the_day(sender):
    """Nothing was sent at night, so nothing was heard either; the first answer of the morning is a second old."""
    Sender.objects.update(last_webhook_at=NOW - dt.timedelta(hours=10), last_sent_at=NOW)
    deliver(sender, DeliveryState.SENT, NOW)

    assert not alarms.check(NOW).opened


def test_it_counts_what_failed_lately(sender):
    for state in (DeliveryState.DEAD, DeliveryState.UNKNOWN, DeliveryState.EXPIRED, DeliveryState.SENT):
        deliver(sender, state, NOW - 5 * MINUTE)
        deliver(sender, state, NOW - dt.timedelta(hours=5))
        deliver(sender, state, NOW - dt.timedelta(days=2))

    opened = alarms.check(NOW).opened

    assert sorted(one.kind for one in opened) == ["confirmations_expire", "deliveries_dead", "deliveries_unknown"]
    assert all("1 " in one.text and "(2 in the last day)" in one.text for one in opened)


def test_it_hears_what_whatsapp_warns_of(sender, sample, receive):
    receive(sample("account_update_disabled"), sample("message_template_status_update_paused"), now=NOW)

    opened = {one.kind: one for one in alarms.check(NOW + MINUTE).opened}

    assert Alarm.objects.count() == 2
    assert set(opened) == {"provider_notice"}
    texts = sorted(Alarm.objects.values_list("text", flat=True))
    assert texts[0].startswith("100000000000001: WhatsApp is going to disable the account.")
    assert texts[1].startswith("autumn_promo (en_GB) of 100000000000001: WhatsApp paused the template")


def test_it_says_that_a_template_of_ours_cannot_be_used(sender, acme, sample, receive):
    template = UtilityTemplate.objects.create(
        brand=acme, portfolio=sender.portfolio, kind="confirmation", name="optout_confirmation", language="en_GB",
        changed_at=NOW - dt.timedelta(days=1),
    )  # fmt: skip
    receive(sample("template_category_update"), now=NOW)

    opened = {one.kind: one for one in alarms.check(NOW + MINUTE).opened}

    assert set(opened) == {"provider_notice", "template_unusable"}
    assert "as a marketing template people who stopped marketing never get it" in opened["template_unusable"].text
    assert opened["template_unusable"].link == f"/admin/preferences/utilitytemplate/{template.pk}/change/"


def test_it_says_that_nothing_is_sent(sender):
    until = NOW + dt.timedelta(hours=1)
    Sender.objects.update(blocked_until=until, blocked_reason="Spam limit (131048).")
    Portfolio.objects.update(blocked_until=until, blocked_reason="The access token has ended.")

    opened = alarms.check(NOW).opened

    assert [one.kind for one in opened] == ["sending_blocked"] * 2
    assert {"Spam limit (131048)." in one.text or "The access token has ended." in one.text for one in opened} == {True}


def test_it_says_that_the_ledger_is_not_sealed(sender, sample, receive):
    receive(sample("text_stop"), now=NOW)
    Heartbeat.objects.update(seen_at=NOW + 31 * MINUTE)

    assert [one.kind for one in alarms.check(NOW + 31 * MINUTE).opened] == ["ledger_unsealed"]


def test_it_asks_as_often_however_much_there_is(sender, django_assert_max_num_queries):
    def fill(number: int) -> None:
        for place in range(number):
            store(NOW - 20 * MINUTE, state=InboxState.FAILING)
            deliver(sender, DeliveryState.DEAD, NOW)
            AccountNotice.objects.create(
                provider=Provider.WHATSAPP, portfolio=sender.portfolio, kind="errors/368", subject=f"s{number}.{place}",
                text="x", severity=Severity.CRITICAL, at=NOW, digest=f"{number}.{place}".encode(),
            )  # fmt: skip

    Sender.objects.update(last_sent_at=NOW, last_webhook_at=NOW - 50 * MINUTE)
    fill(1)
    with CaptureQueriesContext(connection) as few:
        alarms.check(NOW)
    fill(30)
    with django_assert_max_num_queries(11):
        facts.gather(NOW)
    with CaptureQueriesContext(connection) as many:
        alarms.check(NOW + MINUTE)

    # The first opens rows only; the second refreshes some and changes the words of others as well.
    assert len(few) <= 15
    assert len(many) <= 17


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_it_leaves_one_row_when_two_check_at_once():
    store(NOW - 20 * MINUTE)
    store(NOW - 20 * MINUTE, state=InboxState.FAILING)
    gate = threading.Barrier(4)

    def run(_: int) -> alarms.Changes:
        gate.wait(timeout=10)
        try:
            return alarms.check(NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        changes = list(pool.map(run, range(4)))

    assert sorted(Alarm.objects.values_list("kind", flat=True)) == ["inbox_failing", "inbox_late", "worker_silent"]
    assert sum(len(one.opened) for one in changes) == 3


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_it_sends_one_mail_when_two_check_at_once(settings):
    settings.ALARM_EMAILS = ["oncall@desk.example"]
    store(NOW - 20 * MINUTE)
    alarms.check(NOW)
    gate = threading.Barrier(4)

    def run(_: int) -> None:
        gate.wait(timeout=10)
        try:
            mailing.tell([], now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))

    assert sum(message.body.count("Webhooks wait to be read") for message in mail.outbox) == 1


# Mail -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def wrong(worker: Heartbeat, settings) -> Callable[[dt.datetime], None]:
    """Something is wrong, and somebody is to be told; check and mail as the worker does."""
    settings.ALARM_EMAILS = ["oncall@desk.example"]
    settings.PUBLIC_URL = "https://desk.example"
    store(NOW - 2 * MINUTE)
    store(NOW - 20 * MINUTE, state=InboxState.FAILING)

    def run(now: dt.datetime) -> None:
        Heartbeat.objects.update(seen_at=now)
        mailing.tell(alarms.check(now).ended, now=now)

    return run


def test_it_mails_once_when_alarms_open(wrong):
    for number in range(3):
        wrong(NOW + number * MINUTE)

    (message,) = mail.outbox
    assert message.subject == "Opt-out desk: 2 alarms, 2 urgent"
    assert message.to == ["oncall@desk.example"]
    assert "Webhooks wait to be read, since 22 November 2026, 11:58 UTC" in message.body
    assert "https://desk.example/admin/preferences/inboxentry/?state=failing" in message.body
    assert set(Alarm.objects.values_list("mailed_at", flat=True)) == {NOW}


def test_it_mails_once_when_alarms_end(wrong):
    wrong(NOW)
    InboxEntry.objects.update(state=InboxState.DONE)
    for number in range(3, 8):
        wrong(NOW + number * MINUTE)

    assert [message.subject for message in mail.outbox] == [
        "Opt-out desk: 2 alarms, 2 urgent", "Opt-out desk: 2 alarms are over",
    ]  # fmt: skip
    assert "until 22 November 2026, 12:05 UTC" in mail.outbox[1].body


def test_it_mails_only_what_is_new(wrong):
    wrong(NOW)
    Heartbeat.objects.create(name="worker2", seen_at=NOW)
    AccountNotice.objects.create(provider=Provider.WHATSAPP, kind="errors/368", text="Blocked.", severity="critical",
                                 at=NOW, digest=b"1")  # fmt: skip
    wrong(NOW + MINUTE)

    assert [message.subject for message in mail.outbox][1] == "Opt-out desk: 1 alarm, 1 urgent"
    assert "Webhooks wait" not in mail.outbox[1].body


def test_it_mails_nothing_without_a_mail_server(wrong, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"

    wrong(NOW)

    assert mail.outbox == []
    assert set(Alarm.objects.values_list("mailed_at", flat=True)) == {None}


def test_it_mails_the_staff_who_may_see_alarms(wrong, settings):
    settings.ALARM_EMAILS = []
    see = Permission.objects.get(codename="view_alarm")
    for name, values, may_see in (
        ("sees", {"is_staff": True}, True),
        ("sees_not", {"is_staff": True}, False),
        ("left", {"is_staff": True, "is_active": False}, True),
        ("stranger", {}, True),
        ("nowhere", {"is_staff": True, "email": ""}, True),
    ):
        user = User.objects.create(username=name, **{"email": f"{name}@desk.example"} | values)
        if may_see:
            user.user_permissions.add(see)
    User.objects.create_superuser("root", "root@desk.example", "correct-horse-battery")

    wrong(NOW)

    assert mail.outbox[0].to == ["root@desk.example", "sees@desk.example"]


def test_it_mails_nobody_when_nobody_is_known(wrong, settings):
    settings.ALARM_EMAILS = []

    wrong(NOW)

    assert mail.outbox == []


class Unreachable(BaseEmailBackend):
    def open(self):
        raise ConnectionRefusedError("10.0.0.7 refused")


class CutOff(BaseEmailBackend):
    def send_messages(self, email_messages):
        raise SMTPServerDisconnected("after DATA, from 10.0.0.7")

    def close(self):
        raise SMTPException("gone")


def test_it_mails_later_what_the_server_was_not_there_for(wrong, settings):
    works, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.Unreachable"
    wrong(NOW)
    wrong(NOW + MINUTE)
    assert kinds() == [("inbox_failing", True), ("inbox_late", True), ("mail_failing", True)]
    failure = Alarm.objects.get(kind="mail_failing")
    assert "ConnectionRefusedError" in failure.text
    assert "10.0.0.7" not in failure.text
    assert failure.seen_at == NOW + MINUTE

    settings.EMAIL_BACKEND = works
    wrong(NOW + 2 * MINUTE)

    assert [message.subject for message in mail.outbox] == ["Opt-out desk: 2 alarms, 2 urgent"]
    wrong(NOW + 90 * MINUTE)
    assert Alarm.objects.get(kind="mail_failing").ended_at
    assert len(mail.outbox) == 1


def test_it_never_repeats_a_mail_that_may_have_gone_out(wrong, settings):
    works, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.CutOff"
    wrong(NOW)
    settings.EMAIL_BACKEND = works

    wrong(NOW + MINUTE)

    assert mail.outbox == []
    assert Alarm.objects.filter(kind="mail_failing", ended_at=None).exists()


def test_it_loses_a_mail_rather_than_repeat_it_after_a_crash(wrong, monkeypatch):
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(mailing, "_send", crash)
        with pytest.raises(KeyboardInterrupt):
            wrong(NOW)

    wrong(NOW + MINUTE)

    assert mail.outbox == []


def test_it_runs_as_a_task(worker):
    Heartbeat.objects.update(seen_at=timezone.now() - dt.timedelta(days=1))
    store(timezone.now() - 2 * MINUTE)

    tasks.check_alarms()

    assert kinds() == [("inbox_late", True)]


# Where people and machines look ---------------------------------------------------------------------------------------


@pytest.fixture
def staff(db: None) -> Callable[..., Client]:
    def make(*permissions: str) -> Client:
        user = User.objects.create_user("clerk", "clerk@desk.example", "correct-horse-battery", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def live(db: None) -> None:
    """A worker that is alive, by the clock on the wall."""
    Heartbeat.objects.create(name="worker", seen_at=timezone.now())


def page(client: Client) -> str:
    return client.get("/admin/").content.decode()


def test_it_says_that_all_is_well_and_since_when(live, staff):
    client = staff("view_alarm")
    assert "There has been no alarm yet." in page(client)
    ended_at = timezone.now() - dt.timedelta(hours=3, seconds=5)
    Alarm.objects.create(kind="inbox_late", severity="critical", since=ended_at, seen_at=ended_at, ended_at=ended_at)

    text = page(client)

    assert "All is well" in text
    assert ">3\xa0hours</time> ago." in text


def test_it_shows_open_alarms_first_and_the_worst_of_them(live, staff):
    now = timezone.now()
    for kind, severity, text in (
        ("deliveries_dead", "warning", "Dead <b>."),
        ("inbox_failing", "critical", "Failing."),
    ):
        Alarm.objects.create(
            kind=kind, severity=severity, text=text, since=now - 5 * MINUTE, seen_at=now, link="/admin/x/"
        )
    Alarm.objects.create(kind="mail_failing", severity="warning", text="Gone.", since=now, seen_at=now, ended_at=now)

    text = page(staff("view_alarm", "view_reply"))

    assert (
        text.index("What is wrong") < text.index("Failing.") < text.index("Dead &lt;b&gt;.") < text.index("What waits")
    )
    assert "Gone." not in text
    assert '<a href="/admin/x/" class="desk-link">Webhooks cannot be read</a>' in text
    assert "For <time" in text
    assert "Acknowledge" not in text


def test_it_shows_what_a_dead_worker_cannot_report(staff):
    Heartbeat.objects.create(name="worker", seen_at=timezone.now() - 9 * MINUTE)
    store(timezone.now() - 8 * MINUTE)

    text = page(staff("view_alarm", "change_alarm"))

    assert not Alarm.objects.exists()
    assert text.index("The background worker says nothing any more") < text.index(
        "Webhooks that may hold opt-outs wait"
    )
    assert "Acknowledge:" not in text  # there is no row yet that anybody could acknowledge


def test_it_does_not_show_the_same_twice(staff):
    Heartbeat.objects.create(name="worker", seen_at=timezone.now() - 9 * MINUTE)
    alarms.check(timezone.now())

    assert page(staff("view_alarm")).count("The background worker says nothing any more") == 1


def test_it_hides_alarms_from_those_who_may_not_see_them(staff):
    text = page(staff("view_reply"))

    assert "No background worker" not in text
    assert "Nothing is wrong" not in text


def test_it_shows_no_more_than_one_can_read(live, staff):
    now = timezone.now()
    Alarm.objects.bulk_create(
        Alarm(
            kind="provider_notice", subject=str(place), severity="warning", text="A template.", since=now, seen_at=now
        )
        for place in range(25)
    )

    text = page(staff("view_alarm"))

    assert text.count("A template.") == 20
    assert "And 5 more" in text


def test_it_costs_the_first_page_the_same_however_many_there_are(live, staff):
    client = staff("view_alarm", "change_alarm")
    now = timezone.now()

    def cost(number: int) -> int:
        user = User.objects.create(username=f"helper{number}")
        Alarm.objects.bulk_create(
            Alarm(kind="provider_notice", subject=f"{number}.{place}", severity="warning", text="x", since=now, seen_at=now,
                  acknowledged_by=user, acknowledged_at=now)
            for place in range(number)
        )  # fmt: skip
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/admin/").status_code == 200
        return len(captured)

    assert cost(1) == cost(30)


@pytest.fixture
def alarm(live: None) -> Alarm:
    now = timezone.now()
    return Alarm.objects.create(
        kind="deliveries_dead", severity="warning", text="In the last hour 2 deliveries were given up.", since=now,
        seen_at=now, link="/admin/preferences/delivery/?state=dead",
    )  # fmt: skip


def acknowledge_url(alarm: Alarm) -> str:
    return reverse("admin:reports_alarm_acknowledge", args=[alarm.pk])


def test_it_is_acknowledged_from_the_first_page(alarm, staff):
    client = staff("view_alarm", "change_alarm")
    assert acknowledge_url(alarm) in page(client)

    response = client.post(acknowledge_url(alarm), follow=True)

    alarm.refresh_from_db()
    assert alarm.acknowledged_by == User.objects.get(username="clerk")
    assert "The alarm stands as yours" in response.content.decode()
    assert "acknowledged by clerk" in page(client)
    assert "In the last hour 2 deliveries" in page(client)
    assert acknowledge_url(alarm) not in page(client)


@pytest.mark.parametrize("permissions", [(), ("view_alarm",), ("change_alarm",), ("view_reply",)])
def test_it_is_acknowledged_by_nobody_else(alarm, staff, permissions):
    assert staff(*permissions).post(acknowledge_url(alarm)).status_code == 403
    assert Alarm.objects.filter(acknowledged_at=None).exists()


def test_it_is_acknowledged_by_nobody_who_is_not_logged_in(alarm, client):
    assert client.post(acknowledge_url(alarm)).headers["Location"].startswith("/admin/login/")
    assert Alarm.objects.filter(acknowledged_at=None).exists()


def test_it_is_not_acknowledged_by_a_link_or_another_site(alarm):
    user = User.objects.create_superuser("root", "root@desk.example", "correct-horse-battery")
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)

    assert client.get(acknowledge_url(alarm)).status_code == 405
    assert client.post(acknowledge_url(alarm)).status_code == 403


def test_it_stays_with_the_first_who_acknowledged(alarm, staff):
    first = User.objects.create(username="first")
    assert alarms.acknowledge([alarm.pk], user_id=first.pk, now=timezone.now()) == 1

    response = staff("view_alarm", "change_alarm").post(acknowledge_url(alarm), follow=True)

    alarm.refresh_from_db()
    assert alarm.acknowledged_by == first
    assert "somebody was quicker" in response.content.decode()


def test_it_lists_open_and_past_alarms_and_changes_none(alarm, staff):
    client = staff("view_alarm")
    now = timezone.now()
    over = Alarm.objects.create(
        kind="inbox_late", severity="critical", text="Late.", since=now, seen_at=now, ended_at=now
    )
    url = reverse("admin:reports_alarm_changelist")

    everything, still, past = (client.get(url + query).content.decode() for query in ("", "?state=open", "?state=over"))

    assert "Deliveries were given up" in everything
    assert "Over, was urgent" in everything
    assert ("2 deliveries" in still, "Late." in still) == (True, False)
    assert ("2 deliveries" in past, "Late." in past) == (False, True)
    assert "2 deliveries" in client.get(f"{url}?kind=deliveries_dead").content.decode()
    for path in ("add/", f"{over.pk}/delete/"):
        assert client.get(url + path).status_code == 403
    assert client.post(f"{url}{over.pk}/change/", {"text": "Nothing."}).status_code == 403
    assert "Acknowledge" not in everything


def test_it_is_acknowledged_from_the_list(alarm, staff):
    client = staff("view_alarm", "change_alarm")
    data = {"action": "acknowledge_chosen", "_selected_action": [alarm.pk]}

    response = client.post(reverse("admin:reports_alarm_changelist"), data, follow=True)

    assert "1 of 1 stand as yours." in response.content.decode()
    detail = client.get(reverse("admin:reports_alarm_change", args=[alarm.pk])).content.decode()
    assert "by clerk" in detail


def test_it_hides_the_list_from_others(alarm, staff):
    assert staff("view_reply").get(reverse("admin:reports_alarm_changelist")).status_code == 403


def test_it_tells_machines_what_is_open(alarm, client):
    assert 'optout_open_alarms{kind="deliveries_dead",severity="warning"} 1.0' in client.get("/metrics").text

    Heartbeat.objects.update(seen_at=timezone.now() - 9 * MINUTE)

    text = client.get("/metrics").text
    assert 'optout_open_alarms{kind="worker_silent",severity="critical"} 1.0' in text
    assert 'optout_open_alarms{kind="inbox_late",severity="critical"} 0.0' in text


def test_it_tells_the_command_line(alarm, capsys):
    with pytest.raises(SystemExit):
        call_command("status")

    said = capsys.readouterr().out
    assert "Alarms        1 is open; the first page of the desk shows them." in said
    assert "1. Deliveries were given up: In the last hour 2 deliveries were given up." in said


def test_it_holds_no_personal_data(acme, sample, receive, wrong, client):
    receive(sample("text_stop"), now=NOW)
    InboxEntry.objects.update(state=InboxState.FAILING, error="+12025550143")
    wrong(NOW + 40 * MINUTE)

    everything = " ".join(f"{row.kind} {row.subject} {row.text} {row.link}" for row in Alarm.objects.all())
    assert NUMBERS not in everything + mail.outbox[0].body + client.get("/metrics").text
    assert Alarm.objects.count() >= 2
