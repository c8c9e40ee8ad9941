"""Starts the web server as `serve` does, for as long as a benchmark needs it."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

from benchmarks import steps

DOOR = "/webhooks/whatsapp/"
PRODUCT = "optout_admin.wsgi:application"
BARE = "benchmarks.bare:application"
_START_SECONDS = 30


class ServerError(Exception):
    """The web server did not come up."""


@contextlib.contextmanager
def serving(url: str, application: str = PRODUCT) -> Iterator[int]:
    """A web server on the scratch database at `url`, with the very options of `serve`; its port."""
    port = _free_port()
    command = steps.run(url, "web_command", port)["command"]
    process = subprocess.Popen(
        [*command[:-1], application], env=steps.environment(url), cwd=steps.ROOT, start_new_session=True
    )
    try:
        _wait(process, port)
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", DOOR)
            connection.getresponse().read()
            return
        time.sleep(0.1)
    raise ServerError(f"The web server did not answer on port {port} within {_START_SECONDS} seconds.")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
