"""`seed_demo`: fill the demo database with a month of sample data."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from preferences import demo
from preferences.management.base import DeskCommand


class Command(DeskCommand):
    help = "Fill the demo database with sample data. Does nothing if it has some; refuses any other database."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("Sample data goes into the demo database only: this is not one (DEMO is off).")
        demo.prepare()
        if demo.is_seeded():
            self.stdout.write("The demo has its sample data already.")
            return
        self.stdout.write(f"Sent {demo.seed(timezone.now())} sample webhooks through the door.")
