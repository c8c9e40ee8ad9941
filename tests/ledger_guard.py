"""Lifts the database's guard over the ledger, for emptying tables between tests and for planting changes in them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_migration = importlib.import_module("preferences.migrations.0003_ledger_append_only")
_TABLE = _migration.LEDGER


@contextmanager
def lifted() -> Iterator[None]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"ALTER TABLE {_TABLE} DISABLE TRIGGER USER")
        else:
            for verb in ("update", "delete"):
                cursor.execute(f"DROP TRIGGER ledger_refuses_{verb}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(f"ALTER TABLE {_TABLE} ENABLE TRIGGER USER")
            else:
                for statement in _migration.SQLITE:
                    cursor.execute(statement)
