"""Load on a web server over keep-alive connections: prepared requests, sent by one loop in Python or by wrk.

The loop in Python needs nothing but costs a part of a processor; `wrk`, where it is installed, costs far less. Which
one was used stands in the result, and both requests of a comparison are sent by the same one.
"""

from __future__ import annotations

import json
import selectors
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from benchmarks.results import percentile

_HEADERS_END = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_READ = 65_536


@dataclass(frozen=True, slots=True)
class Load:
    """What came of one run. Times in milliseconds."""

    answers: int
    seconds: float
    refused: int
    p50: float
    p99: float
    sender_cpu: float

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


@dataclass(frozen=True, slots=True)
class Request:
    """One request to `path`, with what makes it different from the others."""

    path: str
    headers: dict[str, str]
    body: bytes

    def encoded(self, port: int) -> bytes:
        head = {"Host": f"127.0.0.1:{port}", **self.headers, "Content-Length": str(len(self.body))}
        lines = [f"POST {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        return "\r\n".join(lines).encode() + self.body


def senders() -> list[str]:
    return ["wrk", "python"] if shutil.which("wrk") else ["python"]


def send(requests: Sequence[Request], *, port: int, connections: int, seconds: float, sender: str) -> Load:
    """Send for `seconds`. The Python sender stops early rather than send a request twice; wrk gets as many requests as
    no server here could answer."""
    if sender == "wrk":
        return _send_with_wrk(requests, port, connections, seconds)
    return _send_with_python([request.encoded(port) for request in requests], port, connections, seconds)


# Python ---------------------------------------------------------------------------------------------------------------


class _Connection:
    """One keep-alive connection with at most one request on its way."""

    __slots__ = ("received", "sent_at", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.sent_at = 0.0

    def send(self, request: bytes) -> None:
        self.received = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def status(self) -> bytes:
        """The status of the answer, empty while it is incomplete."""
        data = self.socket.recv(_READ)
        if not data:
            raise ConnectionError("The server closed a connection.")
        self.received += data
        head, end, body = self.received.partition(_HEADERS_END)
        return head[9:12] if end and _is_whole(head.lower(), body) else b""


def _is_whole(head: bytes, body: bytes) -> bool:
    if b"transfer-encoding: chunked" in head:
        return body.endswith(_LAST_CHUNK)
    _, found, rest = head.partition(b"content-length:")
    return not found or len(body) >= int(rest.split(b"\r\n", 1)[0])


def _send_with_python(requests: list[bytes], port: int, connections: int, seconds: float) -> Load:
    waiting = iter(requests)
    selector = selectors.DefaultSelector()
    opened = [_Connection(port) for _ in range(connections)]
    times: list[float] = []
    refused = 0
    cpu, started = time.process_time(), time.perf_counter()
    end = started + seconds
    for one, request in zip(opened, islice(waiting, connections), strict=False):
        selector.register(one.socket, selectors.EVENT_READ, one)
        one.send(request)
    while selector.get_map():
        for key, _ in selector.select():
            one = key.data
            status = one.status()
            if not status:
                continue
            now = time.perf_counter()
            times.append((now - one.sent_at) * 1000)
            refused += status != b"200"
            following = next(waiting, None) if now < end else None
            if following is None:
                selector.unregister(one.socket)
            else:
                one.send(following)
    elapsed = time.perf_counter() - started
    spent = time.process_time() - cpu
    for one in opened:
        one.socket.close()
    return Load(len(times), elapsed, refused, percentile(times, 0.5), percentile(times, 0.99), spent / elapsed)


# wrk ------------------------------------------------------------------------------------------------------------------

_LUA = """
local requests = {}
for line in io.lines("%(index)s") do
  local from, length = line:match("(%%d+) (%%d+)")
  requests[#requests + 1] = {tonumber(from), tonumber(length)}
end
local file = io.open("%(bodies)s", "rb")
local all = file:read("*a")
file:close()
local place = 0
request = function()
  place = place %% #requests + 1
  local one = requests[place]
  return all:sub(one[1] + 1, one[1] + one[2])
end
done = function(summary, latency, _)
  local errors = summary.errors
  io.write(string.format('{"answers":%%d,"seconds":%%f,"refused":%%d,"broken":%%d,"p50":%%f,"p99":%%f}\\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


def _send_with_wrk(requests: Sequence[Request], port: int, connections: int, seconds: float) -> Load:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_requests([request.encoded(port) for request in requests], folder)
        script = folder / "requests.lua"
        script.write_text(_LUA % {"index": folder / "index", "bodies": folder / "bodies"})
        command = [
            "wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{max(1, round(seconds))}s",
            "--script", str(script), f"http://127.0.0.1:{port}/",
        ]  # fmt: skip
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    if found["broken"]:
        raise ConnectionError(f"wrk lost {found['broken']} connections.")
    return Load(found["answers"], found["seconds"], found["refused"], found["p50"], found["p99"], float("nan"))


def _write_requests(encoded: list[bytes], folder: Path) -> None:
    places, place = [], 0
    for one in encoded:
        places.append(f"{place} {len(one)}")
        place += len(one)
    (folder / "index").write_text("\n".join(places) + "\n")
    (folder / "bodies").write_bytes(b"".join(encoded))


def endlessly(requests: Sequence[Request], count: int) -> Iterator[Request]:
    """`requests` over and over, `count` in all: for an opponent that does not look at them."""
    return islice(cycle(requests), count)
