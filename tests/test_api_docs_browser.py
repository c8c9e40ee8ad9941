"""The page of the API in Chromium: nothing is refused by the content security policy, and a key can be tried out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.programs import Program
from tests.test_admin_browser import ARGUMENTS, DESKTOP, PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_shows_the_api_and_tries_a_key(viewport: Any, scheme: Any, chromium: Browser, live_server: Any) -> None:
    program = Program("events:read")
    context = chromium.new_context(viewport=viewport, color_scheme=scheme)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda asked: None if asked.url.startswith((live_server.url, "data:")) else complaints.append(asked.url),
    )

    page.goto(f"{live_server.url}/api/v1/docs/")
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".auth-container input").fill(f"Api-Key {program.key}")
    page.locator(".auth-container").get_by_role("button", name="Apply credentials").click()
    page.locator(".auth-container").get_by_role("button", name="Close").click()
    events = page.locator("#operations-events-list_events")
    events.locator(".opblock-summary-control").click()
    events.get_by_role("button", name="Try it out").click()
    events.get_by_role("button", name="Execute").click()
    events.locator(".live-responses-table .response-col_status", has_text="200").wait_for()

    assert '"position"' in events.locator(".live-responses-table").inner_text()
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    context.close()
