"""A Graph API on this machine that sends nothing to anybody: a strict stand-in for WhatsApp, for tests and the demo.

    with Simulator(callback_url="http://127.0.0.1:8000/webhooks/whatsapp/", app_secret=...) as simulator:
        simulator.hear("+447700900123")        # opens the 24 hours
        ... settings.WHATSAPP_API_URL = simulator.url ...

It answers POST /<version>/<PHONE_NUMBER_ID>/messages and GET /<version>/<WABA_ID>/subscribed_apps by the rules of
`graph_rules`, hears at HEARD_PATH who wrote to the business, and sends signed status webhooks from a thread of its own.
Faults are armed by whoever tests.
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
import queue
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from preferences.signing import sign_meta
from preferences.simulation.graph_rules import Answer, Call, respond
from preferences.simulation.graph_statuses import bodies_of
from preferences.simulation.graph_world import TOKEN, Accepted, Armed, Fault, World
from preferences.simulation.webhooks import SENDER

#: Not of the Graph API: another process tells here who wrote, `{"person": "+44…", "number": <PHONE_NUMBER_ID>}`.
HEARD_PATH = "/simulator/heard"
_DELIVERY_ATTEMPTS = 5


class Simulator:
    """Serves on a free port of 127.0.0.1 inside a `with` block; `url` is what WHATSAPP_API_URL is set to.

    `reaches` are the statuses each accepted message goes through. Without a callback they are only kept in `bodies`.
    `latency` is how long each answer takes, in seconds. `clock` tells the time, for history that is played.
    """

    def __init__(
        self,
        *,
        callback_url: str = "",
        app_secret: str = "",
        token: str = TOKEN,
        world: World | None = None,
        reaches: Sequence[str] = ("sent", "delivered"),
        latency: float = 0.0,
        port: int = 0,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self.world = world or World()
        self.world.token = token
        self.reaches = tuple(reaches)
        self.latency = latency
        self._clock = clock
        self.bodies: list[bytes] = []
        self.undelivered = 0
        self._callback = urlsplit(callback_url) if callback_url else None
        self._app_secret = app_secret
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._waiting: queue.Queue[bytes | None] = queue.Queue()
        self._server = _Server(("127.0.0.1", port), self)
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(0.05,), name="graph-api", daemon=True),
            threading.Thread(target=self._tell, name="graph-statuses", daemon=True),
        ]

    def __enter__(self) -> Simulator:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._waiting.put(None)
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join(timeout=10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def accepted(self) -> list[Accepted]:
        """What WhatsApp has taken, oldest first."""
        with self._lock:
            return list(self.world.accepted)

    def hear(self, person: str, *, number: str = SENDER, at: dt.datetime | None = None) -> None:
        """Somebody wrote to a number (now, unless `at` says when): it may be answered freely for 24 hours."""
        with self._lock:
            self.world.hear(person, number, at or self._clock())

    def arm(
        self, fault: Fault, *, code: int = 0, seconds: float = 0.0, times: int = 1, is_transient: bool = False
    ) -> None:
        """Let the next message (or the next few) go wrong."""
        with self._lock:
            self.world.faults.extend([Armed(fault, code, seconds, is_transient)] * times)

    def flush(self) -> None:
        """Wait until every status that is due was told."""
        self._waiting.join()

    def answer(self, call: Call) -> Answer:
        """Answer one call as the HTTP server does, and let its statuses follow."""
        with self._lock:
            answer = respond(self.world, call, self._clock())
            bodies = list(bodies_of(self.world, answer.accepted, self.reaches)) if answer.accepted else []
            self.bodies += bodies
        for body in bodies:
            self._waiting.put(body)
        return answer

    def pause(self, seconds: float | None) -> None:
        """Wait, at most until the simulator ends; None waits for that."""
        self._is_over.wait(seconds)

    def _tell(self) -> None:
        while True:
            body = self._waiting.get()
            try:
                if body is None:
                    return
                if self._callback and not self._deliver(body):
                    self.undelivered += 1
            finally:
                self._waiting.task_done()

    def _deliver(self, body: bytes) -> bool:
        """Like WhatsApp: anything but 200 is tried again, though not for days."""
        for attempt in range(_DELIVERY_ATTEMPTS):
            if self._post(body) == 200:
                return True
            if self._is_over.wait(0.2 * 2**attempt):
                break
        return False

    def _post(self, body: bytes) -> int:
        target = self._callback
        if target is None:
            return 0
        connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=10)
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": sign_meta(body, self._app_secret)}
        try:
            connection.request("POST", target.path or "/", body, headers)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], simulator: Simulator) -> None:
        self.simulator = simulator
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in mid-answer is nothing to talk about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        if self.path == HEARD_PATH and isinstance(body, dict) and self._token == self.server.simulator.world.token:
            self.server.simulator.hear(str(body.get("person")), number=str(body.get("number") or SENDER))
            self._write(200, b"{}")
        else:
            self._answer(body)

    @property
    def _token(self) -> str:
        scheme, _, token = (self.headers.get("Authorization") or "").partition(" ")
        return token if scheme == "Bearer" else ""

    def _answer(self, body: object) -> None:
        simulator = self.server.simulator
        answer = simulator.answer(Call(self.command, self.path, self._token, body))
        if simulator.latency:
            simulator.pause(simulator.latency)
        armed = answer.armed
        fault = armed.fault if armed else None
        if fault in {Fault.CUT, Fault.ACCEPT_CUT}:
            self.close_connection = True
        elif fault == Fault.HANG:
            simulator.pause(None)
            self.close_connection = True
        elif fault in {Fault.SERVER_ERROR, Fault.ACCEPT_SERVER_ERROR}:
            self._write(500, b"<html>Sorry, something went wrong.</html>", "text/html")
        elif fault == Fault.GARBAGE:
            self._write(200, json.dumps(answer.body).encode()[:20])
        else:
            if fault == Fault.SLOW and armed:
                simulator.pause(armed.seconds)
            self._write(answer.status, json.dumps(answer.body).encode())

    def _write(self, status: int, content: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 (the name is the standard library's)
        """Says nothing: what was accepted is in the world."""
