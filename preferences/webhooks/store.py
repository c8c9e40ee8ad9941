"""Stores webhooks durably before they are acknowledged: group commit on PostgreSQL, one INSERT elsewhere.

Threads hand their rows to one writer per process, which commits what has gathered and only then lets them answer. The
writer has its own connection, is started by the first row (so after any fork) and is drained when the process ends.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
from collections import deque
from typing import Any

import psycopg
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from psycopg.types.json import Jsonb

from preferences.inbox import ENVELOPE
from preferences.models import InboxEntry, batches

logger = logging.getLogger(__name__)

Row = tuple[Any, ...]

_BATCH_BYTES = 8 * 1024 * 1024
#: How many rows may wait. Beyond it the door is honest and says 503: the provider tries again.
_WAITING_ROWS = 2_000
_BODY, _SIZE, _HEADERS, _UNKNOWN = (ENVELOPE.index(name) for name in ("body", "size", "headers", "unknown"))


class StoreUnavailableError(Exception):
    """The row is not known to be committed: the provider must send it again."""


def store(row: Row) -> None:
    """Return once `row` is committed and flushed. Raises StoreUnavailableError when that is not known in time."""
    if batches.is_postgresql() and not connection.in_atomic_block:
        _writer().put(row)
        return
    try:
        batches.insert(InboxEntry, ENVELOPE, [row])
    except DatabaseError as error:
        connection.close_if_unusable_or_obsolete()
        raise StoreUnavailableError from error


class _Ticket:
    """One row on its way; the thread that brought it waits for `done`."""

    __slots__ = ("done", "error", "row")

    def __init__(self, row: Row) -> None:
        self.row = row
        self.error: Exception | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def finish(self, error: Exception | None = None) -> None:
        self.error = error
        self.done.release()


class GroupCommit:
    """The writer of one process."""

    def __init__(self, *, wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds
        self._tickets: deque[_Ticket] = deque()
        self._wake = threading.Condition()
        self._is_stopping = False
        self._connection: psycopg.Connection[Any] | None = None
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def put(self, row: Row) -> None:
        ticket = _Ticket(row)
        with self._wake:
            if self._is_stopping or len(self._tickets) >= _WAITING_ROWS:
                raise StoreUnavailableError("Too many webhooks wait for their commit.")
            self._tickets.append(ticket)
            if len(self._tickets) == 1:
                self._wake.notify()
        if not ticket.done.acquire(timeout=self._wait_seconds):
            # It may still be committed; the provider's repetition is then recognised as a duplicate.
            raise StoreUnavailableError("The commit took too long.")
        if ticket.error:
            raise StoreUnavailableError from ticket.error

    def stop(self) -> None:
        """Commit what waits, then end the writer."""
        with self._wake:
            self._is_stopping = True
            self._wake.notify()
        self._thread.join(timeout=self._wait_seconds)

    def _run(self) -> None:
        while tickets := self._gather():
            try:
                self._write([ticket.row for ticket in tickets])
            except Exception as error:  # noqa: BLE001 (the one place of this loop: the writer must outlive any failure)
                self._write_one_by_one(tickets, error)
                continue
            for ticket in tickets:
                ticket.finish()
        self._disconnect()

    def _gather(self) -> list[_Ticket]:
        """Wait for rows and take up to a batch; empty only when stopping and nothing is left."""
        with self._wake:
            while not self._tickets and not self._is_stopping:
                self._wake.wait()
            tickets: list[_Ticket] = []
            size = 0
            while self._tickets and (not tickets or size + self._tickets[0].row[_SIZE] <= _BATCH_BYTES):
                ticket = self._tickets.popleft()
                size += ticket.row[_SIZE]
                tickets.append(ticket)
            return tickets

    def _write_one_by_one(self, tickets: list[_Ticket], error: Exception) -> None:
        """One bad row must not fail its batch; with the database gone all of them fail at once."""
        if self._connection is None or self._connection.closed or self._connection.broken or len(tickets) == 1:
            logger.warning(
                "A batch of webhooks was not stored.", extra={"rows": len(tickets), "error": type(error).__name__}
            )
            self._disconnect()
            for ticket in tickets:
                ticket.finish(error)
            return
        for ticket in tickets:
            try:
                self._write([ticket.row])
            except Exception as failure:  # noqa: BLE001 (as above: this row fails, the others go on)
                ticket.finish(failure)
            else:
                ticket.finish()

    def _write(self, rows: list[Row]) -> None:
        cursor = self._connect().cursor(binary=True)
        cursor.execute(_insert_sql(), [_values(column, rows) for column in range(len(ENVELOPE))], prepare=True)

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            parameters = {**connection.get_connection_params(), "connect_timeout": max(2, int(self._wait_seconds))}
            for name in ("context", "cursor_factory", "prepare_threshold", "pool", "server_side_binding"):
                parameters.pop(name, None)
            self._connection = psycopg.connect(**parameters, autocommit=True)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


def _insert_sql() -> str:
    table = InboxEntry._meta.db_table
    names = ", ".join(f'"{name}"' for name in ENVELOPE)
    kinds = (
        "text", "text", "bytea", "int4", "bytea", "jsonb", "timestamptz", "text", "int2", "timestamptz", "text", "jsonb",
    )  # fmt: skip
    arrays = ", ".join(f"%b::{kind}[]" for kind in kinds)
    return f'INSERT INTO "{table}" ({names}) SELECT * FROM unnest({arrays})'  # noqa: S608 (names of our own columns)


def _values(column: int, rows: list[Row]) -> list[Any]:
    if column in {_HEADERS, _UNKNOWN}:
        return [Jsonb(row[column]) for row in rows]
    return [row[column] for row in rows]


_lock = threading.Lock()
_state: dict[str, Any] = {"pid": 0, "writer": None}


def drain() -> None:
    """Commit what waits and end this process's writer; the next row starts a new one."""
    with _lock:
        writer = _state["writer"] if _state["pid"] == os.getpid() else None
        _state.update(pid=0, writer=None)
    if writer:
        writer.stop()


def _writer() -> GroupCommit:
    """The writer of this process, started on first use and anew after a fork."""
    if _state["pid"] == os.getpid():
        return _state["writer"]  # type: ignore[no-any-return]
    with _lock:
        if _state["pid"] != os.getpid():
            writer = GroupCommit(wait_seconds=settings.COMMIT_WAIT_SECONDS)
            _state.update(writer=writer)
            _state.update(pid=os.getpid())
    return _state["writer"]  # type: ignore[no-any-return]


atexit.register(drain)
