"""The database itself refuses to change the ledger: UPDATE, DELETE and, on PostgreSQL, TRUNCATE.

Also the one row of the ledger head.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

LEDGER = "preferences_consentevent"

POSTGRESQL = (
    """
    CREATE FUNCTION preferences_ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'The ledger is append-only: % is refused.', TG_OP USING ERRCODE = 'insufficient_privilege'; END $$
    """,
    f"""
    CREATE TRIGGER ledger_refuses_changes BEFORE UPDATE OR DELETE ON {LEDGER}
    FOR EACH ROW EXECUTE FUNCTION preferences_ledger_is_append_only()
    """,
    f"""
    CREATE TRIGGER ledger_refuses_truncate BEFORE TRUNCATE ON {LEDGER}
    FOR EACH STATEMENT EXECUTE FUNCTION preferences_ledger_is_append_only()
    """,
)
SQLITE = tuple(
    f"CREATE TRIGGER ledger_refuses_{verb.lower()} BEFORE {verb} ON {LEDGER}"
    f" BEGIN SELECT RAISE(ABORT, 'The ledger is append-only: {verb} is refused.'); END"
    for verb in ("UPDATE", "DELETE")
)


def guard(apps: Any, schema_editor: Any) -> None:
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, None)


def unguard(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION preferences_ledger_is_append_only CASCADE", None)
        return
    for verb in ("update", "delete"):
        schema_editor.execute(f"DROP TRIGGER ledger_refuses_{verb}")


def start_head(apps: Any, schema_editor: Any) -> None:
    apps.get_model("preferences", "LedgerHead").objects.create(id=1, position=0)


class Migration(migrations.Migration):
    dependencies = [("preferences", "0002_partitions")]

    operations = [
        migrations.RunPython(start_head, migrations.RunPython.noop),
        migrations.RunPython(guard, unguard),
    ]
