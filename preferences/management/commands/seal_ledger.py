"""`seal_ledger`: seal what is new."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from preferences import seals
from preferences.management.base import DeskCommand


class Command(DeskCommand):
    help = "Seal the events since the last seal. Keep the printed digests elsewhere: they prove the ledger later."

    def handle(self, *args: Any, **options: Any) -> None:
        made = seals.seal(now=timezone.now())
        if not made:
            self.stdout.write("Nothing to seal: every event is sealed.")
        for seal in made:
            digest = bytes(seal.digest).hex()
            self.stdout.write(f"Seal {seal.number}: events {seal.from_position} to {seal.to_position}, digest {digest}")
