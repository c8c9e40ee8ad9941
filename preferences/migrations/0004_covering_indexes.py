"""Answering "may we send?" reads ten thousand people at once: on PostgreSQL the two indexes that find them hold the answer.

Plain indexes on SQLite, which has no covering ones. Names and uniqueness stay as they were.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

IDENTITY = "preferences_identity"
CONSENT = "preferences_consent"
KEY = "(match_key, scheme, scope)"
SCOPE = "(subscriber_id, controller, brand, channel, topic)"


def _replace(schema_editor: Any, identity_extra: str, consent_extra: str) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    name = "consent_is_unique_per_scope"
    for statement in (
        "DROP INDEX live_identity_is_unique",
        f"CREATE UNIQUE INDEX live_identity_is_unique ON {IDENTITY} {KEY} {identity_extra} WHERE ended_at IS NULL",
        f"ALTER TABLE {CONSENT} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} UNIQUE {SCOPE} {consent_extra}",
    ):
        schema_editor.execute(statement, None)


def cover(apps: Any, schema_editor: Any) -> None:
    _replace(schema_editor, "INCLUDE (root_id)", "INCLUDE (status, effective_at, version)")


def uncover(apps: Any, schema_editor: Any) -> None:
    _replace(schema_editor, "", "")


class Migration(migrations.Migration):
    dependencies = [("preferences", "0003_ledger_append_only")]

    operations = [migrations.RunPython(cover, uncover)]
