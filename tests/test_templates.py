"""Utility templates stop themselves when WhatsApp pauses, disables or recategorises them, in any order of the news."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preferences.inbox.templates import State, TemplateEvent, changed, follow
from preferences.models import Portfolio, UtilityTemplate

NOON = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


def after(seconds):
    return NOON + dt.timedelta(seconds=seconds)


@pytest.fixture
def template(acme):
    """The brand's template for confirmations in English, set up at noon."""
    return UtilityTemplate.objects.create(
        brand=acme,
        portfolio=Portfolio.objects.get(),
        kind="confirmation",
        name="stopped",
        language="en",
        changed_at=NOON,
    )


@pytest.fixture
def hear(template):
    """Something happens to the template; answers how many changed and its state."""

    def run(second, *, name="stopped", language="en", portfolio=None, event="", category=""):
        event = TemplateEvent(portfolio or template.portfolio_id, name, language, event, category, after(second))
        count = follow([event])
        template.refresh_from_db()
        return count, template.state

    return run


@pytest.mark.parametrize(
    ("what", "state"),
    [
        ({"category": "MARKETING"}, "recategorised"),
        ({"category": "AUTHENTICATION"}, "recategorised"),
        ({"category": "UTILITY"}, "usable"),
        ({"event": "PAUSED"}, "paused"),
        ({"event": "PENDING"}, "paused"),
        ({"event": "DISABLED"}, "disabled"),
        ({"event": "REJECTED"}, "disabled"),
        ({"event": "PENDING_DELETION"}, "disabled"),
        ({"event": "APPROVED", "category": "MARKETING"}, "recategorised"),
        ({"event": "PAUSED", "category": "UTILITY"}, "paused"),
        ({"event": "FLAGGED"}, "usable"),
        ({"event": "APPROVED"}, "usable"),
        ({"event": "SOMETHING_NEW"}, "usable"),
    ],
)
def test_it_follows(what, state, hear):
    assert hear(1, **what)[1] == state


@pytest.mark.parametrize("event", ["APPROVED", "REINSTATED", "UNPAUSED"])
@pytest.mark.parametrize("before", ["PAUSED", "DISABLED"])
def test_it_comes_back(before, event, hear):
    hear(1, event=before)

    assert hear(2, event=event) == (1, "usable")


@pytest.mark.parametrize("event", ["APPROVED", "REINSTATED", "PAUSED"])
def test_it_never_uses_a_marketing_template_because_it_is_approved(event, hear):
    hear(1, category="MARKETING")

    assert hear(2, event=event) == (0, "recategorised")


def test_it_comes_back_as_a_utility_template(hear):
    hear(1, category="MARKETING")

    assert hear(2, category="UTILITY") == (1, "usable")


def test_it_comes_back_with_status_and_category_at_once(hear):
    hear(1, category="MARKETING")

    assert hear(2, category="UTILITY", event="APPROVED") == (1, "usable")


def test_it_stays_paused_when_its_category_is_confirmed(hear):
    hear(1, event="PAUSED")

    assert hear(2, category="UTILITY")[1] == "paused"


@pytest.mark.parametrize("what", [{"event": "PAUSED"}, {"category": "MARKETING"}])
def test_it_changes_nothing_twice_or_for_what_is_older(what, hear, template):
    assert hear(-1, **what) == (0, "usable")
    assert hear(5, **what)[0] == 1
    before = template.changed_at

    assert hear(5, **what)[0] == 0
    assert hear(4, **what)[0] == 0
    assert template.changed_at == before


def test_it_hears_of_marketing_also_behind_a_newer_status(hear):
    hear(9, event="APPROVED")

    assert hear(5, category="MARKETING") == (1, "recategorised")
    assert hear(5, category="MARKETING") == (0, "recategorised")


@pytest.mark.parametrize(
    "details", [{"name": "another"}, {"language": "de"}, {"portfolio": 999_999}], ids=["name", "language", "portfolio"]
)
def test_it_leaves_others_alone(details, hear):
    assert hear(1, event="PAUSED", **details) == (0, "usable")


def test_it_means_all_languages_when_none_is_named(hear):
    assert hear(1, language="", event="PAUSED") == (1, "paused")


def test_it_needs_two_queries_for_any_number(template, django_assert_max_num_queries):
    events = [
        TemplateEvent(template.portfolio_id, name, "en", "PAUSED", "", after(second))
        for second, name in enumerate(["stopped", "other", "third"] * 20)
    ]

    with django_assert_max_num_queries(2):
        assert follow(events) == 1


def test_it_asks_nothing_for_nothing(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert follow([]) == 0


_EVENTS = st.builds(
    lambda second, what: TemplateEvent(1, "stopped", "en", *what, after(second)),
    st.integers(1, 20),
    st.tuples(st.sampled_from(["", "PAUSED", "APPROVED"]), st.sampled_from(["", "MARKETING", "UTILITY"])),
)


@settings(deadline=None)
@given(events=st.lists(_EVENTS, max_size=8, unique_by=lambda event: event.at), data=st.data())
def test_it_never_uses_a_template_whose_newest_category_is_marketing(events, data):
    """Whatever the order: only a newer category makes a marketing template usable again."""
    state = State("usable", "", NOON)
    for event in data.draw(st.permutations(events)):
        state = changed(state, event)

    categories = sorted((event for event in events if event.category), key=lambda event: event.at)
    if categories and categories[-1].category == "MARKETING":
        assert state.state == "recategorised"
