"""The example client of docs/examples against a real server: it fails closed, whatever the server does."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from preferences import inbox
from preferences.models import Brand, Controller, InboxEntry, PolicyVersion, Portfolio, Sender, UnknownConsent
from preferences.signing import sign_meta
from preferences.webhooks import whatsapp
from tests import bodies
from tests.conftest import SECRET
from tests.programs import Program

FILE = Path(__file__).parent.parent / "docs" / "examples" / "eligibility_client.py"
_spec = importlib.util.spec_from_file_location("eligibility_client", FILE)
assert _spec and _spec.loader
client = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(client)

FREE, STOPPED, STRANGE = "+447700900801", "+447700900802", "no number"


# Against the desk -----------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(transactional_db: None, live_server: Any) -> Any:
    """A desk where nobody objects but one."""
    brand = Brand.objects.create(controller=Controller.objects.create(name="Acme Group"), slug="acme", name="Acme")
    PolicyVersion.objects.create(
        brand=brand,
        number=1,
        unknown_consent=UnknownConsent.NO_OBJECTION,
        opt_ins_kept_in="shop",
        opt_ins_legal_basis="consent",
    )
    portfolio = Portfolio.objects.create(provider="whatsapp", key=f"waba:{bodies.WABA}")
    Sender.objects.create(portfolio=portfolio, provider="whatsapp", key=bodies.NUMBER, brand=brand)
    write("STOP", STOPPED)
    inbox.process()
    return client.Desk(live_server.url, Program("eligibility:read").key)


def write(text: str, phone: str, *, at: dt.datetime | None = None) -> None:
    now = at or timezone.now()
    raw = json.dumps(bodies.message(text, phone=phone, at=now)).encode()
    whatsapp.accept(raw, signature=sign_meta(raw, SECRET), headers={}, now=now)


def test_it_lets_through_who_may_be_messaged(desk):
    asked = [FREE, STOPPED, STRANGE, FREE]

    assert desk.sendable(asked, brand="acme") == [FREE, FREE]
    assert desk.check([], brand="acme") == []


def test_it_asks_in_pieces(desk, monkeypatch):
    monkeypatch.setattr(client, "MOST_RECIPIENTS", 2)

    assert desk.check([FREE, STOPPED, FREE, FREE, STOPPED], brand="acme") == [FREE, FREE, FREE]


def test_it_lets_nobody_through_while_the_desk_lags(desk, capsys):
    write("hello", FREE, at=timezone.now() - dt.timedelta(minutes=6))

    assert desk.sendable([FREE], brand="acme") == []
    assert "503 (lagging)" in capsys.readouterr().err
    with pytest.raises(client.NotAnsweredError, match="lagging"):
        desk.check([FREE], brand="acme")
    InboxEntry.objects.all().delete()
    assert desk.sendable([FREE], brand="acme") == [FREE]


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ({"brand": "nobody"}, "400 (invalid)"), ({"channel": "pigeon"}, "400 (invalid)"), ({"topic": "any"}, "400 (invalid)"),
    ],
)  # fmt: skip
def test_it_lets_nobody_through_for_a_wrong_question(question, reason, desk, capsys):
    assert desk.sendable([FREE], **{"brand": "acme", **question}) == []
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(("key", "status"), [("", 401), ("optout_00000000_x", 401), (None, 403)])
def test_it_lets_nobody_through_without_a_right_key(key, status, desk, live_server, capsys):
    wrong = client.Desk(live_server.url, Program("events:read").key if key is None else key)

    assert wrong.sendable([FREE], brand="acme") == []
    assert str(status) in capsys.readouterr().err


def test_it_takes_no_string_for_a_list(desk):
    assert desk.sendable(FREE) == []


def test_it_filters_lines_as_a_program(desk, live_server):
    key = Program("eligibility:read").key

    def run(address: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(FILE), address, "--brand", "acme"], input=f"{FREE}\n{STOPPED}\n\n", text=True,
            capture_output=True, check=False, env={**os.environ, "OPTOUT_API_KEY": key},
        )  # fmt: skip

    right, wrong = run(live_server.url), run("http://127.0.0.1:9")

    assert (right.returncode, right.stdout, right.stderr) == (0, f"{FREE}\n", "")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith("Nobody may be messaged: ")


# Against servers that misbehave ---------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Any]:
    """A server that answers whatever it is told to."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            httpd.asked += 1
            httpd.answer(self)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    httpd: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.asked = 0
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield httpd
    httpd.shutdown()
    httpd.server_close()


def says(body: Any, *, status: int = 200, **headers: str):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content_Length": str(len(raw)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(raw)

    return answer


def answer(*results: dict[str, Any], **changes: Any) -> dict[str, Any]:
    now = timezone.now()
    return {
        "checked_at": now.isoformat(),
        "complete_until": now.isoformat(),
        "position": 1,
        "results": list(results),
        **changes,
    }


def yes(recipient: Any = FREE, **changes: Any) -> dict[str, Any]:
    return {"recipient": recipient, "allowed": True, "reason": "opted_in", "since": None, "version": 1, **changes}


def ago(**delta: float) -> str:
    return (timezone.now() - dt.timedelta(**delta)).isoformat()


def at(server: Any, **options: Any) -> Any:
    return client.Desk(f"http://127.0.0.1:{server.server_port}", "key", **options)


def test_it_believes_a_right_answer(server):
    """The servers below differ from this one in one thing each."""
    server.answer = says(answer(yes()))

    assert at(server).sendable([FREE]) == [FREE]


@pytest.mark.parametrize(
    "make",
    [
        answer, lambda: answer(yes(), yes()), lambda: answer(yes(STOPPED)), lambda: answer(yes(None)),
        lambda: answer(yes(), yes(STOPPED)), lambda: answer(yes(allowed="true")), lambda: answer(yes(allowed=1)),
        lambda: answer(yes(allowed=None)), lambda: answer(yes(allowed=False)), lambda: answer(yes(reason="new_reason")),
        lambda: answer(yes(reason="opted_out")), lambda: answer(yes(reason=None)), lambda: answer("yes"),
        lambda: answer(yes(), results={FREE: True}), lambda: answer(yes(), results=None),
        lambda: answer(yes(), complete_until=None),
        lambda: answer(yes(), complete_until=ago(minutes=6)), lambda: answer(yes(), complete_until=ago(minutes=-3)),
        lambda: answer(yes(), complete_until="soon"), lambda: answer(yes(), complete_until="2026-11-23T18:00:00"),
        lambda: answer(yes(), complete_until=4711), dict, list, lambda: None, lambda: "yes", lambda: True,
        lambda: b"", lambda: b"<html>", lambda: b"\xff\xfe", lambda: b"[" * 100_000, lambda: b"1" * 10_000,
    ],
)  # fmt: skip
def test_it_lets_nobody_through_on_an_answer_that_is_not_right(make, server, capsys):
    server.answer = says(make())

    assert at(server).sendable([FREE]) == []
    assert FREE not in capsys.readouterr().err


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 400, 401, 403, 404, 429, 500, 502, 503, 504])
def test_it_lets_nobody_through_on_another_status(status, server):
    server.answer = says(answer(yes()), status=status, Location=f"http://127.0.0.1:{server.server_port}/elsewhere")

    assert at(server).sendable([FREE]) == []
    assert server.asked == 1


def test_it_lets_nobody_through_when_the_second_piece_fails(server, monkeypatch):
    monkeypatch.setattr(client, "MOST_RECIPIENTS", 1)
    right, wrong = says(answer(yes())), says(answer(yes()), status=500)

    def take_turns(handler: BaseHTTPRequestHandler) -> None:
        (right if server.asked == 1 else wrong)(handler)

    server.answer = take_turns

    assert at(server).sendable([FREE, FREE]) == []


def test_it_lets_nobody_through_when_the_answer_breaks_off(server):
    server.answer = says(answer(yes()), Content_Length="100000")

    assert at(server, timeout=0.3).sendable([FREE]) == []


def test_it_lets_nobody_through_when_the_answer_never_comes():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()

        assert client.Desk(f"http://127.0.0.1:{silent.getsockname()[1]}", "key", timeout=0.3).sendable([FREE]) == []
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://nowhere.invalid", "no address", "", "file:///etc"])
def test_it_lets_nobody_through_when_there_is_no_desk(address):
    assert client.Desk(address, "key", timeout=0.3).sendable([FREE]) == []


def test_it_lets_nobody_through_with_a_key_that_is_none(server):
    server.answer = says(answer(yes()))
    wrong = client.Desk(f"http://127.0.0.1:{server.server_port}", "key\r\nX: y")

    assert wrong.sendable([FREE]) == []
