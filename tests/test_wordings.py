"""A brand's own wordings: who writes and publishes them, what is refused, and which version is spoken."""

from __future__ import annotations

import datetime as dt

import pytest

from preferences import wordings
from preferences.models import PolicyVersion, User, WordingVersion
from preferences.wordings import WordingRefusedError

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
TEXT = "{brand} has stopped: {scope}."


@pytest.fixture
def ann(db):
    return User.objects.create_user("ann")


@pytest.fixture
def ben(db):
    return User.objects.create_user("ben")


@pytest.fixture
def write(acme, ann):
    def run(text=TEXT, *, key="confirmation", language="en", author=ann):
        return wordings.write(acme, key, language, text=text, author=author, now=NOW)

    return run


def spoken(brand):
    return {place: template.text for place, template in wordings.own_texts([brand.pk]).get(brand.pk, {}).items()}


def test_it_waits_for_a_second_person(acme, write, ben):
    version = write()

    assert (version.number, version.published_at) == (1, None)
    assert spoken(acme) == {}

    wordings.publish(version, publisher=ben, now=NOW)

    version.refresh_from_db()
    assert (version.published_by, version.published_at) == (ben, NOW)
    assert spoken(acme) == {("confirmation", "en"): TEXT}


def test_it_keeps_the_author_from_publishing(acme, write, ann):
    version = write()

    with pytest.raises(WordingRefusedError, match="somebody else must publish it"):
        wordings.publish(version, publisher=ann, now=NOW)

    version.refresh_from_db()
    assert version.published_at is None


def test_it_publishes_at_once_where_one_person_works(acme, write, ann):
    PolicyVersion.objects.create(brand=acme, number=2, approvals="solo")

    version = write()

    assert version.published_by == version.created_by == ann
    assert spoken(acme) == {("confirmation", "en"): TEXT}


def test_it_goes_by_the_newest_policy(acme, write):
    PolicyVersion.objects.create(brand=acme, number=2, approvals="solo")
    PolicyVersion.objects.create(brand=acme, number=3, approvals="two_people")

    assert write().published_at is None


def test_it_needs_two_people_where_there_is_no_policy(acme, write):
    PolicyVersion.objects.all().delete()

    assert write().published_at is None


def test_it_publishes_only_the_newest_version(acme, write, ben):
    old = write()
    new = write("{brand} stopped {scope}!")

    with pytest.raises(WordingRefusedError, match="A newer version was written"):
        wordings.publish(old, publisher=ben, now=NOW)
    wordings.publish(new, publisher=ben, now=NOW)
    with pytest.raises(WordingRefusedError, match="published already"):
        wordings.publish(new, publisher=ben, now=NOW)

    assert spoken(acme) == {("confirmation", "en"): "{brand} stopped {scope}!"}


def test_it_goes_back_to_the_desks_text_like_to_any_other(acme, write, ann, ben):
    wordings.publish(write(), publisher=ben, now=NOW)

    back = wordings.go_back(acme, "confirmation", "en", author=ann, now=NOW)
    assert spoken(acme) == {("confirmation", "en"): TEXT}
    with pytest.raises(WordingRefusedError, match="somebody else"):
        wordings.publish(back, publisher=ann, now=NOW)
    wordings.publish(back, publisher=ben, now=NOW)

    assert spoken(acme) == {}
    assert list(WordingVersion.objects.order_by("number").values_list("number", "text")) == [(1, TEXT), (2, "")]


def test_it_withdraws_what_waits_by_going_back(acme, write, ann, ben):
    waiting = write()

    wordings.go_back(acme, "confirmation", "en", author=ann, now=NOW)

    with pytest.raises(WordingRefusedError, match="A newer version"):
        wordings.publish(waiting, publisher=ben, now=NOW)


def test_it_has_nowhere_to_go_back_from(acme, ann):
    with pytest.raises(WordingRefusedError, match="the newest text already"):
        wordings.go_back(acme, "confirmation", "en", author=ann, now=NOW)


def test_it_refuses_the_same_text_again(write):
    write()

    with pytest.raises(WordingRefusedError, match="the newest text already"):
        write(f"  {TEXT}\r\n")


@pytest.mark.parametrize(
    ("key", "language", "text", "reason"),
    [
        ("confirmation", "en", " ", "Write a text"),
        ("confirmation", "en", "{brand} stopped.", r"The text lacks \{scope\}, what was stopped\."),
        ("confirmation", "en", "{brand} {scope} {contact}", r"must not hold \{contact\}"),
        ("confirmation", "en", "{brand} {scope} " + "x" * 400, "more than the 400 it may have"),
        ("help", "de", "{brand} {contact}", "lacks the word STOP"),
        ("undo_line", "fr", "Une erreur ?", "lacks the word START"),
        ("undo_button", "en", "Unsubscribe", "reads as a wish to stop"),
        ("start_question", "en", "{brand}: say the word. STOP ends it.", "no word that is understood as yes, such as YES"),
        ("start_question", "de", "{brand}: Januar? STOP beendet.", "such as JA"),
        ("start_question", "ja", "{brand}：広告を受け取りますか。停止はSTOP。", "such as はい"),
        ("advert", "en", "Buy!", "There is no text “advert”"),
        ("confirmation", "da", TEXT, "does not speak “da”"),
    ],
)  # fmt: skip
def test_it_refuses_what_cannot_be_spoken(write, key, language, text, reason):
    with pytest.raises(WordingRefusedError, match=reason):
        write(text, key=key, language=language)

    assert not WordingVersion.objects.exists()


def test_it_names_every_reason_at_once(write):
    with pytest.raises(WordingRefusedError) as refusal:
        write("Hello {contact}")

    assert len(refusal.value.reasons) == 3


def test_it_accepts_a_question_with_a_yes_of_the_language(write):
    assert write("{brand}: Mit JA stimmen Sie zu. STOP beendet.", key="start_question", language="de").pk
    assert write("{brand}：「はい」で同意。停止はSTOP。", key="start_question", language="ja").pk


def test_it_checks_again_before_it_publishes(acme, ben):
    """Rules may have changed since it was written."""
    version = WordingVersion.objects.create(brand=acme, key="confirmation", language="en", number=1, text="{brand}")

    with pytest.raises(WordingRefusedError, match="lacks"):
        wordings.publish(version, publisher=ben, now=NOW)


@pytest.mark.parametrize(("key", "text"), [("confirmation", "{brand} {offer}"), ("advert", "Buy!")])
def test_it_speaks_the_desks_text_where_an_old_version_no_longer_fits(acme, key, text):
    WordingVersion.objects.create(brand=acme, key=key, language="en", number=1, text=text, published_at=NOW)

    assert spoken(acme) == {}


def test_it_loads_many_brands_in_one_query(acme, write, ben, django_assert_num_queries):
    for text in ("{brand} a {scope}.", "{brand} b {scope}.", "{brand} c {scope}."):
        wordings.publish(write(text), publisher=ben, now=NOW)
    write("{brand} d {scope}.")

    with django_assert_num_queries(1):
        own = wordings.own_texts([acme.pk, acme.pk + 1])

    assert own[acme.pk]["confirmation", "en"].text == "{brand} c {scope}."
