"""The page about mistakes in Chromium: readable by axe, no wider than a phone, and narrowed by hand."""

from __future__ import annotations

import pytest
from django.utils import timezone

from preferences.models import Reply
from tests.test_admin_browser import DESKTOP, PHONE, Visit, _axe, chromium, desk, visit

__all__ = ["chromium", "desk", "visit"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGE = "preferences/example/"


def test_it_fits_every_width_and_axe_finds_nothing_serious(visit: Visit) -> None:
    visit.log_in()
    found = _axe(visit, f"{PAGE}?language=xx")
    Reply.objects.update(received_at=timezone.now())

    for size in (DESKTOP, PHONE):
        visit.page.set_viewport_size(size)  # type: ignore[arg-type]
        found += _axe(visit, PAGE)
        overflow = visit.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"The page is {overflow} px wider than {size['width']} px"

    assert found == []


def test_it_is_found_sorted_and_narrowed_by_hand(visit: Visit) -> None:
    Reply.objects.update(received_at=timezone.now())
    visit.log_in()
    page = visit.page

    page.get_by_role("link", name="Understanding", exact=True).first.click()
    page.get_by_role("link", name="Last 90 days").click()
    page.get_by_role("link", name="Still waiting").click()
    page.wait_for_url("**/preferences/example/?days=90&sort=reviews.-waiting")
    page.get_by_label("Language").select_option("-")
    page.get_by_role("button", name="Show these").click()
    page.get_by_role("link", name="“stop” (English)", exact=True).click()

    page.wait_for_url("**/preferences/reply/?intent=opt_out&rule=en%2Fstop&language=-")
    assert page.locator("#result_list .data-row").count() >= 1
