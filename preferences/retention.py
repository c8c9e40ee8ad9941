"""Lets go what is no longer needed, and makes partitions ahead of time. Never touches the ledger."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from preferences.models import (
    AccessRecord,
    AccountNotice,
    Example,
    Heartbeat,
    InboxEntry,
    InboxState,
    RecordedDecision,
    SentMessage,
    SentText,
    batches,
)

#: How long rows are kept that prove nothing about consent (bodies of webhooks and examples: by settings). Months are counted
#: generously: two years with a leap day, and a year with a month to compare it with.
KEPT = {
    "access records": dt.timedelta(days=731),
    "account notices": dt.timedelta(days=397),
    # A program repeats a request within hours. After that the ledger still knows the act and records it once.
    "answers to decisions": dt.timedelta(days=90),
}

_DAYS_AHEAD = 7
_MONTHS_AHEAD = 2
_BATCH = 1_000
#: A worker that has been silent for this long was taken down on purpose.
_GONE_AFTER = dt.timedelta(days=7)


def prepare_partitions(now: dt.datetime) -> list[str]:
    """Make the inbox's partitions for the coming week and the sent messages' for the coming months (PostgreSQL only).

    Returns the names of the new ones. A range that already has rows in the default partition is left there.
    """
    if not batches.is_postgresql():
        return []
    today = now.astimezone(dt.UTC).date()
    made = []
    for offset in range(_DAYS_AHEAD):
        day = today + dt.timedelta(days=offset)
        made += _make(InboxEntry._meta.db_table, "received_at", f"{day:%Y%m%d}", day, day + dt.timedelta(days=1))
    month = today.replace(day=1)
    for _ in range(_MONTHS_AHEAD + 1):
        following = (month + dt.timedelta(days=32)).replace(day=1)
        made += _make(SentMessage._meta.db_table, "month", f"{month:%Y%m}", month, following)
        month = following
    return made


def _make(table: str, column: str, suffix: str, start: dt.date, end: dt.date) -> list[str]:
    name = f"{table}_{suffix}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [name])
        if cursor.fetchone()[0]:
            return []
        cursor.execute(
            f'SELECT EXISTS (SELECT 1 FROM "{table}_default" WHERE "{column}" >= %s AND "{column}" < %s)',  # noqa: S608
            [start, end],
        )
        if cursor.fetchone()[0]:
            return []
        cursor.execute(
            f'CREATE TABLE IF NOT EXISTS "{name}" PARTITION OF "{table}" '
            f"FOR VALUES FROM ('{start.isoformat()}+00') TO ('{end.isoformat()}+00')"
            if column == "received_at"
            else f'CREATE TABLE IF NOT EXISTS "{name}" PARTITION OF "{table}" '
            f"FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
        )
    return [name]


def purge(*, now: dt.datetime) -> dict[str, int]:
    """Delete what is kept long enough, in batches that lock nothing for long. Returns how many rows of each kind."""
    Heartbeat.objects.filter(seen_at__lt=now - _GONE_AFTER).delete()
    read = InboxEntry.objects.filter(state=InboxState.DONE)
    bodies_for = dt.timedelta(days=settings.INBOX_RETENTION_DAYS)
    examples_for = dt.timedelta(days=settings.EXAMPLE_RETENTION_DAYS)
    sent_texts_for = dt.timedelta(days=settings.SENT_TEXT_RETENTION_DAYS)
    texts_for = dt.timedelta(days=settings.EXAMPLE_TEXT_RETENTION_DAYS)
    return {
        "webhooks": let_go(read.filter(received_at__lt=now - bodies_for)),
        "texts of staff": let_go(SentText.objects.filter(sent_at__lt=now - sent_texts_for)),
        "access records": let_go(AccessRecord.objects.filter(at__lt=now - KEPT["access records"])),
        "account notices": let_go(AccountNotice.objects.filter(at__lt=now - KEPT["account notices"])),
        "answers to decisions": let_go(
            RecordedDecision.objects.filter(created_at__lt=now - KEPT["answers to decisions"])
        ),
        "examples": let_go(Example.objects.filter(created_at__lt=now - examples_for)),
        "texts of examples": _empty_texts(Example.objects.filter(created_at__lt=now - texts_for)),
    }


def let_go(rows: QuerySet[Any]) -> int:
    """Delete all of `rows`, a batch at a time. Returns how many there were."""
    total = 0
    while ids := list(rows.values_list("pk", flat=True)[:_BATCH]):
        total += rows.filter(pk__in=ids).delete()[0]
    return total


def _empty_texts(examples: QuerySet[Example]) -> int:
    """Forget what was written, a batch at a time; the rest of the row still counts. Returns how many texts there were."""
    total = 0
    with_text = examples.exclude(text=b"")
    while ids := list(with_text.values_list("pk", flat=True)[:_BATCH]):
        total += with_text.filter(pk__in=ids).update(text=b"")
    return total
