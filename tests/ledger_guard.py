"""Lifts the database's guard over the ledger, for emptying tables between tests and for planting changes in them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_migration = importlib.import_module("preferences.migrations.0003_ledger_append_only")


@contextmanager
def lifted() -> Iterator[None]:
    _each_table(lambda table: [f"ALTER TABLE {table} DISABLE TRIGGER USER"], _drop_triggers)
    try:
        yield
    finally:
        _each_table(lambda table: [f"ALTER TABLE {table} ENABLE TRIGGER USER"], _migration.sqlite)


def _drop_triggers(table):
    return [f"DROP TRIGGER {table}_refuses_{verb}" for verb in ("update", "delete")]


def _each_table(on_postgresql, on_sqlite) -> None:
    with connection.cursor() as cursor:
        for table in _migration.TABLES:
            for statement in (on_postgresql if connection.vendor == "postgresql" else on_sqlite)(table):
                cursor.execute(statement)
