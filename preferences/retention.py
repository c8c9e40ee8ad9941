"""Lets go what is no longer needed, and makes partitions ahead of time. Never touches the ledger."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import connection

from preferences.models import Heartbeat, InboxEntry, InboxState, SentMessage, batches

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


def purge(*, now: dt.datetime) -> int:
    """Delete bodies that are done and older than INBOX_RETENTION_DAYS, in batches that lock nothing for long."""
    Heartbeat.objects.filter(seen_at__lt=now - _GONE_AFTER).delete()
    limit = now - dt.timedelta(days=settings.INBOX_RETENTION_DAYS)
    total = 0
    while True:
        old = InboxEntry.objects.filter(state=InboxState.DONE, received_at__lt=limit).order_by("received_at")
        ids = list(old.values_list("pk", flat=True)[:_BATCH])
        if not ids:
            return total
        total += InboxEntry.objects.filter(pk__in=ids, received_at__lt=limit).delete()[0]
