"""`purge`: let go what retention no longer keeps."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import timezone

from preferences import retention
from preferences.management.base import DeskCommand


class Command(DeskCommand):
    help = "Delete processed webhook bodies that are older than INBOX_RETENTION_DAYS."

    def handle(self, *args: Any, **options: Any) -> None:
        deleted = retention.purge(now=timezone.now())
        self.stdout.write(
            f"Webhooks deleted: {deleted:,}, all read and received more than {settings.INBOX_RETENTION_DAYS} days ago."
        )
