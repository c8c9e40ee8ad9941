"""The admin in Chromium: no script or style is refused by the content security policy, everything works by hand and by
keyboard in both themes and on a phone, and axe finds nothing serious."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from preferences import inbox, seals
from preferences.identifiers import digest
from preferences.inbox import ENVELOPE, envelope
from preferences.models import (
    Brand,
    Controller,
    Heartbeat,
    InboxEntry,
    Lane,
    PolicyVersion,
    Portfolio,
    Provider,
    Reply,
    Sender,
    Topic,
    User,
    batches,
)
from reports.models import Alarm

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FIXTURES = Path(__file__).parent / "fixtures" / "whatsapp"
NOW = dt.datetime(2026, 11, 22, 12, 0, 5, tzinfo=dt.UTC)
SAMPLES = (
    "text_stop", "text_start", "user_preferences_stop", "text_not_optout_contains_stop", "unknown_future_field",
    "image_with_caption_stop", "system_user_changed_number",
)  # fmt: skip
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LISTS = (
    "subscriber", "reply", "inboxentry", "delivery", "consentevent", "seal", "notice", "accessrecord", "brand", "sender",
    "portfolio", "controller", "topic", "policyversion", "destination", "user", "apikey",
)  # fmt: skip
FORMS = ("brand", "sender", "portfolio", "controller", "topic", "policyversion", "destination", "user", "apikey")
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def desk(live_server: Any) -> str:
    """A desk with something in every room; its address."""
    controller = Controller.objects.create(name="Acme Group", seat="US")
    brand = Brand.objects.create(controller=controller, slug="acme", name="Acme")
    PolicyVersion.objects.create(brand=brand, number=1)
    Topic.objects.create(brand=brand, slug="spring", name="Spring sale")
    portfolio = Portfolio.objects.create(provider=Provider.WHATSAPP, key="waba:100000000000001")
    Sender.objects.create(portfolio=portfolio, provider=Provider.WHATSAPP, key="200000000000002", brand=brand)
    bodies = [(FIXTURES / f"{name}.json").read_bytes() for name in SAMPLES]
    stop = json.loads(bodies[0])
    doubt = {"body": "<b>if this goes on I will unsubscribe</b> ??"}
    stop["entry"][0]["changes"][0]["value"]["messages"][0] |= {"id": "wamid.x", "text": doubt}
    rows = [envelope(Provider.WHATSAPP, Lane.URGENT, body, {}, NOW) for body in [*bodies, json.dumps(stop).encode()]]
    batches.insert(InboxEntry, ENVELOPE, rows)
    inbox.process(now=NOW)
    seals.seal(now=NOW)
    User.objects.create_superuser("root", "root@example.com", "correct-horse-battery")
    return str(live_server.url)


class Visit:
    """One visitor's browser. `complaints` is everything the console or the server complained about."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page: Page = context.new_page()
        self.address = address
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self._hear(message.type, message.text))
        self.page.on("pageerror", lambda error: self._hear("error", str(error)))
        self.page.on("response", lambda response: self._hear("error" if response.status >= 400 else "", response.url))

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(f"{self.page.url}: {text}")

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.address}/admin/{path}")
        self.page.wait_for_function("window.Alpine && !document.documentElement.hasAttribute('x-cloak')")
        return self.page

    def log_in(self) -> None:
        page = self.open("login/")
        page.fill("[name=username]", "root")
        page.fill("[name=password]", "correct-horse-battery")
        page.click("#login-form button[type=submit]")
        page.wait_for_url(f"{self.address}/admin/")

    def first(self, model: str) -> str:
        """The path of the page of a list's first row."""
        self.open(f"preferences/{model}/")
        href = self.page.locator("#result_list .data-row th a").first.get_attribute("href")
        assert href
        return href.removeprefix("/admin/").partition("?")[0]


@pytest.fixture(params=["light", "dark"])
def visit(request: pytest.FixtureRequest, chromium: Browser, desk: str) -> Iterator[Visit]:
    context = chromium.new_context(color_scheme=request.param, viewport=DESKTOP)
    visitor = Visit(context, desk)
    yield visitor
    context.close()
    assert visitor.complaints == []


def test_it_shows_every_page_without_a_complaint(visit: Visit) -> None:
    visit.log_in()
    details = [visit.first(model) for model in LISTS if model not in {"notice", "apikey", "accessrecord"}]
    pages = ["", *[f"preferences/{model}/" for model in LISTS], *details]
    pages += [f"preferences/{model}/add/" for model in FORMS] + ["auth/group/", "auth/group/add/", "password_change/"]

    for size in (DESKTOP, PHONE):
        visit.page.set_viewport_size(size)  # type: ignore[arg-type]
        for path in pages:
            page = visit.open(path)
            overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert overflow <= 0, f"{path} is {overflow} px wider than {size['width']} px"


def test_it_finds_nothing_serious_with_axe(visit: Visit) -> None:
    found = _axe(visit, "login/")
    visit.log_in()
    person = visit.first("subscriber")
    for path in (
        "",
        "preferences/subscriber/",
        person,
        "preferences/reply/",
        "preferences/apikey/add/",
        visit.first("user"),
    ):
        found += _axe(visit, path)

    assert found == []


def _axe(visit: Visit, path: str) -> list[str]:
    page = visit.open(path)
    page.wait_for_load_state("load")
    page.wait_for_timeout(300)
    violations = Axe().run(page).response["violations"]
    return [
        f"{path}: {one['id']} ({one['impact']}): {[node['html'][:200] for node in one['nodes'][:3]]}"
        for one in violations
        if one["impact"] in {"serious", "critical"}
    ]


def test_it_shows_what_is_wrong_and_that_all_is_well(visit: Visit) -> None:
    now = timezone.now()
    Heartbeat.objects.update_or_create(name="worker", defaults={"seen_at": now})
    for kind, severity in (("inbox_failing", "critical"), ("deliveries_dead", "warning"), ("sender_silent", "info")):
        text = "A sentence as long as they are, with what to do, and a word that is: " + "long" * 30
        Alarm.objects.create(kind=kind, severity=severity, text=text, since=now, seen_at=now, link="/admin/")
    visit.log_in()

    for size in (DESKTOP, PHONE):
        visit.page.set_viewport_size(size)  # type: ignore[arg-type]
        for path in ("", "reports/alarm/", f"reports/alarm/{Alarm.objects.latest('pk').pk}/change/"):
            assert _axe(visit, path) == []
            assert visit.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0

    page = visit.open("")
    page.get_by_role("button", name="Acknowledge: Webhooks cannot be read").press("Enter")
    page.get_by_text("The alarm stands as yours").wait_for()
    page.get_by_text("acknowledged by root").wait_for()

    Alarm.objects.update(ended_at=now)
    Heartbeat.objects.update(seen_at=timezone.now())
    assert _axe(visit, "") == []
    page.get_by_text("All is well").wait_for()


def test_it_switches_the_theme_and_keeps_it(visit: Visit) -> None:
    visit.log_in()
    page = visit.page
    was_dark = _is_dark(page)

    page.get_by_text("root@example.com").click()
    page.get_by_role("button", name="Light" if was_dark else "Dark").click()

    assert _is_dark(page) is not was_dark
    visit.open("preferences/brand/")
    assert _is_dark(page) is not was_dark


def _is_dark(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.classList.contains('dark')"))


def test_it_filters_searches_and_runs_an_action(visit: Visit) -> None:
    visit.log_in()
    page = visit.open("preferences/inboxentry/")

    page.get_by_role("button", name="Filters").click()
    page.get_by_role("link", name="Urgent", exact=True).click()
    page.wait_for_url("**?lane=urgent")
    page.locator("input.action-select").first.check()
    page.locator("select[name=action]").select_option("process_again")
    page.get_by_role("button", name="Run").click()
    page.get_by_text("1 entry is due again").wait_for()

    page.keyboard.press("/")
    page.keyboard.type("0143")
    page.keyboard.press("Enter")
    page.wait_for_url("**/subscriber/*/change/")


def test_it_works_by_keyboard_alone(visit: Visit) -> None:
    visit.log_in()
    page = visit.open("preferences/reply/")

    page.get_by_role("button", name="Filters").focus()
    page.keyboard.press("Enter")
    page.locator("#changelist-filter").wait_for(state="visible")
    page.keyboard.press("Escape")
    page.locator("#changelist-filter").wait_for(state="hidden")
    page.get_by_role("button", name="Show or hide the navigation").press("Enter")
    page.locator("#nav-sidebar").wait_for(state="hidden")
    page.get_by_role("button", name="Show or hide the navigation").press("Enter")
    page.locator("#nav-sidebar").wait_for(state="visible")


def test_it_goes_to_a_page_by_name(visit: Visit) -> None:
    visit.log_in()
    page = visit.page

    page.keyboard.press("Control+k")
    page.locator("#search-input-command").fill("brand")
    page.locator("#search-input-command").press("s")
    page.locator("#command-results-list li").first.wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    page.wait_for_url("**/admin/preferences/brand/")


def test_it_opens_the_navigation_on_a_phone(visit: Visit) -> None:
    visit.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    visit.log_in()
    page = visit.page

    page.get_by_role("button", name="Open the navigation").click()
    page.get_by_role("link", name="Ledger", exact=True).click()

    page.wait_for_url("**/consentevent/")


def test_it_opens_menus(visit: Visit) -> None:
    visit.log_in()
    page = visit.open("preferences/topic/add/")

    page.get_by_role("button", name="Open").last.click()
    page.get_by_role("link", name="Add another brand").wait_for()
    page.reload()
    page.get_by_role("link", name="Add another brand").wait_for(state="hidden")
    page.get_by_text("root@example.com").click()

    page.get_by_role("button", name="Log out").wait_for(state="visible")


def test_it_assigns_a_sender_and_makes_a_key(visit: Visit) -> None:
    visit.log_in()
    page = visit.open(visit.first("sender"))
    page.get_by_label("Display").fill("Main line")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("was changed successfully").wait_for()

    visit.open("preferences/apikey/add/")
    page.get_by_label("Name").fill("CRM")
    page.get_by_label("eligibility:read").check()
    page.get_by_role("button", name="Save", exact=True).click()
    key = page.locator("#api-key").inner_text()

    assert key.startswith("optout_")
    assert key not in visit.open("preferences/apikey/").content()


def test_it_says_sample_data_on_every_page_of_the_demo(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "DEMO", True)

    assert visit.open("login/").get_by_text("Sample data").is_visible()
    visit.log_in()
    for path in ("", "preferences/subscriber/", visit.first("subscriber")):
        assert visit.open(path).get_by_text("Sample data").is_visible()


def test_it_shows_what_people_wrote_as_text(visit: Visit) -> None:
    visit.log_in()

    page = visit.open(f"preferences/reply/{Reply.objects.get(digest=digest('wamid.x')).pk}/change/")

    assert page.get_by_text("<b>if this goes on I will unsubscribe</b> ??").is_visible()
