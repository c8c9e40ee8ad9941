"""The room of wording in Chromium: readable by axe, no wider than a phone, and a preview that follows what is typed."""

from __future__ import annotations

import pytest

from preferences.models import PolicyVersion, WordingVersion
from tests.test_admin_browser import DESKTOP, PHONE, Visit, _axe, chromium, desk, visit

__all__ = ["chromium", "desk", "visit"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OVERVIEW = "preferences/wordingversion/"
CONFIRMATION = f"{OVERVIEW}acme/confirmation/"
PAGES = (OVERVIEW, CONFIRMATION, f"{CONFIRMATION}?language=ar", f"{OVERVIEW}acme/start_question/?language=ta")


def test_it_fits_every_width_and_axe_finds_nothing_serious(visit: Visit) -> None:
    visit.log_in()
    visit.open(CONFIRMATION)
    visit.page.get_by_label("Text", exact=True).fill("{brand} has stopped: {scope}.")
    visit.page.get_by_role("button", name="Write this version").click()
    visit.page.get_by_text("Version 1 waits until somebody else publishes it.").wait_for()
    found = []

    for size in (DESKTOP, PHONE):
        visit.page.set_viewport_size(size)  # type: ignore[arg-type]
        for path in PAGES:
            found += _axe(visit, path)
            overflow = visit.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert overflow <= 0, f"{path} is {overflow} px wider than {size['width']} px"

    assert found == []


def test_it_previews_while_one_types(visit: Visit) -> None:
    visit.log_in()
    page = visit.open(CONFIRMATION)

    page.get_by_label("Text", exact=True).fill("{brand} no longer sends {scope}.")
    page.get_by_text("Acme no longer sends marketing on all channels. Sent by mistake? Reply START.").wait_for()
    page.get_by_label("Text", exact=True).fill("Bye.")
    page.get_by_text("The text lacks {brand}, the name of the brand.").wait_for()

    assert page.get_by_label("Text", exact=True).input_value() == "Bye."
    assert not WordingVersion.objects.exists()


def test_it_writes_and_goes_back_where_one_person_works(visit: Visit) -> None:
    PolicyVersion.objects.update(approvals="solo")
    visit.log_in()
    page = visit.open(CONFIRMATION)

    page.get_by_label("Text", exact=True).fill("{brand} has stopped: {scope}.")
    page.get_by_role("button", name="Write and publish").click()
    page.get_by_role("heading", name="Acme speaks its own version 1.").wait_for()
    page.get_by_role("button", name="Go back to the desk’s text").click()

    page.get_by_role("heading", name="Acme speaks the desk’s text.").wait_for()


def test_it_finds_the_room_and_a_language(visit: Visit) -> None:
    visit.log_in()
    page = visit.page

    page.get_by_role("link", name="Wording", exact=True).click()
    page.get_by_role("link", name="Confirmation of an opt-out").click()
    page.get_by_label("Language").select_option("he")
    page.get_by_role("button", name="Show this language").click()

    page.wait_for_url("**/acme/confirmation/?language=he")
    assert page.locator("#preview .desk-bubble-text").first.evaluate("e => getComputedStyle(e).direction") == "rtl"
