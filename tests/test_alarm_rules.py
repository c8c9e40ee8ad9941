"""When something is wrong and when it is not: every rule at both sides of its limit, with the clock as an argument."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preferences.models import Severity
from reports import rules
from reports.facts import (
    Facts,
    FailedDelivery,
    NoticeFacts,
    PortfolioFacts,
    Pulse,
    SenderFacts,
    TemplateFacts,
)
from reports.rules import Kind

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
CALM = Facts(pulse=Pulse(heartbeats={"worker": NOW}, oldest_unread_at=None))


def ago(**span: float) -> dt.datetime:
    return NOW - dt.timedelta(**span)


def pulse(oldest: dt.datetime | None = None, **seen: dt.datetime) -> dict[str, Any]:
    return {"pulse": Pulse(heartbeats={"worker": NOW} | seen, oldest_unread_at=oldest)}


def sender(**more: Any) -> dict[str, Any]:
    values = {"id": 7, "name": "+1 202-555-0100", "last_webhook_at": ago(hours=9), "unheard_since": None,
              "blocked_until": None, "blocked_reason": ""}  # fmt: skip
    return {"senders": (SenderFacts(**values | more),)}


def deliveries(state: str, number: int, *, kind: str = "confirmation", at: dt.datetime = NOW) -> dict[str, Any]:
    return {"deliveries": (FailedDelivery(state, kind, at),) * number}


def notice(kind: str, *, severity: str = "warning", at: dt.datetime = NOW, subject: str = "promo", over: bool = False,
           portfolio: int = 1) -> NoticeFacts:  # fmt: skip
    return NoticeFacts(kind, subject, "Something.", severity, over, at, portfolio, 0, "Acme")


def names(**facts: Any) -> list[tuple[str, str, str]]:
    return [
        (one.kind.value, one.subject, one.severity.value)
        for one in rules.found(dataclasses.replace(CALM, **facts), NOW)
    ]


CRITICAL, WARNING = "critical", "warning"
CASES: list[tuple[str, dict[str, Any], list[tuple[str, str, str]]]] = [
    ("all is well", {}, []),
    ("unread for a minute", pulse(ago(seconds=60)), []),
    ("unread for longer", pulse(ago(seconds=61)), [("inbox_late", "", CRITICAL)]),
    ("received in the future", pulse(NOW + dt.timedelta(hours=1)), []),
    ("worker seen two minutes ago", pulse(worker=ago(minutes=2)), []),
    ("worker silent", pulse(worker=ago(seconds=121)), [("worker_silent", "worker", CRITICAL)]),
    ("inbox worker silent", pulse(inbox=ago(minutes=5)), [("worker_silent", "inbox", CRITICAL)]),
    ("two silent", pulse(inbox=ago(minutes=5), outbox=ago(minutes=9)),
     [("worker_silent", "outbox", CRITICAL), ("worker_silent", "inbox", CRITICAL)]),
    ("an unknown worker silent", pulse(jobs=ago(minutes=5)), [("worker_silent", "jobs", CRITICAL)]),
    ("no worker ever", {"pulse": Pulse({}, None)}, [("worker_silent", "worker", CRITICAL)]),
    ("failing for ten minutes", {"failing": (ago(minutes=10),)}, []),
    ("failing for longer", {"failing": (ago(minutes=11), NOW)}, [("inbox_failing", "", CRITICAL)]),
    ("heard after it sent", sender(), []),
    ("unheard for half an hour", sender(unheard_since=ago(minutes=30)), []),
    ("unheard for longer", sender(unheard_since=ago(minutes=31)), [("sender_silent", "sender:7", CRITICAL)]),
    ("unheard for a week", sender(unheard_since=ago(days=7)), [("sender_silent", "sender:7", CRITICAL)]),
    ("given up long ago", sender(unheard_since=ago(days=8)), []),
    ("never heard", sender(last_webhook_at=None, unheard_since=ago(hours=1)), [("sender_silent", "sender:7", CRITICAL)]),
    ("blocked for a moment", sender(blocked_until=NOW + dt.timedelta(minutes=5)), []),
    ("blocked in the past", sender(blocked_until=ago(minutes=1)), []),
    ("blocked", sender(blocked_until=NOW + dt.timedelta(minutes=6)), [("sending_blocked", "sender:7", CRITICAL)]),
    ("account blocked", {"portfolios": (PortfolioFacts(3, "Acme", NOW + dt.timedelta(hours=1), "Token."),)},
     [("sending_blocked", "portfolio:3", CRITICAL)]),
    ("one late", deliveries("expired", 1), [("confirmations_expire", "", WARNING)]),
    ("nine late", deliveries("expired", 9), [("confirmations_expire", "", WARNING)]),
    ("ten late", deliveries("expired", 10), [("confirmations_expire", "", CRITICAL)]),
    ("late an hour ago", deliveries("expired", 50, at=ago(minutes=61)), []),
    ("late answers to HELP", deliveries("expired", 5, kind="help"), []),
    ("one given up", deliveries("dead", 1), [("deliveries_dead", "", WARNING)]),
    ("one unknown", deliveries("unknown", 1), [("deliveries_unknown", "", WARNING)]),
    ("template paused", {"templates": (TemplateFacts(4, "confirm (en)", "paused", "It is paused.", ago(days=3)),)},
     [("template_unusable", "template:4", WARNING)]),
    ("unsealed for half an hour", {"unsealed_since": ago(minutes=30)}, []),
    ("unsealed for longer", {"unsealed_since": ago(minutes=31)}, [("ledger_unsealed", "", WARNING)]),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_it_finds(facts: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert names(**facts) == expected


STATUS, QUALITY, ACCOUNT = "message_template_status_update", "message_template_quality_update", "account_update"
NOTICES: list[tuple[str, list[NoticeFacts], list[tuple[str, str]]]] = [
    ("for information", [notice(f"{ACCOUNT}/PARTNER_ADDED", severity="info")], []),
    ("paused", [notice(f"{STATUS}/PAUSED")], [(f"{STATUS}:1:promo", WARNING)]),
    ("paused for weeks", [notice(f"{STATUS}/PAUSED", at=ago(days=29))], [(f"{STATUS}:1:promo", WARNING)]),
    ("unpaused", [notice(f"{STATUS}/PAUSED", at=ago(hours=2)), notice(f"{STATUS}/UNPAUSED", severity="info", over=True)], []),
    ("paused again", [notice(f"{STATUS}/UNPAUSED", severity="info", over=True, at=ago(hours=2)), notice(f"{STATUS}/PAUSED")],
     [(f"{STATUS}:1:promo", WARNING)]),
    ("information ends nothing", [notice(f"{STATUS}/PAUSED", at=ago(hours=2)), notice(f"{STATUS}/NEW", severity="info")],
     [(f"{STATUS}:1:promo", WARNING)]),
    ("another template unpaused", [notice(f"{STATUS}/PAUSED"), notice(f"{STATUS}/UNPAUSED", over=True, subject="other")],
     [(f"{STATUS}:1:promo", WARNING)]),
    ("another account's unpaused", [notice(f"{STATUS}/PAUSED"), notice(f"{STATUS}/UNPAUSED", over=True, portfolio=2)],
     [(f"{STATUS}:1:promo", WARNING)]),
    ("two fields", [notice(f"{STATUS}/PAUSED"), notice(f"{QUALITY}/GREEN", severity="info", over=True)],
     [(f"{STATUS}:1:promo", WARNING)]),
    ("disabled", [notice(f"{ACCOUNT}/DISABLED_UPDATE", severity="critical")], [(f"{ACCOUNT}:1:promo", CRITICAL)]),
    ("reinstated", [notice(f"{ACCOUNT}/DISABLED_UPDATE", severity="critical", at=ago(days=1)),
                    notice(f"{ACCOUNT}/DISABLED_UPDATE", severity="info", over=True)], []),
    ("violation a week ago", [notice(f"{ACCOUNT}/ACCOUNT_VIOLATION", at=ago(days=7))], [(f"{ACCOUNT}:1:promo", WARNING)]),
    ("violation longer ago", [notice(f"{ACCOUNT}/ACCOUNT_VIOLATION", at=ago(days=7, seconds=1))], []),
    ("spam a day ago", [notice("errors/131048", severity="critical", at=ago(days=1))],
     [("errors/131048:1:promo", CRITICAL)]),
    ("spam longer ago", [notice("errors/131048", severity="critical", at=ago(days=1, seconds=1))], []),
    ("two errors", [notice("errors/131048", severity="critical"), notice("errors/368", severity="critical")],
     [("errors/131048:1:promo", CRITICAL), ("errors/368:1:promo", CRITICAL)]),
]  # fmt: skip


@pytest.mark.parametrize(("notices", "expected"), [case[1:] for case in NOTICES], ids=[case[0] for case in NOTICES])
def test_it_goes_by_the_newest_notice(notices: list[NoticeFacts], expected: list[tuple[str, str]]) -> None:
    found = [("provider_notice", *one) for one in expected]

    assert names(notices=tuple(notices)) == found
    assert names(notices=tuple(reversed(notices))) == found


def test_it_puts_the_worst_first() -> None:
    facts = deliveries("dead", 2) | pulse(ago(minutes=9), worker=ago(minutes=9)) | {"failing": (ago(hours=1),)}

    assert [kind for kind, _, _ in names(**facts)] == [
        "worker_silent",
        "inbox_late",
        "inbox_failing",
        "deliveries_dead",
    ]


def test_it_says_since_when_and_where_to_look() -> None:
    facts = dataclasses.replace(CALM, failing=(ago(hours=2), ago(hours=1)))

    (one,) = rules.found(facts, NOW)

    assert one.since == ago(hours=2)
    assert one.link == "/admin/preferences/inboxentry/?state=failing"
    assert one.text.startswith("2 webhooks that may hold opt-outs cannot be read")


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "1 delivery was given up"), (3, "3 deliveries were"), (1000, "1,000 or more deliveries were")],
)
def test_it_counts_in_words(number: int, text: str) -> None:
    (one,) = rules.found(dataclasses.replace(CALM, **deliveries("dead", number)), NOW)

    assert text in one.text


def test_it_names_every_kind_and_how_bad_it_is() -> None:
    assert set(rules.SEVERITIES) == set(Kind)
    assert rules.label("inbox_late") == "Webhooks wait to be read"
    assert rules.label("long_gone") == "Long gone"
    assert rules.rank("critical", "long_gone") > rules.rank("critical", "mail_failing")


def test_it_is_explained_to_those_who_operate_the_desk() -> None:
    text = (Path(__file__).parent.parent / "docs" / "operations.md").read_text()

    rows = re.findall(r"^\| (.+) \(`([a-z_]+)`\) \|", text, re.MULTILINE)
    assert rows.pop(0) == ("alarm", "kind")
    assert sorted(rows) == sorted((str(kind.label), kind.value) for kind in Kind)


_times = st.datetimes(dt.datetime(2026, 10, 1), dt.datetime(2026, 12, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001
_words = st.text(max_size=300)


@given(
    senders=st.lists(st.builds(SenderFacts, id=st.integers(1, 9), name=_words, last_webhook_at=st.none() | _times,
                               unheard_since=st.none() | _times, blocked_until=st.none() | _times,
                               blocked_reason=_words), max_size=3),
    notices=st.lists(st.builds(NoticeFacts, kind=_words, subject=_words, text=_words,
                               severity=st.sampled_from(Severity.values), is_over=st.booleans(), at=_times,
                               portfolio=st.integers(0, 9), sender=st.integers(0, 9), place=_words), max_size=5),
    oldest=st.none() | _times,
)  # fmt: skip
def test_it_makes_findings_that_fit_their_row(senders, notices, oldest) -> None:
    facts = dataclasses.replace(CALM, **pulse(oldest), senders=tuple(senders), notices=tuple(notices))

    for one in rules.found(facts, NOW):
        assert len(one.text) <= 500
        assert len(one.subject) <= 200
        assert len(one.link) <= 300
        assert len(one.kind.value) <= 40
