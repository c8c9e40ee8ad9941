"""`process_inbox`: read what is due, here and now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from preferences import inbox


class Command(BaseCommand):
    help = "Read what is due in the inbox, until it is empty or the time is up."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--seconds", type=float, default=300.0, help="Stop after this long (default 300).")

    def handle(self, *args: Any, **options: Any) -> None:
        outcome = inbox.process(seconds=options["seconds"])
        self.stdout.write(f"Processed {outcome.done} entries.")
        if outcome.failed:
            listed = ", ".join(map(str, outcome.failed[:20]))
            raise CommandError(f"{len(outcome.failed)} entries failed and will be retried: {listed}. See the inbox.")
