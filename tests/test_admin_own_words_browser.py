"""The room of own words in Chromium: readable by axe, no wider than a phone, and usable without a script."""

from __future__ import annotations

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from preferences import inbox, own_words
from preferences.inbox import ENVELOPE, envelope
from preferences.interpretation import OwnWord
from preferences.models import Brand, BrandWords, InboxEntry, Lane, PolicyVersion, Provider, batches
from tests import bodies
from tests.test_admin_browser import DESKTOP, NOW, PHONE, Visit, chromium, desk, visit

__all__ = ["chromium", "desk", "visit"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OVERVIEW = "preferences/brandwords/"
WORDS = f"{OVERVIEW}acme/"
FISH = OwnWord("it", "opt_out", "pesce palla")


@pytest.fixture(autouse=True)
def _people_wrote(desk: str) -> None:
    """Two replies that Acme's own word would judge otherwise, and one version that is in force."""
    texts = ("Pesce palla!", "Pesce palla, " + "vorrei un tavolo per due vicino alla finestra " * 4)
    rows = [
        envelope(
            Provider.WHATSAPP, Lane.URGENT, json.dumps(bodies.message(text, at=NOW, phone=phone)).encode(), {}, NOW
        )
        for text, phone in zip(texts, (bodies.ALICE, bodies.GRETA), strict=True)
    ]
    batches.insert(InboxEntry, ENVELOPE, rows)
    inbox.process(now=NOW)
    known = [OwnWord("en", "help", "agent")._asdict(), OwnWord("ar", "opt_out", "ببغاء أزرق")._asdict()]
    BrandWords.objects.create(brand=Brand.objects.get(), number=1, words=known, published_at=NOW)


def _fill(visit: Visit, line: int, word: str, *, meaning: str = "Opt-out", language: str = "English") -> None:
    row = visit.page.get_by_role("group", name=f"New word {line}", exact=True)
    row.get_by_label("Word or phrase").fill(word)
    row.get_by_label("Meaning").select_option(meaning)
    row.get_by_label("Language").select_option(language)


def _click(visit: Visit, button: str) -> None:
    visit.page.get_by_role("button", name=button, exact=True).click()


def _seen(visit: Visit, what: str) -> list[str]:
    """What axe finds serious on the page as it stands, and how much it is too wide."""
    page = visit.page
    page.wait_for_timeout(300)
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    found = [one for one in Axe().run(page).response["violations"] if one["impact"] in {"serious", "critical"}]
    wide = [f"{what} is {overflow} px too wide"] if overflow > 0 else []
    return wide + [f"{what}: {one['id']}: {[node['html'][:200] for node in one['nodes'][:3]]}" for one in found]


def test_it_fits_every_width_and_axe_finds_nothing_serious(visit: Visit) -> None:
    visit.log_in()
    found = []

    for size in (DESKTOP, PHONE):
        visit.page.set_viewport_size(size)  # type: ignore[arg-type]
        visit.open(OVERVIEW)
        found += _seen(visit, "overview")
        visit.open(WORDS)
        found += _seen(visit, "words")
        _fill(visit, 1, "pesce palla", language="Italian")
        _fill(visit, 2, "x" * 41)
        _click(visit, "Try it")
        visit.page.get_by_text("has 41 characters, and 40 are compared").wait_for()
        found += _seen(visit, "refused")
        _fill(visit, 2, "deals on", meaning="Opt-in")
        _click(visit, "Try it")
        visit.page.get_by_text("somebody else must publish it").wait_for()
        found += _seen(visit, "tried")
        _click(visit, "Save draft")
        visit.page.get_by_role("heading", name="waits to be published").wait_for()
        found += _seen(visit, "saved")
        BrandWords.objects.filter(published_at=None).delete()

    assert found == []


def test_it_finds_the_room_tries_and_publishes(visit: Visit) -> None:
    visit.log_in()
    visit.page.get_by_role("link", name="Own words", exact=True).click()
    visit.page.get_by_role("link", name="Acme", exact=True).click()

    _fill(visit, 1, "pesce palla", language="Italian")
    visit.page.get_by_label("Remove “agent”").check()
    _click(visit, "Try it")
    visit.page.get_by_role("cell", name="Pesce palla!").wait_for()
    _click(visit, "Save and publish")

    visit.page.get_by_role("heading", name="Acme has 2 words of its own.").wait_for()
    assert FISH in own_words.words_of(own_words.in_force(Brand.objects.get()))


def test_it_works_without_a_script(chromium: Browser, desk: str) -> None:
    PolicyVersion.objects.update(approvals="solo")
    context = chromium.new_context(java_script_enabled=False)
    visit = Visit(context, desk)
    page = visit.page
    page.goto(f"{desk}/admin/{WORDS}")
    page.fill("[name=username]", "root")
    page.fill("[name=password]", "correct-horse-battery")
    page.click("#login-form button[type=submit]")

    _click(visit, "More lines")
    _fill(visit, 13, "deals on", meaning="Opt-in")
    _click(visit, "Try it")
    _click(visit, "Save and publish")

    page.get_by_role("heading", name="Acme has 3 words of its own.").wait_for()
    assert visit.complaints == []
    context.close()
