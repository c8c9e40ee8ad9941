"""`manage.py simulate_graph`: the demo's WhatsApp. Takes what the desk sends and tells it what became of it."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from preferences.simulation.graph_api import Simulator
from preferences.simulation.graph_world import World


class Command(BaseCommand):
    help = "Play WhatsApp's Graph API for the demo (`serve` starts it). Sends nothing to anybody."
    requires_system_checks: list[str] = []  # the same as those of the desk beside it

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, required=True, help="Where to listen, on 127.0.0.1.")
        parser.add_argument("--callback", required=True, help="The desk's webhook address, for statuses.")

    def handle(self, *, port: int, callback: str, **_: Any) -> None:
        if not settings.WHATSAPP_APP_SECRET:
            raise CommandError("WHATSAPP_APP_SECRET is not set, so no status can be signed.")
        is_over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: is_over.set())
        with Simulator(
            callback_url=callback,
            app_secret=settings.WHATSAPP_APP_SECRET[0],
            world=World(hears_everybody=True),
            reaches=("sent", "delivered", "read"),
            port=port,
        ):
            is_over.wait()
