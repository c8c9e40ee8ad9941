"""`manage.py serve`: the whole product on one port, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from argparse import ArgumentParser
from typing import Any, NamedTuple

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.urls import reverse

from optout_admin import first_start, processes
from preferences.status import DatabaseUnavailableError, missing_migrations

_START_SECONDS = 60.0


class Command(BaseCommand):
    help = "Serve the desk: the web server and, unless --web-only, everything that works in the background."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on (default: this machine only).")
        parser.add_argument("--web-only", action="store_true", help="Start no background workers.")
        parser.add_argument("--migrate", action="store_true", help="Bring the database up to date first.")

    def handle(self, *, host: str, port: int, web_only: bool, migrate: bool, **_: Any) -> None:
        public_url = _public_url(port)
        environment = {**os.environ, "PUBLIC_URL": public_url}
        simulated = _simulated_whatsapp(host, port) if settings.DEMO and not web_only else None
        if simulated:
            environment["WHATSAPP_API_URL"] = simulated.url
        with processes.Supervisor(environment=environment, say=self._say) as supervisor:
            _refuse_taken_port(host, port)
            _prepare_static_folder()
            _prepare_database(migrate=migrate)
            introduction = _introduction(public_url)
            connections.close_all()
            for program in [processes.web(host, port), *([] if web_only else processes.background())]:
                supervisor.start(program)
            if simulated:
                supervisor.start(simulated.program)
            if supervisor.wait_until(lambda: processes.answers(host, port), seconds=_START_SECONDS):
                self._say(f"Opt-out desk is ready: http://{_shown(host)}:{port}/admin/")
                for line in introduction:
                    self._say(line)
                if settings.DEMO:
                    supervisor.start(processes.manage("Adding the sample data", "seed_demo"))
            code = supervisor.wait()
        if code:
            sys.exit(code)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


class _Simulated(NamedTuple):
    """The demo's WhatsApp: where its Graph API listens, and the process that plays it."""

    url: str
    program: processes.Program


def _simulated_whatsapp(host: str, port: int) -> _Simulated:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    callback = f"http://{_shown(host)}:{port}{reverse('whatsapp-webhook')}"
    arguments = ("simulate_graph", "--port", str(free), "--callback", callback)
    return _Simulated(f"http://127.0.0.1:{free}", processes.manage("The simulated WhatsApp", *arguments))


def _public_url(port: int) -> str:
    """PUBLIC_URL, which follows the port where nobody has set it."""
    if "PUBLIC_URL" in os.environ or "PUBLIC_URL_FILE" in os.environ:
        return str(settings.PUBLIC_URL)
    return f"http://127.0.0.1:{port}"


def _shown(host: str) -> str:
    if host in {"0.0.0.0", "::"}:  # noqa: S104 (only compared)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _refuse_taken_port(host: str, port: int) -> None:
    """The web server would share the port with another process that listens on it, so look first."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {host}, port {port} ({error.strerror}). Choose another port: `serve --port 8001`, "
                "or `PORT=8001 make run`."
            ) from error


def _prepare_static_folder() -> None:
    """Empty unless `collectstatic` filled it; the web process only complains when it is not there."""
    with contextlib.suppress(OSError):
        settings.STATIC_ROOT.mkdir(exist_ok=True)


def _prepare_database(*, migrate: bool) -> None:
    """Bring the embedded database up to date; a production one only when asked to, for its tables may belong to another
    role. Raises CommandError when it does not answer or is behind."""
    try:
        missing = missing_migrations()
    except DatabaseUnavailableError as error:
        raise CommandError(f"The database does not answer: look at DATABASE_URL. {error}") from error
    if not missing:
        return
    if not (settings.EMBEDDED or migrate):
        raise CommandError(
            f"The database is behind by {len(missing)} migrations, the first is {missing[0]}. Run "
            "`manage.py migrate` as the role that owns the tables, or start with `serve --migrate`."
        )
    call_command("migrate", interactive=False, verbosity=0)


def _introduction(public_url: str) -> list[str]:
    """What the person at the terminal needs to come in."""
    if settings.DEMO:
        password = first_start.demo_password(settings.VAR_DIR / "demo-login.txt")
        known = f"password {password}" if password else "with the password you gave it"
        return [f"Sign in as {first_start.DEMO_LOGIN}, {known}. The demo shows sample data; its WhatsApp is simulated."]
    if first_start.has_owner():
        return []
    if settings.EMBEDDED:
        link = f"{public_url}/setup/{first_start.setup_token()}/"
        return [f"Nobody owns this desk yet. Set it up here, once, within 24 hours: {link}"]
    return ["Nobody can sign in yet: run `manage.py createsuperuser`."]
