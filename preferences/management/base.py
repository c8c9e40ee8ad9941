"""What our commands share: without a usable database they say in one sentence what to do, and no traceback."""

from __future__ import annotations

import argparse
import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from preferences.status import DatabaseUnavailableError, missing_migrations


class DeskCommand(BaseCommand):
    """A command that works on the desk's own tables."""

    #: A command that only reads what every version has, so that a new version can run it before it goes live.
    works_before_migrating = False

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            missing = missing_migrations()
        except DatabaseUnavailableError as error:
            raise CommandError(f"The database does not answer ({error}) Start it, or mend DATABASE_URL.") from error
        if missing and not self.works_before_migrating:
            raise CommandError("The database is not up to date. Run `manage.py migrate` first.")
        return super().execute(*args, **options)


def moment(text: str) -> dt.datetime:
    """An argument that is a day or a time, in UTC unless it says otherwise."""
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"“{text}” is no date. Write it like 2026-11-22.") from error
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
