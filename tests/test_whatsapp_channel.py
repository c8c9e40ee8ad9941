"""The WhatsApp channel against the simulated Graph API, over real HTTP: what is sent, what is certain, what is not."""

from __future__ import annotations

import datetime as dt
import logging
import socket
import ssl
import threading
from contextlib import contextmanager

import pytest

from preferences.channels import (
    Button,
    ChannelError,
    Connections,
    OutgoingMessage,
    Reach,
    Template,
    WhatsAppChannel,
    graph,
    subscription_of,
)
from preferences.credentials import Credentials
from preferences.models import Portfolio
from preferences.simulation.graph_api import Simulator
from preferences.simulation.graph_world import TOKEN, ApprovedTemplate, Fault, Number, World
from preferences.simulation.webhooks import SENDER

PERSON, USER_ID = "+447700900123", "GB.1234567890"
CORRELATION = "7f0c3a44-5a49-4f5e-9a55-0f7f5a1f0c11"


@pytest.fixture
def simulator(settings):
    with Simulator() as one:
        settings.WHATSAPP_API_URL = one.url
        for person in (PERSON, USER_ID):
            one.hear(person)
        yield one


@pytest.fixture
def send():
    with Connections() as connections:

        def run(text="You are opted out.", **details):
            return WhatsAppChannel(connections).send(message(text, **details))

        yield run


def message(text="You are opted out.", **details):
    given = {"to": PERSON, "sender": SENDER, "credentials": Credentials(TOKEN), **details}
    return OutgoingMessage(text=text, correlation_id=CORRELATION, **given)


def body(simulator):
    [accepted] = simulator.accepted
    return accepted.body


# What is sent ---------------------------------------------------------------------------------------------------------


def test_it_sends_a_text(simulator, send):
    receipt = send("You are opted out.\nBye 👋")

    assert (receipt.state, receipt.provider_id) == ("sent", simulator.accepted[0].id)
    assert body(simulator) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": PERSON,
        "type": "text",
        "text": {"body": "You are opted out.\nBye 👋", "preview_url": False},
        "biz_opaque_callback_data": CORRELATION,
    }


def test_it_writes_to_a_user_id_as_recipient(simulator, send):
    send(to=USER_ID)

    assert body(simulator)["recipient"] == USER_ID
    assert "to" not in body(simulator)


def test_it_sends_buttons(simulator, send):
    send("Opted out.", buttons=(Button("optin:marketing", "Undo"),))

    assert body(simulator)["interactive"] == {
        "type": "button",
        "body": {"text": "Opted out."},
        "action": {"buttons": [{"type": "reply", "reply": {"id": "optin:marketing", "title": "Undo"}}]},
    }


def test_it_sends_a_template_and_smooths_its_parameters(simulator, send):
    simulator.world.add(ApprovedTemplate("stopped", "pt_BR", places=2))

    send("", template=Template("stopped", "pt_BR", ("Acme\nShop", "all  \t      channels")))

    content = body(simulator)["template"]
    assert (content["name"], content["language"]) == ("stopped", {"code": "pt_BR"})
    assert [one["text"] for one in content["components"][0]["parameters"]] == ["Acme Shop", "all channels"]


@pytest.mark.parametrize(
    "details",
    [
        {"text": "x" * 4097},
        {"text": "   "},
        {"text": "x" * 1025, "buttons": (Button("a", "b"),)},
        {"buttons": (Button("a", "x" * 21),)},
        {"buttons": (Button("x" * 257, "b"),)},
        {"buttons": tuple(Button(str(i), str(i)) for i in range(4))},
    ],
)
def test_it_sends_nothing_that_would_be_refused(details, simulator, send):
    with pytest.raises(ChannelError) as caught:
        send(**details)

    assert caught.value.is_permanent
    assert simulator.world.refused == []


def test_it_takes_the_longest_text(simulator, send):
    assert send("x" * 4096).state == "sent"


# Refusals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "is_permanent", "reach"),
    [
        (2, False, None),
        (4, False, None),
        (80007, False, None),
        (130429, False, None),
        (131000, False, None),
        (131016, False, None),
        (131056, False, None),
        (131057, False, None),
        (133004, False, None),
        (131049, False, None),
        (131064, False, None),
        (0, False, Reach.PORTFOLIO),
        (3, False, Reach.PORTFOLIO),
        (10, False, Reach.PORTFOLIO),
        (190, False, Reach.PORTFOLIO),
        (200, False, Reach.PORTFOLIO),
        (299, False, Reach.PORTFOLIO),
        (368, False, Reach.PORTFOLIO),
        (131005, False, Reach.PORTFOLIO),
        (131031, False, Reach.PORTFOLIO),
        (131042, False, Reach.PORTFOLIO),
        (131037, False, Reach.SENDER),
        (131045, False, Reach.SENDER),
        (131048, False, Reach.SENDER),
        (133010, False, Reach.SENDER),
        (1, True, None),
        (100, True, None),
        (300, True, None),
        (130403, True, None),
        (130472, True, None),
        (130497, True, None),
        (131021, True, None),
        (131026, True, None),
        (131047, True, None),
        (131050, True, None),
        (131062, True, None),
        (132001, True, None),
        (132018, True, None),
        (999999, True, None),
    ],
)
def test_it_knows_what_a_code_means(code, is_permanent, reach, simulator, send):
    simulator.arm(Fault.REFUSE, code=code)

    with pytest.raises(ChannelError) as caught:
        send()

    error = caught.value
    assert (error.code, error.is_permanent, error.stop and error.stop.reach) == (code, is_permanent, reach)
    assert f"(Error {code}.)" in str(error)
    assert simulator.accepted == []


def test_it_tries_an_unknown_code_again_only_where_meta_calls_it_transient(simulator, send):
    simulator.arm(Fault.REFUSE, code=999999, is_transient=True)

    with pytest.raises(ChannelError) as caught:
        send()

    assert not caught.value.is_permanent


def test_it_stops_a_sender_its_token_does_not_know(simulator, send):
    with pytest.raises(ChannelError) as caught:
        send(sender="299999999999999")

    assert (caught.value.code, caught.value.stop.reach) == (100, Reach.SENDER)


@pytest.mark.parametrize(("code", "state"), [(132015, "paused"), (132016, "disabled")])
def test_it_says_what_became_of_a_template(code, state, simulator, send):
    simulator.arm(Fault.REFUSE, code=code)

    with pytest.raises(ChannelError) as caught:
        send("", template=Template("stopped", "en"))

    assert caught.value.template_is == state


def test_it_asks_for_a_template_when_the_window_is_closed(simulator, send):
    simulator.world.heard_at.clear()

    with pytest.raises(ChannelError) as caught:
        send()

    assert (caught.value.code, caught.value.needs_template) == (131047, True)


@pytest.mark.parametrize(("attempts", "least", "most"), [(0, 1, 2), (1, 4, 8), (3, 64, 128), (30, 600, 1200)])
def test_it_waits_as_long_as_the_pair_limit_says(attempts, least, most, simulator, send):
    simulator.arm(Fault.REFUSE, code=131056)
    with pytest.raises(ChannelError) as caught:
        send()

    waits = [caught.value.backoff.wait(attempts, draw=draw).total_seconds() for draw in (0.0, 1.0)]

    assert waits == [least, most]


@pytest.mark.parametrize(("attempts", "most"), [(0, 1), (3, 8), (9, 512), (10, 600), (500, 600)])
def test_it_backs_off_with_full_jitter(attempts, most, simulator, send):
    simulator.arm(Fault.REFUSE, code=131000)
    with pytest.raises(ChannelError) as caught:
        send()

    waits = [caught.value.backoff.wait(attempts, draw=draw).total_seconds() for draw in (0.0, 1.0)]

    assert waits == [0, most]


def test_it_is_told_about_speed_by_the_code(settings, send):
    world = World(messages_a_second=1.0)
    with Simulator(world=world) as simulator:
        settings.WHATSAPP_API_URL = simulator.url
        simulator.hear(PERSON)
        send()

        with pytest.raises(ChannelError) as caught:
            send()

    assert caught.value.code == 130429


# Certain or not -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "is_accepted"),
    [
        (Fault.SERVER_ERROR, False),
        (Fault.ACCEPT_SERVER_ERROR, True),
        (Fault.CUT, False),
        (Fault.ACCEPT_CUT, True),
        (Fault.GARBAGE, True),
        (Fault.HANG, True),
    ],
)
def test_it_does_not_know_after_the_request_went_out(fault, is_accepted, simulator, send, monkeypatch):
    monkeypatch.setattr(graph, "READ_SECONDS", 0.2)
    simulator.arm(fault)

    receipt = send()

    assert (receipt.state, receipt.provider_id) == ("unknown", "")
    assert len(simulator.accepted) == is_accepted
    assert "may have been sent" in receipt.excerpt


def test_it_waits_for_a_slow_answer(simulator, send):
    simulator.arm(Fault.SLOW, seconds=0.3)

    assert send().state == "sent"


def test_it_is_certain_when_nobody_listens(settings, send):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings.WHATSAPP_API_URL = f"http://127.0.0.1:{probe.getsockname()[1]}"

        with pytest.raises(ChannelError) as caught:
            send()

    assert not caught.value.is_permanent


def test_it_is_certain_when_the_name_is_unknown(settings, send, monkeypatch):
    def unknown(*args, **kwargs):
        raise socket.gaierror("unknown")

    settings.WHATSAPP_API_URL = "https://graph.invalid"
    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(ChannelError, match="name"):
        send()


def test_it_is_certain_when_the_connection_takes_too_long(settings, send, monkeypatch):
    """A full backlog answers no more connections, as a firewall that drops packets does."""
    monkeypatch.setattr(graph, "CONNECT_SECONDS", 0.2)
    with socket.socket() as full, contextmanager(_crowd)(full):
        settings.WHATSAPP_API_URL = f"http://127.0.0.1:{full.getsockname()[1]}"

        with pytest.raises(ChannelError, match="connection"):
            send()


def _crowd(full):
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    waiting = []
    for _ in range(4):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(full.getsockname())
        waiting.append(one)
    yield
    for one in waiting:
        one.close()


@pytest.mark.parametrize(
    ("status", "content", "state"),
    [
        ("200 OK", b'{"messages":[{"id":"wamid.1"}]}', "sent"),
        ("500 Oops", b'{"error":{"code":131000}}', "refused"),
        ("200 OK", b'{"error":{"code":131000}}', "refused"),
        ("200 OK", b"", "unknown"),
        ("200 OK", b"{}", "unknown"),
        ("200 OK", b"[]", "unknown"),
        ("200 OK", b'{"messages":[{}]}', "unknown"),
        ("200 OK", b'{"messages":[{"id":7}]}', "unknown"),
        ("302 Found\r\nLocation: https://elsewhere.example/", b"", "unknown"),
        ("500 Oops", b'{"messages":[{"id":"wamid.1"}]}', "unknown"),
        ("503 Busy", b'{"error":{}}', "unknown"),
        ("400 Bad", b'{"error":{"code":"100"}}', "refused"),
        ("400 Bad", b'{"error":{"code":"one"}}', "unknown"),
        ("400 Bad", b'{"error":{"code":true}}', "unknown"),
        ("400 Bad", b'{"error":{"code":99999999999}}', "unknown"),
        ("200 OK", b"[[[[", "unknown"),
        ("200 OK", b'{"messages":[{"id":"wamid.1"}]}' + b" " * 200_000, "unknown"),
        ("nonsense", b"", "unknown"),
    ],
)
def test_it_reads_any_answer(status, content, state, settings, send):
    answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content
    with _answering(answer) as url:
        settings.WHATSAPP_API_URL = url
        try:
            said = send().state
        except ChannelError:
            said = "refused"

    assert said == state


def test_it_keeps_what_staff_should_know_and_no_database_refuses(settings, send):
    details = rb"No number +447700900123\u0000 in \ud800 this list, token Bearer abc.def"
    content = b'{"error":{"code":100,"error_data":{"details":"' + details + b'"}}}'
    with _answering(b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n" % len(content) + content) as url:
        settings.WHATSAPP_API_URL = url

        with pytest.raises(ChannelError) as caught:
            send()

    assert str(caught.value).endswith("WhatsApp says: No number [cut] in \ufffd this list, token [cut]")


def test_it_does_not_know_when_the_answer_breaks_off(settings, send):
    with _answering(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{") as url:
        settings.WHATSAPP_API_URL = url

        assert send().state == "unknown"


@contextmanager
def _answering(answer):
    """A server that reads one request, says these bytes and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            peer, _ = server.accept()
            with peer:
                peer.recv(65536)
                try:
                    peer.sendall(answer)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(timeout=5)


def test_it_is_certain_when_the_certificate_does_not_hold(settings, send, tmp_path):
    with _tls_server(tmp_path) as url:
        settings.WHATSAPP_API_URL = url

        with pytest.raises(ChannelError, match="certificate"):
            send()


@contextmanager
def _tls_server(folder):
    certificate, key = _self_signed(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            peer, _ = server.accept()
            try:
                context.wrap_socket(peer, server_side=True).close()
            except OSError:
                peer.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://localhost:{server.getsockname()[1]}"
        thread.join(timeout=5)


def _self_signed(folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    made = builder.sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(pem)
    return folder / "cert.pem", folder / "key.pem"


# Secrets --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "schlüssel"])
def test_it_never_shows_a_token_that_cannot_be_one(token, simulator, send, caplog):
    caplog.set_level(logging.DEBUG)

    with pytest.raises(ChannelError) as caught:
        send(credentials=Credentials(token))

    assert not token or token not in str(caught.value) + caplog.text


def test_it_waits_for_an_access_token(send):
    with pytest.raises(ChannelError) as caught:
        send(credentials=None)

    assert (caught.value.is_permanent, caught.value.stop.reach) == (False, Reach.PORTFOLIO)


def test_it_keeps_secrets_and_people_out_of_logs_and_errors(simulator, send, caplog):
    caplog.set_level(logging.DEBUG)
    simulator.arm(Fault.REFUSE, code=100)

    with pytest.raises(ChannelError) as caught:
        send()
    send()

    told = caplog.text + str(caught.value) + repr(message())
    assert TOKEN not in told
    assert PERSON[1:] not in told


def test_it_ignores_a_netrc(simulator, send, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    assert send().state == "sent"


def test_it_cannot_be_led_to_another_path(simulator, send):
    with pytest.raises(ChannelError):
        send(sender="../../elsewhere")

    assert simulator.accepted == []


# The subscription -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("apps", "token", "expected"),
    [
        ({"100000000000001": ("Desk", "Other")}, TOKEN, (True, ("Desk", "Other"), "")),
        ({"100000000000001": ()}, TOKEN, (False, (), "")),
        ({}, TOKEN, (False, (), "number")),
        ({}, "wrong", (False, (), "190")),
        ({}, "", (False, (), "No access token")),
    ],
)
def test_it_knows_who_gets_the_webhooks(apps, token, expected, simulator, acme, settings):
    settings.WHATSAPP_ACCESS_TOKEN = token
    simulator.world.apps = apps

    found = subscription_of(Portfolio.objects.get())

    is_subscribed, names, words = expected
    assert (found.is_subscribed, found.apps) == (is_subscribed, names)
    assert words in found.error
    assert bool(words) == bool(found.error)


@pytest.mark.django_db
def test_it_says_that_the_account_is_not_known(simulator, acme, settings):
    settings.WHATSAPP_ACCESS_TOKEN = TOKEN
    Portfolio.objects.update(key="portfolio-of-acme")

    assert "not known" in subscription_of(Portfolio.objects.get()).error


@pytest.mark.django_db
def test_it_says_that_nobody_answers(acme, settings):
    settings.WHATSAPP_ACCESS_TOKEN = TOKEN
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings.WHATSAPP_API_URL = f"http://127.0.0.1:{probe.getsockname()[1]}"

        assert "reached" in subscription_of(Portfolio.objects.get()).error


def test_it_plays_several_numbers(settings, send):
    world = World(numbers={key: Number(key, digits=f"1202555010{key}") for key in "12"})
    with Simulator(world=world) as simulator:
        settings.WHATSAPP_API_URL = simulator.url
        simulator.hear(PERSON, number="2")

        assert send(sender="2").state == "sent"
