"""The main walk of support staff in Chromium: find somebody by what one has, read the answer, reveal for a reason, leaf
through the timeline, send again what failed. In both themes, on a phone, by keyboard, with nothing for axe to find."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import Permission
from django.utils import timezone
from playwright.sync_api import Browser, Page, sync_playwright

from preferences import inbox, outbox, seals
from preferences.inbox import ENVELOPE, envelope
from preferences.models import (
    AccessAction,
    AccessRecord,
    Brand,
    Controller,
    Delivery,
    DeliveryState,
    Identity,
    InboxEntry,
    InboxState,
    Lane,
    PolicyVersion,
    Portfolio,
    Provider,
    Sender,
    User,
    batches,
)
from preferences.simulation import american, british, nameless, status, switch, text
from tests.test_admin_browser import ARGUMENTS, DESKTOP, Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NARROW = {"width": 360, "height": 780}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def desk(live_server: Any) -> str:
    """A shop that heard from a few people; its address."""
    controller = Controller.objects.create(name="Acme Group", seat="US")
    brand = Brand.objects.create(controller=controller, slug="acme", name="Acme")
    PolicyVersion.objects.create(brand=brand, number=1)
    portfolio = Portfolio.objects.create(provider=Provider.WHATSAPP, key="waba:100000000000001")
    Sender.objects.create(
        portfolio=portfolio, provider=Provider.WHATSAPP, key="200000000000002", display="12025550100", brand=brand
    )
    now = timezone.now() - dt.timedelta(minutes=2)
    talk = [text(american(43), f"Question {number}?", now - dt.timedelta(hours=number)) for number in range(1, 28)]
    told = [
        *talk,
        status(american(43), "wamid.campaign", "sent", now),
        text(american(43), "STOP", now, answers="wamid.campaign"),
        text(british(143), "can you stop sending these at night??", now),
        switch(american(5), now, is_stop=True),
        text(nameless(6, "IT"), "STOP", now),
    ]
    batches.insert(InboxEntry, ENVELOPE, [envelope(Provider.WHATSAPP, Lane.URGENT, body, {}, now) for body in told])
    inbox.process(now=now)
    outbox.deliver(now=now)
    seals.seal(now=now)
    User.objects.create_superuser("root", "root@example.com", "correct-horse-battery")
    return str(live_server.url)


@pytest.fixture(params=["light", "dark"])
def visit(request: pytest.FixtureRequest, chromium: Browser, desk: str) -> Iterator[Visit]:
    context = chromium.new_context(color_scheme=request.param, viewport=DESKTOP)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor = Visit(context, desk)
    yield visitor
    context.close()
    assert visitor.complaints == []


def find(page: Page, what: str) -> None:
    page.wait_for_function("window.Alpine && !document.documentElement.hasAttribute('x-cloak')")
    page.keyboard.press("/")
    page.keyboard.type(what)
    page.keyboard.press("Enter")


def test_it_walks_from_the_last_digits_to_the_number(visit: Visit) -> None:
    visit.log_in()
    page = visit.page

    find(page, "+1 (202) 555-0143")
    page.wait_for_url("**/subscriber/*/change/")
    page.get_by_role("heading", name="Do not send WhatsApp marketing.").wait_for()
    assert page.get_by_text("Wrote “STOP”").is_visible()
    assert "2025550143" not in page.content()

    page.get_by_text("Reveal the number").first.click()
    page.get_by_role("button", name="Reveal the number").click()
    page.get_by_role("alert").wait_for()
    page.get_by_label("What is the number needed for?").fill("Caller asks for a copy")
    page.get_by_label("Ticket").fill("T-1")
    page.get_by_role("button", name="Reveal the number").click()
    page.get_by_text("Shown on this page only.").wait_for()
    page.get_by_role("button", name="Copy the phone").click()
    page.get_by_role("button", name="Copy the phone").get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "+12025550143"
    record = AccessRecord.objects.get(action=AccessAction.REVEAL)
    assert (record.reason, record.ticket) == ("Caller asks for a copy", "T-1")


def test_it_tells_people_with_like_numbers_apart(visit: Visit) -> None:
    visit.log_in()
    page = visit.page

    find(page, "0143")
    page.wait_for_url("**/subscriber/?q=0143")

    assert page.locator(".data-row").count() == 2
    assert page.get_by_text("+44 ••• ••• 0143").first.is_visible()
    page.get_by_role("link", name="+1 ••• ••• 0143").click()
    page.get_by_role("heading", name="Do not send WhatsApp marketing.").wait_for()


def test_it_says_how_it_read_what_it_cannot_find(visit: Visit) -> None:
    visit.log_in()

    find(visit.page, "07700 900999")

    visit.page.get_by_text("It was read as a number that is or ends with 7700900999.").wait_for()


def test_it_filters_and_leafs_through_the_timeline(visit: Visit) -> None:
    visit.log_in()
    person = Identity.objects.get(value="+12025550143").root_id
    page = visit.open(f"preferences/subscriber/{person}/change/")
    filters = page.get_by_role("navigation", name="Show in the timeline")

    filters.get_by_role("link", name="Decisions").click()
    page.wait_for_url("**/?show=decisions#timeline")
    assert page.locator(".desk-line").count() == 1
    filters.get_by_role("link", name="Sent").click()
    page.wait_for_url("**/?show=sent#timeline")
    assert page.get_by_text("Campaign message").is_visible()

    filters.get_by_role("link", name="Replies").click()
    page.wait_for_url("**/?show=replies#timeline")
    assert page.locator(".desk-line").count() == 25
    page.get_by_role("link", name="Older").click()
    page.get_by_text("Question 27?").wait_for()
    assert page.locator(".desk-line").count() == 3
    page.get_by_role("link", name="Newest").click()
    page.get_by_text("Question 1?").wait_for()


def test_it_sends_again_what_failed(visit: Visit) -> None:
    later = timezone.now() + dt.timedelta(minutes=5)
    failed, doubtful = Delivery.objects.order_by("pk")[:2]
    Delivery.objects.filter(pk=failed.pk).update(
        state=DeliveryState.DEAD, expires_at=later, response_excerpt="Refused."
    )
    Delivery.objects.filter(pk=doubtful.pk).update(state=DeliveryState.UNKNOWN)
    visit.log_in()
    page = visit.open("preferences/delivery/")

    for box in page.locator("input.action-select").all()[:2]:
        box.check()
    page.locator("select[name=action]").select_option("process_again")
    page.get_by_role("button", name="Run").click()
    page.get_by_text("1 of 2 will be sent again; one may have been sent already.").wait_for()
    assert Delivery.objects.get(pk=failed.pk).state == DeliveryState.DUE

    Delivery.objects.filter(pk=failed.pk).update(state=DeliveryState.DEAD)
    visit.open(f"preferences/delivery/{failed.pk}/change/")
    page.get_by_role("button", name="Send this again").click()
    page.get_by_text("1 of 1 will be sent again.").wait_for()


def test_it_processes_a_webhook_again_from_its_page(visit: Visit) -> None:
    entry = InboxEntry.objects.order_by("pk").last()
    assert entry
    InboxEntry.objects.filter(pk=entry.pk).update(state=InboxState.FAILING, attempts=2, error="ValueError: no")
    visit.log_in()
    page = visit.open(f"preferences/inboxentry/{entry.pk}/change/")
    assert page.get_by_text("Reading it failed 2 times: ValueError: no").is_visible()

    page.get_by_role("button", name="Process this webhook again").click()

    page.get_by_text("1 entry is due again.").wait_for()
    assert InboxEntry.objects.get(pk=entry.pk).state == InboxState.PENDING


def test_it_shows_the_keys(visit: Visit) -> None:
    visit.log_in()
    page = visit.page

    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog", name="Keys").wait_for(state="hidden")


def test_it_checks_a_subscription(visit: Visit) -> None:
    visit.log_in()
    page = visit.open(visit.first("portfolio"))

    page.get_by_role("button", name="Check the subscription").click()

    page.get_by_text("It could not be checked").first.wait_for()


def test_it_reveals_nothing_to_those_who_may_not(visit: Visit) -> None:
    clerk = User.objects.create_user("clerk", password="correct-horse-battery", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename="view_subscriber"))
    page = visit.open("login/")
    page.fill("[name=username]", "clerk")
    page.fill("[name=password]", "correct-horse-battery")
    page.click("#login-form button[type=submit]")
    page.wait_for_url(f"{visit.address}/admin/")

    find(page, "202 555 0143")
    page.get_by_role("heading", name="Do not send WhatsApp marketing.").wait_for()

    assert page.get_by_role("button", name="Reveal the number").count() == 0
    assert page.get_by_text("You may not see what happened.").is_visible()
    assert "STOP" not in page.locator("#main, #page").first.inner_text()


def test_it_finds_nothing_serious_with_axe_and_fits_a_phone(visit: Visit) -> None:
    visit.log_in()
    person = Identity.objects.get(value="+12025550143").root_id
    paths = [
        f"preferences/subscriber/{person}/change/", "preferences/subscriber/?q=0143", "preferences/subscriber/?q=9999",
        "preferences/inboxentry/", visit.first("inboxentry"), f"{visit.first('inboxentry')}?body=1", "preferences/delivery/",
        visit.first("delivery"), visit.first("consentevent"), visit.first("sender"), visit.first("portfolio"),
        "preferences/accessrecord/",
    ]  # fmt: skip
    found = []
    for size in (DESKTOP, NARROW):
        visit.page.set_viewport_size(size)  # type: ignore[arg-type]
        for path in paths:
            page = visit.open(path)
            page.wait_for_load_state("load")
            page.wait_for_timeout(300)
            overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert overflow <= 0, f"{path} is {overflow} px wider than {size['width']} px"
            found += [
                f"{path}: {one['id']}: {[node['html'][:200] for node in one['nodes'][:3]]}"
                for one in Axe().run(page).response["violations"]
                if one["impact"] in {"serious", "critical"}
            ]

    assert found == []
