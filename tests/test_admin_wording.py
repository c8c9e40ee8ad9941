"""The room of wording: who may look, write and publish, what the pages show, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from preferences.models import Brand, Controller, PolicyVersion, Sender, Topic, User, WordingVersion
from preferences.wording import TEXTS, available_languages
from tests.conftest import SAMPLE_TIME

OVERVIEW = "/admin/preferences/wordingversion/"
TEXT = "{brand} has stopped: {scope}."
SCRIPT = "<script>alert(document.cookie)</script>"


def url(key: str = "confirmation", language: str = "", brand: str = "acme") -> str:
    address = reverse("admin:preferences_wordingversion_text", args=[brand, key])
    return f"{address}?language={language}" if language else address


@pytest.fixture
def staff(acme: Brand) -> Callable[..., Client]:
    """A member of staff who may view, and what else is named ("add", "change")."""

    def make(*rights: str, name: str = "") -> Client:
        user = User.objects.create_user(name or f"staff{User.objects.count()}", is_staff=True)
        codes = [f"{right}_wordingversion" for right in rights]
        user.user_permissions.set(Permission.objects.filter(codename__in=codes))
        assert user.user_permissions.count() == len(rights)
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def version(acme: Brand) -> Callable[..., WordingVersion]:
    def make(number: int = 1, text: str = TEXT, *, key: str = "confirmation", language: str = "en", **more: Any):
        return WordingVersion.objects.create(
            brand=acme, key=key, language=language, number=number, text=text, **more
        )  # fmt: skip

    return make


def page(response: Any) -> str:
    assert response.status_code == 200, response
    return response.content.decode()


# Who may ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [OVERVIEW, "/admin/preferences/wordingversion/acme/help/"])
def test_it_is_closed_to_strangers_and_staff_without_rights(staff, address: str) -> None:
    assert Client().get(address).status_code == 302
    assert staff().get(address).status_code == 403
    assert staff("view").get(address).status_code == 200


@pytest.mark.parametrize("act", ["write", "back", "publish", "preview"])
def test_it_does_nothing_for_strangers(acme, version, act: str) -> None:
    version()

    response = Client().post(url(), {"act": act, "text": TEXT + "!", "version": 1})

    assert response.status_code == 302
    assert response.headers["Location"].startswith("/admin/login/")
    assert WordingVersion.objects.get().published_at is None


@pytest.mark.parametrize(
    ("rights", "act", "status"),
    [
        (("view",), "write", 403),
        (("view",), "back", 403),
        (("view",), "publish", 403),
        (("view", "change"), "write", 403),
        (("view", "change"), "back", 403),
        (("view", "add"), "publish", 403),
        (("add",), "write", 403),
        ((), "preview", 403),
        (("view",), "preview", 200),
        (("view", "add"), "write", 302),
        (("view", "add"), "back", 302),
        (("view", "change"), "publish", 302),
    ],
)
def test_it_needs_the_right_for_each_act(staff, version, rights, act: str, status: int) -> None:
    version()

    response = staff(*rights).post(url(), {"act": act, "text": TEXT + "!", "version": 1})

    assert response.status_code == status
    if status == 403:
        assert WordingVersion.objects.filter(published_at=None).count() == 1


def test_it_keeps_posts_from_other_sites_out(staff) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root", "root@example.com", "correct-horse-battery"))

    assert client.post(url(), {"act": "write", "text": TEXT}).status_code == 403


def test_it_lets_one_write_and_another_publish(staff) -> None:
    ann, ben = staff("view", "add", "change", name="ann"), staff("view", "change", name="ben")

    answer = page(ann.post(url(), {"act": "write", "text": TEXT}, follow=True))
    assert "Version 1 waits until somebody else publishes it." in answer
    assert "You wrote it: somebody else must publish it." in answer
    assert "Publish version 1" not in answer

    refused = page(ann.post(url(), {"act": "publish", "version": 1}, follow=True))
    assert "You wrote this version: somebody else must publish it." in refused
    assert WordingVersion.objects.get().published_at is None

    assert "Publish version 1" in page(ben.get(url()))
    answer = page(ben.post(url(), {"act": "publish", "version": 1}, follow=True))
    assert "Version 1 is spoken from now on." in answer
    assert "Acme speaks its own version 1." in answer
    assert "Written by ann" in answer
    assert "Published by ben on" in answer


def test_it_keeps_even_a_superuser_from_publishing_their_own(acme) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.com", "correct-horse-battery"))

    client.post(url(), {"act": "write", "text": TEXT})
    client.post(url(), {"act": "publish", "version": 1})

    assert WordingVersion.objects.get().published_at is None


def test_it_publishes_at_once_where_one_person_works(acme, staff) -> None:
    PolicyVersion.objects.create(brand=acme, number=2, approvals="solo")

    answer = page(staff("view", "add", name="ann").post(url(), {"act": "write", "text": TEXT}, follow=True))

    assert "Version 1 is spoken from now on." in answer
    assert "Published by ann, its author," in answer


def test_it_goes_back_to_the_desks_text(acme, staff, version) -> None:
    PolicyVersion.objects.create(brand=acme, number=2, approvals="solo")
    version(published_at=SAMPLE_TIME)
    client = staff("view", "add")

    assert "Go back to the desk’s text" in page(client.get(url()))
    answer = page(client.post(url(), {"act": "back"}, follow=True))

    assert "Acme speaks the desk’s text." in answer
    assert "Go back to the desk’s text" not in answer


@pytest.mark.parametrize("number", ["", "2", "x", "9" * 30])
def test_it_publishes_only_a_version_there_is(staff, version, number: str) -> None:
    version()

    assert staff("view", "change").post(url(), {"act": "publish", "version": number}).status_code == 404


@pytest.mark.parametrize(
    "address",
    [url("advert"), url(language="da"), url(brand="other"), f"{OVERVIEW}?brand=other", f"{OVERVIEW}1/change/"],
)
def test_it_knows_no_such_page(staff, address: str) -> None:
    assert staff("view").get(address).status_code == 404


def test_it_knows_no_such_act(staff) -> None:
    assert staff("view", "add", "change").post(url(), {"act": "delete"}).status_code == 404


# What it shows ----------------------------------------------------------------------------------------------------------


def test_it_says_what_is_wrong_and_keeps_what_was_typed(staff) -> None:
    response = staff("view", "add").post(url(), {"act": "write", "text": "Bye {contact}"})

    text = response.content.decode()
    assert response.status_code == 422
    assert "The text lacks {brand}, the name of the brand." in text
    assert "The text must not hold {contact}." in text
    assert ">Bye {contact}</textarea>" in text
    assert not WordingVersion.objects.exists()


def test_it_previews_a_draft_as_the_person_will_see_it(staff) -> None:
    text = page(staff("view").post(url(), {"act": "preview", "text": "{brand}: no more {scope}.\r\n"}))

    assert "Acme: no more marketing on all channels. Sent by mistake? Reply START." in text
    assert not WordingVersion.objects.exists()


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (
            "confirmation",
            "You have opted out. Acme has stopped: marketing on all channels. Sent by mistake? Reply START.",
        ),
        ("scope_controller", "Acme has stopped: marketing on all channels, from all brands of Acme Group."),
        ("scope_topic_channel", "Acme has stopped: messages about “Spring news” on WhatsApp."),
        ("channel_sms", "Acme has stopped: marketing by SMS."),
        ("scope_everything", "Acme has stopped: all messages, on all channels."),
        ("scope_ad_sharing", "Acme has stopped: sharing your data for advertising."),
        ("help", "Questions: help@acme.example"),
        ("contact_chat", "Questions: write to us in this chat"),
        ("start_question", "By replying YES you agree that Acme may send you"),
        ("platform_stop_line", "Your own WhatsApp setting still stops marketing from Acme."),
        ("clarification", "Acme: should we stop all marketing messages, or only some?"),
    ],
)
def test_it_previews_each_text_inside_its_message(acme, staff, key: str, shown: str) -> None:
    Topic.objects.create(brand=acme, slug="spring", name="Spring news")

    assert shown in page(staff("view").get(url(key)))


def test_it_names_the_number_of_a_brand_without_a_contact(acme, staff) -> None:
    Brand.objects.update(support_contact="")
    Sender.objects.update(display="12025550100")

    assert "Questions: +12025550100" in page(staff("view").get(url("help")))


@pytest.mark.parametrize(("seat", "buttons"), [("US", 0), ("BR", 1), ("", 1)])
def test_it_shows_the_button_only_where_the_law_allows_one(acme, staff, seat: str, buttons: int) -> None:
    Controller.objects.update(seat=seat)

    shown = page(staff("view").get(url("undo_button")))

    assert shown.count('class="desk-bubble-button"') == buttons


@pytest.mark.parametrize("key", TEXTS)
def test_it_shows_every_text(staff, key: str) -> None:
    assert "What people will read" in page(staff("view").get(url(key)))


@pytest.mark.parametrize("language", available_languages())
def test_it_shows_every_language_in_its_direction(staff, language: str) -> None:
    text = page(staff("view").get(url(language=language)))

    direction = "rtl" if language in {"ar", "fa", "he", "ur"} else "ltr"
    assert f'lang="{language}" dir="{direction}"' in text


def test_it_lists_own_and_waiting_versions(staff, version) -> None:
    version(published_at=SAMPLE_TIME)
    version(2, "{brand}: {scope}!")
    version(language="de", text="{brand}: {scope}!")
    version(key="help", text="{brand} STOP {contact}", published_at=SAMPLE_TIME)
    version(2, "", key="help", published_at=SAMPLE_TIME)

    text = page(staff("view").get(OVERVIEW))

    assert "English: version 1<" in text
    assert "English: version 2 waits<" in text
    assert "Deutsch: version 1 waits<" in text
    assert text.count("English: version") == 2
    assert "2 waiting for a second person" in text


def test_it_says_when_a_published_version_no_longer_fits(staff, version) -> None:
    version(text="{brand} {offer}", published_at=SAMPLE_TIME)

    text = page(staff("view").get(url()))

    assert "no longer fits the rules" in text
    assert "Acme speaks the desk’s text." in text


def test_it_tells_brands_apart(acme, staff, version) -> None:
    other = Brand.objects.create(controller=acme.controller, slug="other", name="Other", language="de")
    version(published_at=SAMPLE_TIME)

    text = page(staff("view").get(f"{OVERVIEW}?brand=other"))

    assert "version 1" not in text
    assert "Ihre Abmeldung ist eingetragen. Other hat" in page(staff("view").get(url(brand=other.slug)))


def test_it_says_what_to_do_without_a_brand(db) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.com", "correct-horse-battery"))

    assert "No brand speaks yet." in page(client.get(OVERVIEW))


def test_it_shows_text_as_text(acme, staff, version) -> None:
    Brand.objects.update(name=SCRIPT)
    version(text=f"{{brand}} {{scope}} {SCRIPT}", published_at=SAMPLE_TIME)

    for address in (url(), OVERVIEW):
        assert SCRIPT not in page(staff("view").get(address))


def test_it_costs_the_same_however_many_versions(staff, version) -> None:
    client = staff("view")
    counts = {OVERVIEW: [], url(): []}
    for numbers in (range(1, 2), range(2, 30)):
        for number in numbers:
            version(number, f"{{brand}} {{scope}} {number}", published_at=SAMPLE_TIME)
        for address, seen in counts.items():
            with CaptureQueriesContext(
                connection,
            ) as queries:
                page(client.get(address))
            seen.append(len(queries))

    for first, then in counts.values():
        assert then == first <= 16
