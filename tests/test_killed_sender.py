"""A sender that is killed in the middle of a call, as a real process: at most one message, and the truth afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from preferences.simulation.graph_api import Simulator
from preferences.simulation.graph_world import TOKEN, Fault
from tests import servers

pytestmark = pytest.mark.processes

_PROLOGUE = """
import datetime as dt, sys, django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone
from preferences import demo, inbox, outbox, simulation
from preferences.models import Delivery
from preferences.signing import sign_meta
from preferences.webhooks import whatsapp
now = timezone.now()

def receive(body):
    whatsapp.accept(body, signature=sign_meta(body, settings.WHATSAPP_APP_SECRET[0]), headers={}, now=now)
    inbox.process()
"""
_STOP = """
call_command("migrate", verbosity=0)
demo.prepare()
receive(simulation.text(simulation.british(1), "STOP", now))
"""
_LATER = """
outbox.deliver(now=now + dt.timedelta(minutes=6))
before = Delivery.objects.get().state
for line in sys.stdin:
    receive(line.strip().encode())
outbox.deliver(now=now + dt.timedelta(minutes=7))
print(before, Delivery.objects.get().state)
"""


class Desk:
    """An embedded desk of its own that sends to the simulator."""

    def __init__(self, folder: Path, url: str) -> None:
        own = {"DJANGO_SETTINGS_MODULE": "optout_admin.settings", "VAR_DIR": str(folder), "DEMO": "0"}
        own |= {"WHATSAPP_API_URL": url, "WHATSAPP_ACCESS_TOKEN": TOKEN}
        self._environment = {**os.environ, **own}
        self._environment.pop("DATABASE_URL", None)
        self._environment.pop("CELERY_BROKER_URL", None)

    def run(self, script: str, *, given: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-c", _PROLOGUE + script],
            cwd=servers.ROOT, env=self._environment, input=given, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start_delivering(self) -> servers.Process:
        command = [sys.executable, "manage.py", "deliver_outbox"]
        return servers.start_process(command, cwd=servers.ROOT, env=self._environment, stdout=subprocess.DEVNULL)


def test_it_sends_once_and_learns_the_truth(tmp_path):
    with Simulator() as simulator:
        simulator.hear("+447700900001")
        simulator.arm(Fault.HANG)
        desk = Desk(tmp_path, simulator.url)
        desk.run(_STOP)
        sender = desk.start_delivering()
        servers.wait_for(lambda: simulator.accepted, "WhatsApp accepts the message")

        sender.send_signal(signal.SIGKILL)
        sender.wait()
        states = desk.run(_LATER, given="\n".join(body.decode() for body in simulator.bodies))

        assert states == "unknown sent"
        assert len(simulator.accepted) == 1
