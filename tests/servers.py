"""Private servers for tests that break them: PostgreSQL, Redis and the product's processes. A `with` block leaves none of
them running, nor does the death of the tests; the machine's own servers are never touched."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import http.client
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
import redis

from optout_admin.processes import Program

ROOT = Path(__file__).parent.parent
_POLL_SECONDS = 0.02
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
Process = subprocess.Popen[bytes]
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def _postgres_binaries() -> Path | None:
    """The folder with `initdb` and `postgres`; Debian keeps it out of PATH."""
    found = [
        shutil.which("postgres"),
        *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres")), reverse=True),
    ]
    folders = [Path(name).resolve().parent for name in found if name]
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def are_installed() -> bool:
    """Whether this machine can start servers of our own."""
    return bool(_postgres_binaries() and shutil.which("redis-server"))


def wait_for(is_true: Callable[[], object], what: str, *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(_POLL_SECONDS)


def free_port() -> int:
    """A port below those that connections go out from: one of them could take it while its server is down."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("No port is free.")


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def start_process(command: Sequence[str | Path], *, death_signal: int = signal.SIGTERM, **options: Any) -> Process:
    """Start a process which gets `death_signal` when the tests are killed and can clean up nothing."""
    die_with_us = functools.partial(_prctl, _SET_DEATH_SIGNAL, death_signal) if _prctl else None
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_us, **options)  # noqa: PLW1509 (one call into C)


class Postgres:
    """A cluster of our own, as durable as the real one: fsync stays on."""

    def __init__(self) -> None:
        binaries = _postgres_binaries()
        assert binaries
        self._binaries = binaries
        self._process: Process | None = None
        self.port = free_port()

    def __enter__(self) -> Postgres:
        self._account = _unprivileged()
        self._folder = Path(tempfile.mkdtemp(prefix="optout-postgres-"))
        if self._account:
            os.chown(self._folder, self._account["user"], self._account["group"])
        try:
            self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        options = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "max_connections": 60,
            "shared_buffers": "64MB", "logging_collector": "on",
        }  # fmt: skip
        words = [f"--{name}={value}" for name, value in options.items()]
        self._process = start_process(
            [self._binaries / "postgres", "-D", self._folder / "data", *words],
            death_signal=signal.SIGQUIT, cwd=self._folder, stderr=subprocess.DEVNULL, **self._account,
        )  # fmt: skip
        wait_for(self._answers, "PostgreSQL answers", seconds=60)

    def stop(self) -> None:
        """What `pg_ctl stop -m immediate` does: no checkpoint, and not a word to those who are connected."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=60)
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def url(self, database: str) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, *, template: str = "template1") -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url("postgres"), connect_timeout=5):
            return True
        return False

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [self._binaries / name, "-D", self._folder / "data", *arguments],
            cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, **self._account,
        )  # fmt: skip


def _unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root, so root becomes somebody else."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class Redis:
    """A broker of our own that forgets everything when it stops."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: Process | None = None

    def __enter__(self) -> Redis:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Nothing to do when it runs."""
        if self._process is None:
            words = f"redis-server --port {self.port} --bind 127.0.0.1 --appendonly no --save".split()
            self._process = start_process([*words, ""], cwd=tempfile.gettempdir(), stdout=subprocess.DEVNULL)
        wait_for(lambda: listens(self.port), "Redis answers")

    def waiting(self, queue: str) -> int:
        with redis.Redis(port=self.port) as client:
            return int(client.llen(queue))

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


class Processes:
    """The product's processes, each in a session of its own and known to PostgreSQL by its name."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1"}
        self._running: dict[str, Process] = {}

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for name in list(self._running):
            self.signal(name, signal.SIGKILL)
            self._running.pop(name).wait()

    def start(self, program: Program) -> None:
        with (self._folder / f"{program.name}.log").open("ab") as log:
            self._running[program.name] = start_process(
                program.command, cwd=ROOT, env={**self._environment, "PGAPPNAME": program.name},
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def signal(self, name: str, number: signal.Signals) -> None:
        """Tell the process and all it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._running[name].pid, number)

    def kill(self, name: str) -> None:
        self.signal(name, signal.SIGKILL)
        self._running.pop(name).wait()

    def terminate(self, name: str, *, seconds: float) -> int:
        """Ask the process to stop, as a supervisor does, and give it some time. Returns its exit code."""
        self._running[name].terminate()
        return self._running[name].wait(timeout=seconds)

    def manage(self, *arguments: str) -> str:
        """Run a management command to its end; what it said. Fails when the command does."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def last_words(self) -> str:
        """The end of what each process said."""
        logs = sorted(self._folder.glob("*.log"))
        return "\n".join(f"== {log.stem}\n{log.read_text(errors='replace')[-2000:]}" for log in logs)


@contextlib.contextmanager
def connected(port: int, *, seconds: float = 15.0) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        yield connection
    finally:
        connection.close()


def knock(connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"", **headers: str) -> int:
    """The status of the answer; 0 when there was none, and then the next knock connects again."""
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0
    return response.status
