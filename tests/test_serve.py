"""The real `serve`: it answers, stops cleanly, and never leaves a process behind."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = [
    pytest.mark.processes,
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in /proc"),
]


def wait_for(is_true: Callable[[], object], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


class Desk:
    """One `serve` with a folder of its own, by which all its processes are found."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.folder = folder
        self.port = _free_port()
        self._output = folder / "output.txt"
        kept = {name: value for name, value in os.environ.items() if name not in {"PUBLIC_URL", "DATABASE_URL"}}
        kept |= {"VAR_DIR": str(folder), "DEMO": "0", "CELERY_BROKER_URL": "memory://", **environment}
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--port", str(self.port), *arguments],
                cwd=ROOT, env=kept, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    @property
    def output(self) -> str:
        return self._output.read_text()

    def processes(self) -> dict[int, str]:
        """Every living process that was given this folder, with its command line."""
        mark = f"VAR_DIR={self.folder}".encode()
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
        return {pid: command for pid, command in found.items() if command}

    def pid_of(self, word: str) -> int:
        return min(pid for pid, command in self.processes().items() if word in command)

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def wait_until_ready(self) -> None:
        wait_for(lambda: "is ready" in self.output or self.process.poll() is not None)
        assert self.process.poll() is None, self.output


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    desks: list[Desk] = []

    def start(*arguments: str, **environment: str) -> Desk:
        folder = tmp_path / str(len(desks))
        folder.mkdir()
        desks.append(Desk(folder, *arguments, **environment))
        return desks[-1]

    yield start
    for desk in desks:
        for pid in desk.processes():
            os.kill(pid, signal.SIGKILL)
        desk.process.wait()


def test_it_serves_and_stops_within_seconds_of_sigterm(serve):
    desk = serve()
    desk.wait_until_ready()
    assert f"Opt-out desk is ready: http://127.0.0.1:{desk.port}/admin/" in desk.output
    assert desk.get("/healthz") == 200
    assert desk.get("/readyz") == 200

    desk.process.send_signal(signal.SIGTERM)

    assert desk.process.wait(timeout=10) == 0
    assert desk.processes() == {}


def test_it_sweeps_the_tables_in_the_background(serve):
    """The worker's schedule starts at once: readiness hears its heartbeat, long before the 15 seconds between two."""
    desk = serve()
    desk.wait_until_ready()

    wait_for(lambda: b"optout_worker_heartbeat_age_seconds " in _body(desk.port, "/metrics"), seconds=12)


def _body(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    return connection.getresponse().read()


@pytest.mark.parametrize("victim", ["celery", "granian"])
def test_it_ends_with_an_error_when_a_process_dies(serve, victim):
    desk = serve()
    desk.wait_until_ready()

    os.kill(desk.pid_of(victim), signal.SIGKILL)

    assert desk.process.wait(timeout=20) == 1
    assert "ended (signal 9)" in desk.output
    assert desk.processes() == {}


def test_it_leaves_nothing_behind_when_it_is_killed_itself(serve):
    desk = serve()
    desk.wait_until_ready()

    desk.process.kill()

    wait_for(lambda: not desk.processes(), seconds=20)


def test_it_stops_while_it_is_still_starting(serve):
    desk = serve()
    wait_for(lambda: any("granian" in command for command in desk.processes().values()))

    desk.process.send_signal(signal.SIGINT)

    assert desk.process.wait(timeout=15) == 0
    assert desk.processes() == {}


def test_it_starts_no_worker_for_web_only(serve):
    desk = serve("--web-only")
    desk.wait_until_ready()

    assert not any("celery" in command for command in desk.processes().values())


def test_it_refuses_a_port_that_is_taken(serve):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        desk = serve("--port", str(other.getsockname()[1]))

        assert desk.process.wait(timeout=30) == 1
    assert "Choose another port" in desk.output


def test_it_refuses_a_production_database_that_is_behind(serve, tmp_path):
    desk = serve(DATABASE_URL=f"sqlite:///{tmp_path}/behind.sqlite3")

    assert desk.process.wait(timeout=30) == 1
    assert "The database is behind by" in desk.output
    assert "serve --migrate" in desk.output


def test_it_refuses_production_without_secrets(serve, tmp_path):
    desk = serve(DATABASE_URL=f"sqlite:///{tmp_path}/behind.sqlite3", WHATSAPP_APP_SECRET="")

    assert desk.process.wait(timeout=30) == 1
    assert "WHATSAPP_APP_SECRET is not set." in desk.output


def test_it_prints_the_login_of_a_new_demo_and_keeps_it(serve):
    desk = serve(DEMO="1")
    desk.wait_until_ready()
    wait_for(lambda: "Sign in as admin" in desk.output)
    login = desk.folder / "demo-login.txt"

    password = re.search(r"password: (\S+)", login.read_text())

    assert password is not None
    assert f"Sign in as admin, password {password[1]}." in desk.output
    assert stat.S_IMODE(login.stat().st_mode) == 0o600
    desk.process.send_signal(signal.SIGTERM)
    assert desk.process.wait(timeout=15) == 0
    assert desk.processes() == {}


def test_it_prints_a_set_up_link_for_an_empty_desk(serve):
    desk = serve()
    desk.wait_until_ready()
    wait_for(lambda: "/setup/" in desk.output)

    link = re.search(rf"http://127\.0\.0\.1:{desk.port}(/setup/\S+/)", desk.output)

    assert link is not None
    assert desk.get(link[1]) == 200
    assert desk.get("/setup/made-up/") == 404
