"""A newcomer's first walk: the real demo in its real processes, by hand in Chromium."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from preferences import demo
from tests.test_admin_browser import ARGUMENTS, PHONE
from tests.test_serve import ROOT, Desk, wait_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.processes,
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in /proc"),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("demo")
    desk = Desk(folder, DEMO="1")
    desk.wait_until_ready()
    wait_for(lambda: "sample webhooks through the door" in desk.output)
    yield desk
    desk.process.terminate()
    desk.process.wait(timeout=30)


@pytest.fixture
def page(desk: Desk) -> Iterator[Page]:
    """Signed in with the login that `make run` prints."""
    found = re.search(r"Sign in as (\S+), password (\S+)\.", desk.output)
    assert found, desk.output
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{desk.port}/admin/")
        page.fill("[name=username]", found[1])
        page.fill("[name=password]", found[2])
        page.click("[type=submit]")
        yield page
        browser.close()


def test_it_leads_from_chapter_to_chapter(page):
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)

    for chapter in demo.CHAPTERS:
        page.get_by_role("link", name=chapter.title).click()
        expect(page.locator("#answer")).to_contain_text("WhatsApp marketing")
        expect(page.get_by_text("Sample data").first).to_be_visible()
        page.go_back()

    assert complaints == []


def test_it_shows_the_confirmation_that_reached_the_person(page):
    page.get_by_role("link", name="A tap on").click()

    timeline = page.locator("main, body").first
    expect(timeline).to_contain_text("You have opted out. Acme has stopped: marketing on all channels.")
    expect(timeline).to_contain_text(re.compile(r"Delivered (at once|\d+ seconds? later)"))


def test_it_tells_what_became_of_simulated_webhooks(desk, page):
    url = f"http://127.0.0.1:{desk.port}"
    environment = {**dict(desk_environment(desk)), "PUBLIC_URL": url}

    done = subprocess.run(
        [sys.executable, "manage.py", "simulate", "--url", url],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.count("Confirmation of an opt-out: sent, ") == 5
    assert "no: platform_stop" in done.stdout
    page.set_viewport_size(PHONE)
    page.goto(f"{url}/admin/preferences/delivery/")
    expect(page.locator("body")).to_contain_text("Confirmation of an opt-out")


def desk_environment(desk: Desk) -> Iterator[tuple[str, str]]:
    """What the desk's own processes were given."""
    for pair in Path(f"/proc/{desk.process.pid}/environ").read_bytes().split(b"\0"):
        name, found, value = pair.decode().partition("=")
        if found:
            yield name, value
