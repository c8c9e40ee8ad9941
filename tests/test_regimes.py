"""The few rules of law that decide how somebody is answered."""

from __future__ import annotations

import datetime as dt

import pytest

from preferences import regimes

FIVE_MINUTES, WINDOW = dt.timedelta(minutes=5), dt.timedelta(hours=23)


@pytest.mark.parametrize(
    ("country", "law", "needs_yes", "undo_line", "undo_button", "ask_within"),
    [
        ("US", "United States", True, True, False, FIVE_MINUTES),
        ("PR", "United States", True, True, False, FIVE_MINUTES),
        ("", "Unknown law", True, True, False, FIVE_MINUTES),
        ("CA", "Canada", False, True, False, WINDOW),
        ("DE", "EU and EEA", False, True, False, WINDOW),
        ("NO", "EU and EEA", False, True, False, WINDOW),
        ("RE", "EU and EEA", False, True, False, WINDOW),
        ("GB", "United Kingdom", False, True, False, WINDOW),
        ("AU", "Australia", False, True, False, WINDOW),
        ("BR", "Elsewhere", False, True, True, WINDOW),
        ("IN", "Elsewhere", False, True, True, WINDOW),
        ("CH", "Elsewhere", False, True, True, WINDOW),
    ],
)
def test_it_answers_by_law(country, law, needs_yes, undo_line, undo_button, ask_within) -> None:
    rules = regimes.answer_rules(country)

    assert (rules.law, rules.needs_yes, rules.undo_line, rules.undo_button, rules.ask_within) == (
        law, needs_yes, undo_line, undo_button, ask_within
    )  # fmt: skip
    assert regimes.needs_written_opt_in(country) is needs_yes


@pytest.mark.parametrize("rules", regimes.ALL_ANSWER_RULES, ids=lambda rules: rules.law)
def test_it_names_a_source_for_each_law(rules) -> None:
    assert rules.sources


def test_it_takes_unknown_law_for_the_strictest() -> None:
    unknown, *others = regimes.ALL_ANSWER_RULES

    assert unknown == regimes.answer_rules("")
    assert unknown.needs_yes >= max(rules.needs_yes for rules in others)
    assert unknown.undo_button <= min(rules.undo_button for rules in others)
    assert unknown.ask_within <= min(rules.ask_within for rules in others)


@pytest.mark.parametrize(
    ("country", "seat", "is_offered"),
    [
        ("BR", "", True),
        ("BR", "IN", True),
        ("BR", "FR", False),
        ("FR", "BR", False),
        ("", "", False),
        ("", "BR", False),
    ],
)
def test_it_offers_a_button_only_where_both_laws_allow_it(country: str, seat: str, is_offered: bool) -> None:
    assert regimes.offers_undo_button(country, seat=seat) is is_offered


@pytest.mark.parametrize(
    ("country", "day", "reaches"),
    [
        ("US", (2027, 1, 30), False),
        ("US", (2027, 1, 31), True),
        ("GB", (2027, 1, 31), False),
        ("", (2027, 1, 30), False),
        ("", (2027, 1, 31), True),
    ],
)
def test_it_lets_a_stop_reach_the_controller_from_the_day_the_law_says(country, day, reaches) -> None:
    assert regimes.stop_reaches_controller(country, dt.datetime(*day, tzinfo=dt.UTC)) is reaches
