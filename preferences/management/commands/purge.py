"""`purge`: let go what retention no longer keeps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils import timezone

from preferences import retention
from preferences.management.base import DeskCommand


class Command(DeskCommand):
    help = "Delete what has been kept long enough (docs/operations.md). The ledger is never touched."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        deleted = retention.purge(now=now)
        webhooks = deleted.pop("webhooks")
        self.stdout.write(
            f"Webhooks deleted: {webhooks:,}, all read and received more than {settings.INBOX_RETENTION_DAYS} days ago."
        )
        for what, number in {**deleted, **self.more(now)}.items():
            self.stdout.write(f"{what.capitalize()} deleted: {number:,}.")

    def more(self, now: dt.datetime) -> Mapping[str, int]:
        """What other apps let go, by kind."""
        return {}
