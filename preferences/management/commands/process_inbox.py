"""`process_inbox`: read what is due, here and now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from preferences import inbox
from preferences.management.base import DeskCommand


class Command(DeskCommand):
    help = "Read what is due in the inbox, until it is empty or the time is up."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--seconds", type=float, default=300.0, help="Stop after this long (default 300).")

    def handle(self, *args: Any, **options: Any) -> None:
        outcome = inbox.process(seconds=options["seconds"])
        self.stdout.write(f"Webhooks processed: {outcome.done:,}.")
        if outcome.failed:
            listed = ", ".join(map(str, outcome.failed[:20]))
            raise CommandError(
                f"Webhooks that failed and will be retried: {len(outcome.failed):,} ({listed}). See the inbox."
            )
