"""`deliver_outbox`: tell what is due, here and now."""

from __future__ import annotations

from typing import Any

from preferences import outbox
from preferences.management.base import DeskCommand


class Command(DeskCommand):
    help = "Send what is due in the outbox, until it is empty or the time is up."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--seconds", type=float, default=300.0, help="Stop after this long (default 300).")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Deliveries settled: {outbox.deliver(seconds=options['seconds']):,}.")
