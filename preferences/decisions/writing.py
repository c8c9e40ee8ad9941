"""Writes what a batch decided: events and evidence, the rows they fold to, and what is to be told."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection

from preferences.decisions import chain
from preferences.decisions.fold import Folded
from preferences.encryption import seal
from preferences.models import (
    Consent,
    ConsentEvent,
    Evidence,
    Hold,
    LedgerHead,
    Pause,
    PlatformStop,
    Provider,
    Scope,
    batches,
)

#: Positions of events that have none yet, while the head is not locked: far above any real one.
PROVISIONAL = 1 << 62

_SCOPE = Scope._fields


def take_positions(count: int) -> int:
    """The first of `count` positions. The head's lock is the last one a transaction takes: what is committed later has
    later positions, and an aborted transaction leaves no gap."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {LedgerHead._meta.db_table} SET position = position + %s WHERE id = 1 RETURNING position",  # noqa: S608
            [count],
        )
        row = cursor.fetchone()
    if row is None:
        raise RuntimeError("The ledger has no head row: the database was not migrated, or was emptied by hand.")
    return int(row[0]) - count + 1


def commit_to(content: bytes) -> tuple[bytes, bytes]:
    """A fresh salt and SHA-256(salt + content), which proves the content without telling it."""
    salt = os.urandom(16)
    return salt, hashlib.sha256(salt + content).digest()


def append(rows: list[tuple[Any, ...]], evidence: list[tuple[int, bytes, bytes]]) -> None:
    """Append ledger rows (in the order of chain.FIELDS) and what proves them (position, salt, content)."""
    batches.insert(ConsentEvent, chain.FIELDS, rows)
    sealed = [(position, salt, seal("evidence", content)) for position, salt, content in evidence]
    batches.insert(Evidence, ["position", "salt", "content"], sealed)


def write_states(
    before: dict[int, Folded], strays: dict[int, Folded], after: dict[int, Folded], real: Callable[[int], int]
) -> int:
    """Bring the stored rows of people from `before` to `after` (which name the same people); `real` turns provisional
    positions into real ones.

    Rows that still stand at a joined member (`strays`) go. Returns how many rows were written or deleted.
    """
    tables = (_consent_rows, _stop_rows, _hold_rows, _pause_rows)
    models = (Consent, PlatformStop, Hold, Pause)
    keys = (
        ("subscriber", *_SCOPE), ("subscriber", "sender"), ("subscriber", "reply"), ("subscriber", *_SCOPE),
    )  # fmt: skip
    fields = (
        ("subscriber", *_SCOPE, "status", "effective_at", "event", "version"),
        ("subscriber", "sender", "provider", "portfolio", "since", "event"),
        ("subscriber", "reply", *_SCOPE, "since", "event"),
        ("subscriber", *_SCOPE, "until", "event"),
    )
    written = 0
    for model, rows_of, key, columns in zip(models, tables, keys, fields, strict=True):
        width = len(key)
        old = {row[:width]: row for row in rows_of(before, real)}
        new = {row[:width]: row for row in rows_of(after, real)}
        lost = [row[:width] for row in rows_of(strays, real)]
        changed = sorted(row for row_key, row in new.items() if old.get(row_key) != row)
        gone = sorted([*(row_key for row_key in old if row_key not in new), *lost])
        batches.delete(model, key=key, rows=gone)
        batches.upsert(model, columns, changed, unique=key)
        written += len(changed) + len(gone)
    return written


def _consent_rows(states: dict[int, Folded], real: Callable[[int], int]) -> Iterator[tuple[Any, ...]]:
    for pk, state in states.items():
        for row in state.consents.values():
            yield pk, *row.scope, row.status, row.effective_at, real(row.event), real(row.version)


def _stop_rows(states: dict[int, Folded], real: Callable[[int], int]) -> Iterator[tuple[Any, ...]]:
    for pk, state in states.items():
        for row in state.platform_stops.values():
            yield pk, row.sender, Provider.WHATSAPP, row.portfolio, row.since, real(row.event)


def _hold_rows(states: dict[int, Folded], real: Callable[[int], int]) -> Iterator[tuple[Any, ...]]:
    for pk, state in states.items():
        for row in state.holds.values():
            yield pk, row.reply, *row.scope, row.since, real(row.event)


def _pause_rows(states: dict[int, Folded], real: Callable[[int], int]) -> Iterator[tuple[Any, ...]]:
    for pk, state in states.items():
        for row in state.pauses.values():
            yield pk, *row.scope, row.until, real(row.event)
