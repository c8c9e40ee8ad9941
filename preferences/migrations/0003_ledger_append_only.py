"""The database itself refuses to change the ledger and its seals: UPDATE, DELETE and, on PostgreSQL, TRUNCATE.

Also the one row of the ledger head.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

LEDGER, SEALS = TABLES = ("preferences_consentevent", "preferences_seal")

FUNCTION = """
CREATE FUNCTION preferences_ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'The ledger is append-only: % is refused.', TG_OP USING ERRCODE = 'insufficient_privilege'; END $$
"""


def postgresql(table: str) -> list[str]:
    call = "EXECUTE FUNCTION preferences_ledger_is_append_only()"
    changes = f"CREATE TRIGGER ledger_refuses_changes BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {call}"
    truncate = f"CREATE TRIGGER ledger_refuses_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {call}"
    return [changes, truncate]


def sqlite(table: str) -> list[str]:
    return [
        f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'The ledger is append-only: {verb} is refused.'); END"
        for verb in ("UPDATE", "DELETE")
    ]


def guard(apps: Any, schema_editor: Any) -> None:
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    if is_postgresql:
        schema_editor.execute(FUNCTION, None)
    for table in TABLES:
        for statement in postgresql(table) if is_postgresql else sqlite(table):
            schema_editor.execute(statement, None)


def unguard(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION preferences_ledger_is_append_only CASCADE", None)
        return
    for table in TABLES:
        for verb in ("update", "delete"):
            schema_editor.execute(f"DROP TRIGGER {table}_refuses_{verb}", None)


def start_head(apps: Any, schema_editor: Any) -> None:
    apps.get_model("preferences", "LedgerHead").objects.create(id=1, position=0)


class Migration(migrations.Migration):
    dependencies = [("preferences", "0002_partitions")]

    operations = [
        migrations.RunPython(start_head, migrations.RunPython.noop),
        migrations.RunPython(guard, unguard),
    ]
