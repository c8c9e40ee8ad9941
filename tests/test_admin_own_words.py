"""The room of own words: who may look, try, save and publish, what the pages show, and what they cost."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from preferences import own_words
from preferences.interpretation import OwnWord, OwnWords, classify
from preferences.models import AccessRecord, Brand, BrandWords, PolicyVersion, User
from tests import bodies
from tests.conftest import SAMPLE_TIME

OVERVIEW = "/admin/preferences/brandwords/"
URL = f"{OVERVIEW}acme/"
SCRIPT = "<script>alert(document.cookie)</script>"
FISH = OwnWord("it", "opt_out", "pesce palla")
DEALS = OwnWord("en", "opt_in", "deals on")


@pytest.fixture
def team(acme: Brand, staff: Callable[..., Client]) -> Callable[..., Client]:
    """A member of staff who may do this with words of brands."""
    return lambda *rights, **more: staff(*(f"{right}_brandwords" for right in rights), *more.get("also", ()))


@pytest.fixture
def version(acme: Brand) -> Callable[..., BrandWords]:
    def make(number: int, *words: OwnWord, **more: Any) -> BrandWords:
        stored = [word._asdict() for word in words]
        return BrandWords.objects.create(brand=acme, number=number, words=stored, **more)

    return make


def form(*words: OwnWord, **more: Any) -> dict[str, Any]:
    columns = list(zip(*words, strict=True)) or [(), (), ()]
    return dict(zip(("language", "meaning", "spelling"), columns, strict=True)) | {"act": "try", **more}


def page(response: Any, status: int = 200) -> str:
    assert response.status_code == status, response
    return response.content.decode()


def tried(client: Client, *words: OwnWord, **more: Any) -> str:
    """The mark that the page gives to words that were tried."""
    found = re.search('name="tried" value="([0-9a-f]+)"', page(client.post(URL, form(*words, **more))))
    assert found
    return found[1]


def save(client: Client, *words: OwnWord, act: str = "write", **more: Any) -> Any:
    return client.post(URL, form(*words, **more, act=act, tried=tried(client, *words, **more)), follow=True)


# Who may ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [OVERVIEW, URL])
def test_it_is_closed_to_strangers_and_staff_without_rights(team, address: str) -> None:
    assert Client().get(address).status_code == 302
    assert team().get(address).status_code == 403
    assert team("view").get(address).status_code == 200


@pytest.mark.parametrize("act", ["try", "rows", "write", "write_and_publish", "publish"])
def test_it_does_nothing_for_strangers(version, act: str) -> None:
    version(1, FISH)

    response = Client().post(URL, form(DEALS, act=act, version=1))

    assert response.status_code == 302
    assert response.headers["Location"].startswith("/admin/login/")
    assert BrandWords.objects.get().published_at is None


@pytest.mark.parametrize(
    ("rights", "act", "status"),
    [
        ((), "try", 403),
        (("view",), "try", 403),
        (("view",), "rows", 403),
        (("view",), "write", 403),
        (("view",), "write_and_publish", 403),
        (("view",), "publish", 403),
        (("add",), "try", 403),
        (("view", "add"), "write_and_publish", 403),
        (("view", "add"), "publish", 403),
        (("view", "change"), "write", 403),
        (("view", "change"), "rows", 403),
        (("view", "change"), "write_and_publish", 403),
        (("view", "change"), "try", 200),
        (("view", "add"), "try", 200),
        (("view", "add"), "rows", 200),
        (("view", "add"), "write", 422),
        (("view", "change"), "publish", 302),
    ],
)
def test_it_needs_the_right_for_each_act(team, version, rights, act: str, status: int) -> None:
    version(1, FISH)

    response = team(*rights).post(URL, form(FISH, act=act, version=1))

    assert response.status_code == status
    assert BrandWords.objects.exclude(published_at=None).exists() is (act == "publish" and status == 302)


def test_it_keeps_posts_from_other_sites_out(acme) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root", "root@example.com", "correct-horse-battery"))

    assert client.post(URL, form(FISH)).status_code == 403


@pytest.mark.parametrize(
    ("address", "act"), [(f"{OVERVIEW}other/", "try"), (f"{OVERVIEW}1/change/", "try"), (URL, "delete"), (URL, "")]
)
def test_it_knows_no_such_page_or_act(team, address: str, act: str) -> None:
    assert team("view", "add", "change").post(address, form(FISH, act=act)).status_code == 404


@pytest.mark.parametrize("number", ["", "2", "x", "9" * 30])
def test_it_publishes_only_a_version_there_is(team, version, number: str) -> None:
    version(1, FISH)

    assert team("view", "change").post(URL, {"act": "publish", "version": number}).status_code == 404


# Saving and publishing --------------------------------------------------------------------------------------------------


def test_it_saves_only_what_was_tried(team) -> None:
    client = team("view", "add")
    mark = tried(client, FISH)

    answer = page(client.post(URL, form(FISH, DEALS, act="write", tried=mark)), 422)

    assert "The words changed since they were tried." in answer
    assert not BrandWords.objects.exists()


def test_it_saves_a_draft_that_another_publishes(team, says) -> None:
    ann, ben = team("view", "add"), team("view", "change")

    answer = page(save(ann, FISH, note="From the shop in Rome"))
    assert "Version 1 is saved. It counts once it is published." in answer
    assert "You may not publish words." in answer
    assert "From the shop in Rome" in answer

    assert "Publish version 1" in page(ben.get(URL))
    answer = page(ben.post(URL, {"act": "publish", "version": 1}, follow=True))
    assert "Replies are judged with version 1 from now on." in answer
    assert "Acme has 1 word of its own." in answer
    assert "<b>Added:</b> “pesce palla” (opt-out, Italian)." in answer
    assert "Written by staff0" in answer
    assert "Published by staff1 on" in answer


def test_it_lets_one_person_save_and_publish_what_tightens(team) -> None:
    answer = page(save(team("view", "add", "change"), FISH, act="write_and_publish"))

    assert "Replies are judged with version 1 from now on." in answer
    assert "Published by staff0, its author," in answer


def test_it_keeps_one_person_from_publishing_what_loosens(team) -> None:
    ann, ben = team("view", "add", "change"), team("view", "change")
    shown = page(ann.post(URL, form(DEALS)))
    assert 'value="write"' in shown
    assert 'value="write_and_publish"' not in shown

    answer = page(save(ann, DEALS, act="write_and_publish"), 422)
    assert "you wrote it: somebody else must publish it" in answer
    assert not BrandWords.objects.exists()

    assert "you wrote it: somebody else must publish it" in page(save(ann, DEALS))
    answer = page(ann.post(URL, {"act": "publish", "version": 1}, follow=True))
    assert BrandWords.objects.get().published_at is None
    page(ben.post(URL, {"act": "publish", "version": 1}, follow=True))
    assert BrandWords.objects.get().published_at


def test_it_lets_one_person_do_all_under_the_solo_policy(acme, team) -> None:
    PolicyVersion.objects.create(brand=acme, number=2, approvals="solo")

    answer = page(save(team("view", "add", "change"), DEALS, act="write_and_publish"))

    assert "Replies are judged with version 1 from now on." in answer


def test_it_removes_a_word_in_force(team, version) -> None:
    version(1, DEALS, FISH, published_at=SAMPLE_TIME)
    client = team("view", "add", "change")

    shown = page(client.post(URL, form(DEALS, FISH, remove="0")))
    assert "To be removed" in shown
    answer = page(save(client, DEALS, FISH, remove="0", act="write_and_publish"))

    assert "<b>Removed:</b> “deals on” (opt-in, English)." in answer
    assert own_words.words_of(BrandWords.objects.get(number=2)) == (FISH,)


def test_it_opens_with_the_draft_that_waits(team, version) -> None:
    version(1, DEALS, published_at=SAMPLE_TIME)
    version(2, FISH)

    shown = page(team("view", "add").get(URL))

    assert "Version 2 waits to be published" in shown
    assert 'value="0" checked' in shown
    assert re.search('<input name="spelling" value="pesce palla"', shown)


def test_it_lets_a_publisher_try_what_waits(team, version, says) -> None:
    version(1, FISH, published_at=SAMPLE_TIME)
    version(2)
    says("pesce palla")
    publisher = team("view", "change")
    assert '<input type="hidden" name="remove" value="0">' in page(publisher.get(URL))

    shown = page(publisher.post(URL, form(FISH, remove="0")))

    assert "0 of the 1 newest replies would be judged as they are now." in shown
    assert 'value="write"' not in shown


def test_it_gives_more_lines_and_keeps_what_was_typed(team) -> None:
    client = team("view", "add")
    before = page(client.get(URL)).count('name="spelling"')

    shown = page(client.post(URL, form(FISH, *[OwnWord("en", "help", "")] * before, act="rows")))

    assert shown.count('name="spelling"') == before + 11
    assert 'value="pesce palla"' in shown


def test_it_says_what_is_wrong_and_keeps_what_was_typed(team) -> None:
    wrong = (OwnWord("en", "help", "STOP!"), OwnWord("en", "opt_out", "price"), OwnWord("en", "loud", "blue parrot"))

    shown = page(team("view", "add").post(URL, form(*wrong)))

    assert "“STOP!” is built in as an opt-out in" in shown
    assert "“price” is an everyday word in English" in shown
    assert "“blue parrot”: choose opt-out, opt-in or help." in shown
    assert 'value="STOP!"' in shown
    assert 'name="tried"' not in shown


def test_it_refuses_to_save_what_is_wrong(team) -> None:
    shown = page(team("view", "add").post(URL, form(OwnWord("en", "help", "STOP!"), act="write")), 422)

    assert "“STOP!” is built in as an opt-out in" in shown
    assert not BrandWords.objects.exists()


# The back-test ----------------------------------------------------------------------------------------------------------


def test_it_shows_side_by_side_what_would_change(team, says) -> None:
    says("Pesce palla!", phone=bodies.ALICE)
    says("pesce palla per due", 1)
    says("hello", 2)

    shown = page(team("view", "add", also=("view_reply",)).post(URL, form(FISH)))

    assert "Pesce palla!" in shown
    assert "pesce palla per due" in shown
    assert "+1 ••• ••• 0143" in shown
    assert bodies.ALICE not in shown
    assert escape(classify("Pesce palla!").explanation) in shown
    assert escape(classify("Pesce palla!", own_words=OwnWords.of(1, [FISH])).explanation) in shown
    assert "1 of the 3 newest replies would be judged as they are now." in shown
    assert set(AccessRecord.objects.values_list("action", "detail")) == {("view", "Replies in a back-test of words")}
    assert AccessRecord.objects.count() == 2


def test_it_keeps_texts_from_those_who_may_not_read_replies(team, says) -> None:
    says("Pesce palla, Signora Rossi", phone=bodies.ALICE)

    shown = page(team("view", "add").post(URL, form(FISH)))

    assert "You may not read replies, so their texts are left out." in shown
    assert "0 of the 1 newest replies would be judged as they are now." in shown
    assert "Rossi" not in shown
    assert "0143" not in shown
    assert not AccessRecord.objects.exists()


def test_it_says_when_nothing_changes_or_nothing_is_stored(team, says) -> None:
    client = team("view", "add")
    assert "Acme has no stored replies to try words on." in page(client.post(URL, form(FISH)))

    says("hello")

    assert "None of the 1 newest replies would be judged differently." in page(client.post(URL, form(FISH)))


def test_it_refuses_a_word_of_everyday_replies_with_the_number(team, says) -> None:
    for second in range(5):
        says("the blue parrot is nice", second)

    shown = page(team("view", "add").post(URL, form(OwnWord("en", "opt_out", "Blue Parrot"))))

    assert "“Blue Parrot” stands in 5 of the 5 newest replies that asked for nothing." in shown


def test_it_ends_in_do_not_send_for_words_published_here(team, says, ask) -> None:
    page(save(team("view", "add", "change"), FISH, act="write_and_publish"))

    says("pesce palla", phone=bodies.ALICE)

    assert ask(bodies.ALICE)["reason"] == "opted_out"


# What it shows ----------------------------------------------------------------------------------------------------------


def test_it_lists_the_brands(acme, team, version) -> None:
    Brand.objects.create(controller=acme.controller, slug="other", name="Other")
    version(1, FISH, DEALS, published_at=SAMPLE_TIME)
    version(2, FISH)

    shown = page(team("view").get(OVERVIEW))

    assert "2 own words" in shown
    assert "Version 2 waits" in shown
    assert shown.count("Built-in words only") == 1


def test_it_says_what_to_do_without_a_brand(db) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.com", "correct-horse-battery"))

    assert "No brand speaks yet." in page(client.get(OVERVIEW))


def test_it_offers_nothing_to_those_who_may_only_look(team, version) -> None:
    version(1, FISH, published_at=SAMPLE_TIME)

    shown = page(team("view").get(URL))

    assert "pesce palla" in shown
    assert 'name="act"' not in shown
    assert 'name="remove"' not in shown


def test_it_shows_what_each_version_changed(team, version) -> None:
    version(1, FISH, published_at=SAMPLE_TIME)
    version(2, DEALS, FISH)
    version(3, DEALS, published_at=SAMPLE_TIME)

    shown = page(team("view").get(URL))

    assert shown.count("<b>Added:</b> “deals on” (opt-in, English).") == 2
    assert shown.count("<b>Removed:</b> “pesce palla” (opt-out, Italian).") == 1
    assert "2: never published" in shown
    assert "3: in force" in shown


def test_it_shows_words_as_text(acme, team, version, says) -> None:
    Brand.objects.update(name=SCRIPT)
    says(f"pesce palla {SCRIPT}")
    version(1, FISH._replace(spelling=SCRIPT), note=SCRIPT, published_at=SAMPLE_TIME)
    client = team("view", "add", "change", also=("view_reply",))

    for shown in (client.get(URL), client.get(OVERVIEW), client.post(URL, form(FISH, note=SCRIPT))):
        assert SCRIPT not in page(shown)


def test_it_costs_the_same_however_much_there_is(team, version, says) -> None:
    client = team("view", "add", also=("view_reply",))
    counts: dict[str, list[int]] = {OVERVIEW: [], URL: [], "try": []}
    for numbers in (range(1, 2), range(2, 5)):
        for number in numbers:
            version(number, OwnWord("en", "help", f"parrot {number}"), published_at=SAMPLE_TIME)
            says("pesce palla", number, phone=f"+120255501{number + 10}")
        for address, seen in counts.items():
            with CaptureQueriesContext(connection) as queries:
                page(client.post(URL, form(FISH)) if address == "try" else client.get(address))
            seen.append(len(queries))

    for first, then in counts.values():
        assert then == first <= 20
