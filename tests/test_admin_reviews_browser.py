"""The review queue in Chromium: worked by keys alone, readable by axe, no wider than a phone."""

from __future__ import annotations

import pytest

from preferences.models import Reply, ReviewTurn
from tests.test_admin_browser import DESKTOP, PHONE, Visit, _axe, chromium, desk, visit

__all__ = ["chromium", "desk", "visit"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGE = "preferences/reviewturn/"


def test_it_is_worked_by_keys_alone(visit: Visit) -> None:
    visit.log_in()
    visit.page.get_by_role("link", name="Reviews", exact=True).first.click()
    visit.page.wait_for_url(f"**/{PAGE}")
    number = Reply.objects.filter(review_state="waiting").count()
    seen = set()

    for _ in range(number):
        heading = visit.page.locator("#said").inner_text()
        visit.page.keyboard.press("n")
        visit.page.wait_for_function("before => document.querySelector('#said')?.innerText !== before", arg=heading)
        seen.add(heading)
    visit.page.get_by_text("Nothing is left for you.").wait_for()
    visit.page.keyboard.press("u")
    visit.page.locator("#said").wait_for()

    assert number >= 1
    assert ReviewTurn.objects.filter(state="decided", verdict="not_opt_out").count() == number - 1
    assert any("<b>if this goes on" in heading for heading in seen)


def test_it_fits_every_width_and_axe_finds_nothing_serious(visit: Visit) -> None:
    visit.log_in()
    found = []
    for size in (DESKTOP, PHONE):
        visit.page.set_viewport_size(size)  # type: ignore[arg-type]
        found += _axe(visit, PAGE)
        overflow = visit.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"The page is {overflow} px wider than {size['width']} px"
    visit.page.keyboard.press("n")
    visit.page.get_by_text("Settled as not an opt-out").first.wait_for()
    found += _axe(visit, PAGE)

    assert found == []
