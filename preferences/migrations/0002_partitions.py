"""Inbox entries by day and sent messages by month on PostgreSQL, each with a default partition; plain on SQLite.

The tables are new and empty here, so they are made anew. `retention` makes partitions ahead and drops old ones.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

STATEMENTS = (
    "ALTER TABLE preferences_inboxentry RENAME TO preferences_inboxentry_plain",
    """CREATE TABLE preferences_inboxentry
    (LIKE preferences_inboxentry_plain INCLUDING DEFAULTS INCLUDING IDENTITY) PARTITION BY RANGE (received_at)""",
    "ALTER TABLE preferences_inboxentry ADD PRIMARY KEY (id, received_at)",
    "DROP TABLE preferences_inboxentry_plain",
    "CREATE INDEX inbox_due ON preferences_inboxentry (lane, next_attempt_at, id) WHERE NOT (state = 'done')",
    "CREATE INDEX inbox_failing ON preferences_inboxentry (received_at) WHERE state = 'failing'",
    "CREATE TABLE preferences_inboxentry_default PARTITION OF preferences_inboxentry DEFAULT",
    "ALTER TABLE preferences_sentmessage RENAME TO preferences_sentmessage_plain",
    """CREATE TABLE preferences_sentmessage
    (LIKE preferences_sentmessage_plain INCLUDING DEFAULTS) PARTITION BY RANGE (month)""",
    "ALTER TABLE preferences_sentmessage ADD PRIMARY KEY (digest, month)",
    "DROP TABLE preferences_sentmessage_plain",
    "CREATE TABLE preferences_sentmessage_default PARTITION OF preferences_sentmessage DEFAULT",
)


def partition(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    for statement in STATEMENTS:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("preferences", "0001_initial")]

    operations = [migrations.RunPython(partition, migrations.RunPython.noop, elidable=False)]
