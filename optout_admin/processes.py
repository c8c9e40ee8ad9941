"""Runs the product's processes together: which there are, and a supervisor that leaves none of them behind."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType

from django.conf import settings

from optout_admin.settings import env

BASE_DIR = Path(__file__).resolve().parent.parent
#: Every process gets this long to finish what it is doing.
GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.1
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


@dataclass(frozen=True, slots=True)
class Program:
    """One process to run. The desk cannot go on without an essential one."""

    name: str
    command: tuple[str, ...]
    is_essential: bool = True


def web(host: str, port: int) -> Program:
    """The web server. SQLite has one writer, so a second process would only wait for the first."""
    workers = env.int("WEB_WORKERS", default=1 if settings.EMBEDDED else 2)
    threads = env.int("WEB_THREADS", default=16)
    options = {
        "--interface": "wsgi", "--host": host, "--port": port, "--workers": workers, "--blocking-threads": threads,
        "--backlog": 2048, "--workers-kill-timeout": 8, "--log-level": "error",
    }  # fmt: skip
    flags = ("--respawn-failed-workers", "--no-ws", "--no-access-log")
    words = (str(word) for option in options.items() for word in option)
    return Program("web", (sys.executable, "-m", "granian", *words, *flags, "optout_admin.wsgi:application"))


def background() -> list[Program]:
    """One worker for everything where there is no broker; else a worker for each queue, and beat."""
    if settings.CELERY_EMBEDDED:
        return [_worker("worker", queues="inbox,outbox,jobs", threads=3)]
    workers = [("inbox", 1), ("outbox", 2), ("jobs", 2)]
    return [
        *(_worker(f"{queue} worker", queues=queue, threads=threads) for queue, threads in workers),
        Program("beat", (*_celery(), "beat", "-S", "celery.beat.Scheduler", "-l", "WARNING")),
    ]


def _worker(name: str, *, queues: str, threads: int) -> Program:
    flags = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "WARNING")
    node = f"{name.split(maxsplit=1)[0]}@%h"
    return Program(name, (*_celery(), "worker", "-P", "threads", "-c", str(threads), "-Q", queues, "-n", node, *flags))


def _celery() -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "-q", "-A", "optout_admin")


def manage(name: str, *arguments: str) -> Program:
    """A management command that may end without ending the others."""
    return Program(name, (sys.executable, str(BASE_DIR / "manage.py"), *arguments), is_essential=False)


def answers(host: str, port: int) -> bool:
    """Whether the web server answers 200 on /healthz."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (where to ask, not where to listen)
    name = next((name.lstrip(".") for name in settings.ALLOWED_HOSTS if name != "*"), "localhost")
    connection = http.client.HTTPConnection(address, port, timeout=2)
    try:
        connection.request("GET", "/healthz", headers={"Host": name})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Supervisor:
    """Runs programs, each in a session of its own, until an essential one dies or SIGTERM or SIGINT comes.

    When the `with` block is left, however that happens, nothing it started is alive.
    """

    def __init__(self, *, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._environment = dict(environment)
        self._say = say
        self._processes: dict[Program, subprocess.Popen[bytes]] = {}
        self._asked_to_stop = threading.Event()
        self._has_no_patience = False

    def __enter__(self) -> Supervisor:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop_all()

    def start(self, program: Program) -> None:
        self._processes[program] = subprocess.Popen(  # noqa: S603 (our own commands)
            program.command,
            cwd=BASE_DIR,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 (no threads run yet)
        )

    def wait_until(self, is_done: Callable[[], bool], *, seconds: float) -> bool:
        """False when the time is up, or when everything has to end."""
        end = time.monotonic() + seconds
        while self._may_go_on() and time.monotonic() < end:
            if is_done():
                return True
            self._asked_to_stop.wait(_POLL_SECONDS)
        return False

    def wait(self) -> int:
        """Wait for the end. The exit code: 0 when somebody asked for it, 1 when a program died by itself."""
        while self._may_go_on():
            self._asked_to_stop.wait(_POLL_SECONDS)
        return 0 if self._asked_to_stop.is_set() else 1

    def _may_go_on(self) -> bool:
        for program, process in list(self._processes.items()):
            if process.poll() is None or self._asked_to_stop.is_set():
                continue
            if program.is_essential:
                self._say(f"The {program.name} process ended ({_reason(process.returncode)}), so everything stops.")
                return False
            if process.returncode:
                self._say(f"{program.name} did not work ({_reason(process.returncode)}); the desk goes on without it.")
            del self._processes[program]
        return not self._asked_to_stop.is_set()

    def _stop_all(self) -> None:
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        end = time.monotonic() + GRACE_SECONDS
        while any(process.poll() is None for process in self._processes.values()):
            if time.monotonic() > end or self._has_no_patience:
                break
            time.sleep(_POLL_SECONDS)
        for process in self._processes.values():
            # Also where the leader has ended: what it started is in its group and may have survived it.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._processes.clear()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """The first asks everybody to finish; a second one does not wait for them."""
        self._has_no_patience = self._asked_to_stop.is_set()
        self._asked_to_stop.set()


def _reason(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"code {code}"


def _die_with_parent() -> None:
    """Runs in the child: a supervisor that is killed outright takes its children with it."""
    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGTERM)
