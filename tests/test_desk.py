"""Inbox and outbox in words with what may be done, the ledger verified on its page, senders and portfolios with ticks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from preferences import channels, inbox, outbox, seals
from preferences.admin import base
from preferences.admin.outbox import why_not_again
from preferences.channels import ChannelError, Subscription
from preferences.models import (
    AccessAction,
    AccessRecord,
    ConsentEvent,
    Delivery,
    DeliveryState,
    DoorTick,
    InboxEntry,
    InboxState,
    Lane,
    Portfolio,
    Provider,
    Seal,
    Sender,
)
from preferences.webhooks import ticks
from tests import bodies, ledger_guard
from tests.conftest import DOOR, SAMPLE_TIME

NOW = SAMPLE_TIME
MINUTE = dt.timedelta(minutes=1)


def url(model: str, *args: Any) -> str:
    return reverse(f"admin:preferences_{model}_{'change' if args else 'changelist'}", args=args)


def read(client: Client, address: str, **query: str) -> str:
    response = client.get(address, query)
    assert response.status_code == 200
    return response.content.decode()


def run(client: Client, model: str, *pks: int) -> str:
    form = {"action": "process_again", "_selected_action": list(pks)}
    return client.post(url(model), form, follow=True).content.decode()


# The inbox ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def webhook(acme: Any, receive: Any) -> InboxEntry:
    receive(bodies.message("secret words", at=NOW, phone=bodies.ALICE), now=NOW)
    return InboxEntry.objects.get()


@pytest.mark.parametrize(
    ("values", "said", "advice"),
    [
        ({}, "Read at once.", "Nothing to do."),
        ({"processed_at": NOW + 2 * MINUTE}, "Read 2 minutes later.", "Nothing to do."),
        ({"unknown": ["message_type:poll"]}, "something in it is new to us: message_type:poll", "A newer version"),
        ({"unknown": ["unreadable"]}, "This is no webhook we can read.", "look at who sends"),
        (
            {"state": "failing", "attempts": 3, "error": "ValueError: no"},
            "failed 3 times: ValueError: no",
            "Nothing is lost",
        ),
        ({"state": "failing", "attempts": 1, "error": "x" * 300}, "failed once: xxx", "tried again by itself"),
        ({"state": "pending", "received_at": NOW}, "Waits since ", "Look whether the workers run"),
    ],
)
def test_it_says_what_became_of_a_webhook_and_what_to_do(
    staff: Callable[..., Client], webhook: InboxEntry, values: dict[str, Any], said: str, advice: str
) -> None:
    InboxEntry.objects.update(**values)
    client = staff("view_inboxentry")

    assert said in read(client, url("inboxentry"))
    assert advice in read(client, url("inboxentry", webhook.pk))


def test_it_says_that_a_fresh_webhook_waits_its_turn(staff: Callable[..., Client], acme: Any, post: Any) -> None:
    post(bodies.message("hi", at=timezone.now()))

    assert "Waits its turn." in read(staff("view_inboxentry"), url("inboxentry"))


def test_it_counts_what_waits_and_what_fails(staff: Callable[..., Client], webhook: InboxEntry, post: Any) -> None:
    client = staff("view_inboxentry")
    post(bodies.message("hi", at=NOW))
    InboxEntry.objects.filter(pk=webhook.pk).update(state=InboxState.FAILING)

    page = read(client, url("inboxentry"))

    assert "Waiting (1)" in page
    assert "Failing, will be retried (1)" in page
    assert "Done (" not in page


def test_it_shows_a_body_only_to_those_who_may_read_and_on_record(
    staff: Callable[..., Client], webhook: InboxEntry
) -> None:
    page = url("inboxentry", webhook.pk)
    clerk, reader = staff("view_inboxentry"), staff("view_inboxentry", "view_reply")

    assert "secret words" not in read(clerk, page, body="1")
    assert "?body=1" not in read(clerk, page)
    assert "secret words" not in read(reader, page)
    assert reader.get(url("inboxentry"), {"body": "1"}).status_code == 400
    assert not AccessRecord.objects.exists()

    shown = read(reader, page, body="1")
    assert "secret words" in shown
    assert bodies.ALICE.removeprefix("+") not in shown
    record = AccessRecord.objects.get()
    assert (record.action, record.detail) == (AccessAction.VIEW, f"Body of webhook {webhook.pk}")


def test_it_says_why_a_body_cannot_be_read(staff: Callable[..., Client], webhook: InboxEntry) -> None:
    InboxEntry.objects.update(body=b"\x01\x02zz" + bytes(40))

    assert "This body cannot be read." in read(
        staff("view_inboxentry", "view_reply"), url("inboxentry", webhook.pk), body="1"
    )


def test_it_processes_again_only_for_those_who_may(staff: Callable[..., Client], webhook: InboxEntry) -> None:
    viewer, worker = staff("view_inboxentry"), staff("view_inboxentry", "change_inboxentry")

    assert "Process this webhook again" not in read(viewer, url("inboxentry", webhook.pk))
    run(viewer, "inboxentry", webhook.pk)
    assert InboxEntry.objects.get().state == InboxState.DONE

    assert "Process this webhook again" in read(worker, url("inboxentry", webhook.pk))
    assert "1 entry is due again." in run(worker, "inboxentry", webhook.pk)
    assert InboxEntry.objects.get().state == InboxState.PENDING
    inbox.process(now=NOW)
    assert InboxEntry.objects.get().state == InboxState.DONE
    assert not ConsentEvent.objects.exists()


def test_it_looks_for_rare_rows_among_the_newest_only(
    staff: Callable[..., Client], webhook: InboxEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = staff("view_inboxentry")
    InboxEntry.objects.update(lane=Lane.STATUS)
    assert read(client, url("inboxentry"), lane="status").count("data-row") == 1

    monkeypatch.setattr(base, "NEWEST", 0)
    assert read(client, url("inboxentry"), lane="status").count("data-row") == 0
    InboxEntry.objects.update(state=InboxState.FAILING)
    assert read(client, url("inboxentry"), state="failing").count("data-row") == 1


@pytest.mark.parametrize(
    ("model", "query"),
    [
        ("inboxentry", "error__contains=x"), ("delivery", "response_excerpt__contains=x"), ("reply", "text__contains=x"),
        ("subscriber", "root__identities__value=x"), ("subscriber", "public_id__gt=0"), ("accessrecord", "reason__contains=x"),
    ],
)  # fmt: skip
def test_it_answers_no_question_about_hidden_columns(
    staff: Callable[..., Client], webhook: InboxEntry, model: str, query: str
) -> None:
    assert staff(f"view_{model}").get(f"{url(model)}?{query}").status_code == 400


# The outbox -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def told(acme: Any, receive: Any) -> list[Delivery]:
    """Three confirmations, all given up and still in time."""
    for phone in (bodies.ALICE, bodies.BILAL, bodies.GRETA):
        receive(bodies.message("STOP", at=NOW, phone=phone), now=NOW)
    in_time = timezone.now() + 10 * MINUTE
    Delivery.objects.update(state=DeliveryState.DEAD, finished_at=NOW, expires_at=in_time, response_excerpt="Refused.")
    return list(Delivery.objects.order_by("pk"))


@pytest.mark.parametrize(
    ("states", "said", "again"),
    [
        (["dead", "dead", "dead"], "3 of 3 will be sent again.", 3),
        (["dead", "dead", "unknown"], "2 of 3 will be sent again; one may have been sent already.", 2),
        (["unknown", "unknown", "sent"], "0 of 3 will be sent again; 2 may have been sent already; one was sent.", 0),
        (
            ["expired", "recorded", "needless"],
            "one is too late; one was recorded, as its destination asks; one is no",
            0,
        ),
        (["attempting", "due", "retry"], "0 of 3 will be sent again; 3 are on their way already.", 0),
    ],
)
def test_it_sends_again_only_what_is_lawful_and_says_why_not(
    staff: Callable[..., Client], told: list[Delivery], states: list[str], said: str, again: int
) -> None:
    for delivery, state in zip(told, states, strict=True):
        Delivery.objects.filter(pk=delivery.pk).update(state=state)
    before = Delivery.objects.filter(state=DeliveryState.DUE).count()

    page = run(staff("view_delivery", "change_delivery"), "delivery", *[delivery.pk for delivery in told])

    assert said in page
    assert Delivery.objects.filter(state=DeliveryState.DUE).count() - before == again


def test_it_never_sends_again_what_is_too_late(staff: Callable[..., Client], told: list[Delivery]) -> None:
    Delivery.objects.update(expires_at=NOW)

    page = run(staff("view_delivery", "change_delivery"), "delivery", told[0].pk)

    assert "0 of 1 will be sent again; one is too late." in page
    assert not Delivery.objects.filter(state=DeliveryState.DUE).exists()


def test_it_says_when_somebody_else_was_quicker(
    staff: Callable[..., Client], told: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "process_again", lambda ids, now: 0)

    page = run(staff("view_delivery", "change_delivery"), "delivery", told[0].pk)

    assert "0 of 1 will be sent again; one changed meanwhile." in page


def test_it_has_a_reason_for_every_state() -> None:
    for state in DeliveryState:
        assert why_not_again(Delivery(state=state), NOW)


def test_it_offers_to_send_again_only_to_those_who_may(staff: Callable[..., Client], told: list[Delivery]) -> None:
    viewer, worker = staff("view_delivery"), staff("view_delivery", "change_delivery")
    page = url("delivery", told[0].pk)

    assert "Send this again" not in read(viewer, page)
    run(viewer, "delivery", told[0].pk)
    assert not Delivery.objects.filter(state=DeliveryState.DUE).exists()
    assert "Send this again" in read(worker, page)

    Delivery.objects.update(state=DeliveryState.UNKNOWN)
    assert "This is not sent again: it may have been sent already." in read(worker, page)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "Was certainly not sent. Refused."),
        ({"error_code": 131047}, "Code 131047."),
        ({"state": "retry"}, "is tried again. Refused."),
        ({"state": "unknown"}, "It may have been sent, so it is never sent again."),
        ({"state": "expired"}, "it would have come too late"),
        ({"state": "sent"}, "No sign yet that it arrived."),
        ({"state": "sent", "delivered_at": NOW + MINUTE}, "Delivered 1 minute later."),
        ({"state": "sent", "delivered_at": NOW, "read_at": NOW + MINUTE}, "Delivered at once, read 1 minute later."),
        ({"state": "recorded"}, "This destination only records"),
    ],
)
def test_it_says_what_became_of_a_delivery(
    staff: Callable[..., Client], told: list[Delivery], values: dict[str, Any], said: str
) -> None:
    Delivery.objects.update(**values)
    client = staff("view_delivery")

    assert said in read(client, url("delivery"))
    assert said in read(client, url("delivery", told[0].pk))


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ({"state": "dead"}, 3),
        ({"state": "sent"}, 0),
        ({"sender": "{own}"}, 3),
        ({"sender": "0"}, 0),
        ({"sender": "x"}, 3),
    ],
)
def test_it_filters_the_outbox(
    staff: Callable[..., Client], told: list[Delivery], query: dict[str, str], rows: int
) -> None:
    query = {key: value.format(own=Sender.objects.get().pk) for key, value in query.items()}

    page = read(staff("view_delivery"), url("delivery"), **query)

    assert page.count("data-row") == rows
    assert "Given up (3)" in page


# Replies --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("query", "rows"), [({"review_state": "waiting"}, 1), ({"sender": "{own}"}, 0)])
def test_it_shows_every_reply_that_waits_for_review_however_old(
    staff: Callable[..., Client],
    acme: Any,
    says: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    query: dict[str, str],
    rows: int,
) -> None:
    """The first page counts them and links here. What no index leads to is looked for among the newest alone."""
    monkeypatch.setattr(base, "NEWEST", 0)
    says("can you stop sending these at night??")
    query = {key: value.format(own=Sender.objects.get().pk) for key, value in query.items()}

    assert read(staff("view_reply"), url("reply"), **query).count("data-row") == rows


# The ledger -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def events(acme: Any, receive: Any) -> list[ConsentEvent]:
    """Alice stops, comes back and stops; Bilal stops in between."""
    for number, (text, phone) in enumerate(
        [("STOP", bodies.ALICE), ("STOP", bodies.BILAL), ("START", bodies.ALICE), ("STOP", bodies.ALICE)]
    ):
        at = NOW + number * MINUTE
        receive(bodies.message(text, at=at, phone=phone), now=at)
    return list(ConsentEvent.objects.order_by("position"))


def test_it_verifies_an_event_on_its_page(staff: Callable[..., Client], events: list[ConsentEvent]) -> None:
    client = staff("view_consentevent", "view_seal")

    before = read(client, url("consentevent", events[2].pk))
    assert f"it follows event {events[0].pk} of this subscriber, but nothing outside the chain vouches for it" in before
    assert "No seal yet" in before

    seals.seal(now=NOW + 10 * MINUTE)
    after = read(client, url("consentevent", events[0].pk))
    assert "it is this subscriber’s first, and seal 1 vouches for it." in after
    assert f"Seal 1, events 1 to {len(events)}" in after
    for value in (events[0].row_hash, events[0].prev_hash):
        assert bytes(value).hex() in after


def _without_guard(change: Callable[[], Any]) -> None:
    with ledger_guard.lifted():
        change()


@pytest.mark.parametrize(
    ("change", "at", "said"),
    [
        (lambda: ConsentEvent.objects.filter(position=3).update(rule="forged"), 3, "Event 3 was changed"),
        (lambda: ConsentEvent.objects.filter(position=1).delete(), 3, "one is missing or added"),
        (lambda: ConsentEvent.objects.filter(position=3).update(row_hash=bytes(32)), 3, "the next of this subscriber"),
        (lambda: ConsentEvent.objects.filter(position=2).update(row_hash=bytes(32)), 3, "Seal 1 does not match events"),
        (lambda: Seal.objects.update(merkle_root=bytes(32)), 1, "they were changed after sealing"),
        (lambda: Seal.objects.update(previous=b"x" * 32), 1, "Seal 1 does not follow the seal before it"),
    ],
)
def test_it_finds_what_was_forged(
    staff: Callable[..., Client], events: list[ConsentEvent], change: Callable[[], Any], at: int, said: str
) -> None:
    seals.seal(now=NOW + 10 * MINUTE)
    _without_guard(change)

    page = read(staff("view_consentevent"), url("consentevent", at))

    assert "Not sound" in page
    assert said in page


def test_it_verifies_each_event_as_the_whole_ledger_is(
    events: list[ConsentEvent], django_assert_max_num_queries: Any
) -> None:
    seals.seal(now=NOW + 2 * MINUTE)

    assert seals.verify().is_sound
    for event in events:
        with django_assert_max_num_queries(6):
            assert seals.verify_event(event.position).problems == ()


def test_it_names_an_event_that_is_not_there(db: None) -> None:
    with pytest.raises(ConsentEvent.DoesNotExist, match="There is no event 7"):
        seals.verify_event(7)


# Senders --------------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _nothing_ticked_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "_written", {})


def handshake(client: Client, token: str) -> int:
    query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1158201444"}
    return client.get(DOOR, query).status_code


def test_it_ticks_the_handshake_once_a_minute(client: Client, db: None, settings: Any) -> None:
    token = settings.WHATSAPP_VERIFY_TOKEN[0]
    assert handshake(client, "wrong") == 403
    assert not DoorTick.objects.exists()

    assert handshake(client, token) == 200
    tick = DoorTick.objects.get()
    assert (tick.provider, tick.name) == (Provider.WHATSAPP, "handshake")
    DoorTick.objects.update(seen_at=NOW)
    handshake(client, token)
    assert DoorTick.objects.get().seen_at == NOW

    ticks._written["whatsapp", "handshake"] = timezone.now() - 2 * MINUTE
    handshake(client, token)
    assert DoorTick.objects.get().seen_at > NOW


def test_it_answers_the_handshake_also_without_a_tick(
    client: Client, db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**values: Any) -> None:
        raise ticks.DatabaseError("gone")

    monkeypatch.setattr(DoorTick.objects, "update_or_create", fail)

    assert handshake(client, settings.WHATSAPP_VERIFY_TOKEN[0]) == 200


def test_it_says_what_a_new_sender_lacks(staff: Callable[..., Client], acme: Any) -> None:
    page = read(staff("view_sender"), url("sender", Sender.objects.get().pk))

    for said in ("No handshake seen", "verify token", "Signature not seen", "No webhook yet", "Nothing sent yet"):
        assert said in page


def test_it_ticks_what_was_seen(
    staff: Callable[..., Client], acme: Any, receive: Any, client: Client, settings: Any
) -> None:
    handshake(client, settings.WHATSAPP_VERIFY_TOKEN[0])
    receive(bodies.message("STOP", at=timezone.now()))
    Sender.objects.update(last_sent_at=timezone.now() - 5 * MINUTE)

    page = read(staff("view_sender"), url("sender", Sender.objects.get().pk))

    for said in ("Handshake seen", "Signature right", "Last webhook", "Last send", "5 min ago"):
        assert said in page
    assert "5 min ago" in read(staff("view_sender"), url("sender"))


@pytest.mark.parametrize(("model", "who"), [(Sender, "This number"), (Portfolio, "The whole portfolio")])
def test_it_says_what_is_blocked_and_why(staff: Callable[..., Client], acme: Any, model: Any, who: str) -> None:
    model.objects.update(blocked_until=timezone.now() + MINUTE, blocked_reason="WhatsApp asked for fewer messages.")
    page = url("sender", Sender.objects.get().pk)
    client = staff("view_sender")

    assert f"{who} sends nothing before " in read(client, page)
    assert "WhatsApp asked for fewer messages." in read(client, page)

    model.objects.update(blocked_until=timezone.now() - MINUTE)
    assert "sends nothing before" not in read(client, page)


# Portfolios -----------------------------------------------------------------------------------------------------------


def check(client: Client) -> Any:
    address = reverse("admin:preferences_portfolio_subscription", args=[Portfolio.objects.get().pk])
    return client.post(address, follow=True)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Subscription(is_subscribed=True, apps=("Opt-out desk",)), "WhatsApp calls this account’s apps: Opt-out desk."),
        (Subscription(is_subscribed=False, apps=("CRM",)), "so no opt-out arrives. Only these apps are called: CRM."),
        (Subscription(is_subscribed=False), "No app is called. Subscribe our app"),
        (
            Subscription(is_subscribed=False, error="The token has expired."),
            "It could not be checked: The token has expired.",
        ),
        (
            ChannelError("No access token is set.", is_permanent=True),
            "It could not be checked: No access token is set.",
        ),
    ],
)
def test_it_checks_the_subscription_and_keeps_the_answer(
    staff: Callable[..., Client], acme: Any, monkeypatch: pytest.MonkeyPatch, answer: Any, said: str
) -> None:
    def ask(portfolio: Portfolio) -> Subscription:
        if isinstance(answer, ChannelError):
            raise answer
        return answer

    monkeypatch.setattr(channels, "subscription_of", ask)
    client = staff("view_portfolio", "change_portfolio")

    assert said in check(client).content.decode()

    portfolio = Portfolio.objects.get()
    assert portfolio.subscription_checked_at is not None
    page = read(client, url("portfolio", portfolio.pk))
    assert said in page
    assert "Checked " in page


def test_it_says_that_a_subscription_was_never_checked(staff: Callable[..., Client], acme: Any) -> None:
    page = read(staff("view_portfolio"), url("portfolio", Portfolio.objects.get().pk))

    assert "It was never checked." in page
    assert "Check the subscription</button>" not in page


def test_it_refuses_to_check_for_others(
    staff: Callable[..., Client], acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "subscription_of", lambda portfolio: pytest.fail("it was asked"))

    for permissions in ((), ("view_portfolio",), ("change_sender",)):
        assert check(staff(*permissions)).status_code == 403
    address = reverse("admin:preferences_portfolio_subscription", args=[Portfolio.objects.get().pk])
    assert staff("change_portfolio").get(address).status_code == 302
    assert Portfolio.objects.get().subscription == {}
