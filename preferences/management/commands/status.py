"""`manage.py status`: how the desk is doing, in words. Exit code 1 when something needs somebody."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection
from django.utils import timezone

from preferences.status import (
    RATE_WINDOW,
    DatabaseUnavailableError,
    Facts,
    count_in_words,
    gather,
    in_words,
    missing_migrations,
)

#: The lines to print, each with its name, and what needs doing.
Told = tuple[list[tuple[str, str]], list[str]]


class Command(BaseCommand):
    help = "Say in words how the desk is doing and what needs doing. Exit code 1 when something needs doing."
    requires_system_checks = []

    def handle(self, **_: Any) -> None:
        lines, to_do = _report(timezone.now(), self.more)
        for name, text in lines:
            self.stdout.write(f"{name:<14}{text}")
        self.stdout.write("")
        if not to_do:
            self.stdout.write("Nothing needs doing.")
            return
        self.stdout.write("What needs doing:")
        for number, sentence in enumerate(to_do, start=1):
            self.stdout.write(f"{number}. {sentence}")
        self.stdout.flush()
        sys.exit(1)

    def more(self, now: dt.datetime) -> Told:
        """What is told beside, once the database is known to answer. `optout_admin` adds what the reports know."""
        return [], []


def _report(now: dt.datetime, more: Callable[[dt.datetime], Told]) -> Told:
    """The lines to print and what needs doing; only the database's own when it cannot be asked more."""
    vendor = connection.vendor.replace("postgresql", "PostgreSQL").replace("sqlite", "SQLite")
    try:
        missing = missing_migrations()
    except DatabaseUnavailableError as error:
        return [("Database", f"{vendor} does not answer ({error})")], ["Start the database, or mend DATABASE_URL."]
    lines = [("Database", f"{vendor} answers.")]
    if missing:
        lines.append(("Migrations", f"{len(missing)} are missing, the first is {missing[0]}."))
        return lines, ["Run `manage.py migrate`."]
    facts = gather(now)
    more_lines, more_to_do = more(now)
    return [*lines, ("Migrations", "All applied."), *_lines(facts), *more_lines], [*facts.to_do(), *more_to_do]


def _lines(facts: Facts) -> list[tuple[str, str]]:
    worker = facts.pulse.heartbeat_age
    return [
        *_inbox(facts),
        ("Outbox", _outbox(facts)),
        ("Ledger", _ledger(facts)),
        ("Broker", "Answers, or none is needed." if facts.pulse.is_broker_reachable else "Does not answer."),
        ("Worker", "Never seen." if worker is None else f"Last seen {in_words(worker)} ago."),
        ("Phones", _phones(facts)),
    ]


def _inbox(facts: Facts) -> list[tuple[str, str]]:
    lines = []
    for lane, one in facts.lanes.items():
        text = f"{count_in_words(one.waiting, 'webhook')} unread"
        text += f", the oldest for {in_words(one.oldest)}" if one.waiting else ""
        text += f"; {count_in_words(one.failing, 'webhook')} failing" if one.failing else ""
        lines.append((f"Inbox {lane}", f"{text}."))
    speed = "" if facts.median_seconds is None else f", half of them within {facts.median_seconds:.1f} seconds"
    window = in_words(RATE_WINDOW)
    lines.append(("Rate", f"{facts.received} webhooks with messages in the last {window}, {facts.read} read{speed}."))
    return lines


def _outbox(facts: Facts) -> str:
    waiting = ", ".join(f"{number} {state}" for state, number in facts.unfinished.items() if number)
    failed = ", ".join(f"{number} {state}" for state, number in facts.failed.items() if number)
    return f"{waiting or 'Nothing waits'}; in the last day {failed or 'nothing failed'}."


def _ledger(facts: Facts) -> str:
    if not facts.position:
        return "Empty."
    seal = "never sealed" if facts.seal_age is None else (
        f"sealed up to {facts.sealed_position:,}, {in_words(facts.seal_age)} ago"
    )  # fmt: skip
    return f"Position {facts.position:,}, {seal}."


def _phones(facts: Facts) -> str:
    if not facts.unknown_phones:
        return "The phone number of everybody who opted out lately is known."
    people = count_in_words(facts.unknown_phones, "person").replace("persons", "people")
    return f"{people} opted out under a WhatsApp user id alone: a sender that knows only numbers cannot leave them out."
