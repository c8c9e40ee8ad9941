"""`verify_ledger`: has anybody changed the past?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from preferences import seals
from preferences.management.base import DeskCommand


class Command(DeskCommand):
    help = "Check every hash, chain, position and seal of the ledger."

    def handle(self, *args: Any, **options: Any) -> None:
        result = seals.verify()
        for problem in result.problems[:50]:
            self.stderr.write(problem)
        if not result.is_sound:
            raise CommandError(
                f"The ledger does not verify: {len(result.problems)} problems in {result.events} events."
            )
        sealed = "1 seal" if result.seals == 1 else f"{result.seals:,} seals"
        self.stdout.write(f"The ledger verifies: {result.events:,} events, {sealed}.")
        if result.tail:
            self.stdout.write(
                f"The last {result.tail} events are not sealed yet: their chain holds, but nothing kept elsewhere "
                "vouches for them. Run `seal_ledger`."
            )
