"""`rebuild_consents [--check]`: fold the whole ledger again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from preferences import decisions
from preferences.management.base import DeskCommand


class Command(DeskCommand):
    help = "Fold the whole ledger again and repair what is stored; with --check only compare."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--check", action="store_true", help="Change nothing; exit 1 if anything differs.")

    def handle(self, *args: Any, **options: Any) -> None:
        result = decisions.rebuild(is_check=options["check"])
        if not result.wrong:
            self.stdout.write(f"All {result.people} subscribers are what the ledger says.")
            return
        listed = ", ".join(result.wrong[:20])
        if options["check"]:
            raise CommandError(
                f"{len(result.wrong)} of {result.people} subscribers differ from the ledger: {listed}. "
                "Run `rebuild_consents` to repair them."
            )
        self.stdout.write(f"Repaired {len(result.wrong)} of {result.people} subscribers: {listed}.")
