"""The simulated Graph API as a server: signed statuses to a callback, tried again until they are taken."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests

from preferences.signing import is_signed_by_meta
from preferences.simulation.graph_api import HEARD_PATH, Simulator
from preferences.simulation.graph_world import TOKEN, Fault
from preferences.simulation.webhooks import SENDER

SECRET = "fictional-app-secret"
PERSON = "+447700900123"


@pytest.fixture
def callback():
    """A door that keeps what it gets and answers what `answers` says, then 200."""

    class Door(BaseHTTPRequestHandler):
        got: list[tuple[bytes, str]] = []
        answers: list[int] = []

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            Door.got.append((body, self.headers["X-Hub-Signature-256"]))
            self.send_response(Door.answers.pop(0) if Door.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        Door.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks/whatsapp/"
        yield Door
        server.shutdown()
        thread.join()


def send(simulator, **more):
    body = {"messaging_product": "whatsapp", "to": PERSON, "type": "text", "text": {"body": "Hello"}, **more}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return requests.post(f"{simulator.url}/v26.0/{SENDER}/messages", json=body, headers=headers, timeout=5)


def statuses(callback):
    values = [json.loads(body)["entry"][0]["changes"][0]["value"] for body, _ in callback.got]
    return [value["statuses"][0]["status"] for value in values]


def test_it_tells_signed_statuses(callback):
    with Simulator(callback_url=callback.url, app_secret=SECRET, reaches=("sent", "delivered", "read")) as simulator:
        simulator.hear(PERSON)
        assert send(simulator).status_code == 200
        simulator.flush()

    assert statuses(callback) == ["sent", "delivered", "read"]
    assert all(is_signed_by_meta(body, signature, [SECRET]) for body, signature in callback.got)


def test_it_tells_again_what_was_not_taken(callback):
    callback.answers += [503]
    with Simulator(callback_url=callback.url, app_secret=SECRET, reaches=("sent",)) as simulator:
        simulator.hear(PERSON)
        send(simulator)
        simulator.flush()

    assert statuses(callback) == ["sent", "sent"]
    assert simulator.undelivered == 0


def test_it_loses_what_a_test_wants_lost(callback):
    with Simulator(callback_url=callback.url, app_secret=SECRET) as simulator:
        simulator.hear(PERSON)
        simulator.arm(Fault.LOSE)
        assert send(simulator).status_code == 200
        simulator.flush()

    assert (statuses(callback), len(simulator.accepted)) == ([], 1)


@pytest.mark.parametrize(("token", "status"), [(TOKEN, 200), ("wrong", 400)])
def test_it_hears_from_another_process_who_wrote(token, status):
    with Simulator() as simulator:
        requests.post(
            simulator.url + HEARD_PATH,
            json={"person": PERSON, "number": SENDER},
            headers={"Authorization": f"Bearer {token}"},
            timeout=5,
        )

        assert send(simulator).status_code == status


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"messaging_product":"whatsapp","to":[1]}'])
def test_it_answers_nonsense_with_a_code(body):
    with Simulator() as simulator:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.post(f"{simulator.url}/v26.0/{SENDER}/messages", data=body, headers=headers, timeout=5)

    assert answer.status_code == 400
    assert isinstance(answer.json()["error"]["code"], int)


def test_it_ends_while_a_call_hangs():
    with Simulator() as simulator:
        simulator.hear(PERSON)
        simulator.arm(Fault.HANG)
        caller = threading.Thread(target=_send_in_vain, args=(simulator,))
        caller.start()
        while not simulator.accepted:
            caller.join(timeout=0.01)

    caller.join(timeout=5)
    assert not caller.is_alive()


def _send_in_vain(simulator):
    with pytest.raises(requests.RequestException):
        send(simulator)
