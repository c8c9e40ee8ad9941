"""`purge`: let go what retention no longer keeps."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from preferences import retention


class Command(BaseCommand):
    help = "Delete processed webhook bodies that are older than INBOX_RETENTION_DAYS."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Deleted {retention.purge(now=timezone.now())} inbox entries.")
