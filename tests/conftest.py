"""Fixtures of all tests: the cast, the door, and a database whose ledger may be emptied between tests only."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client, TransactionTestCase

from preferences import inbox
from preferences.models import (
    ApiKey,
    Brand,
    ConsentEvent,
    Controller,
    LedgerHead,
    PolicyVersion,
    Portfolio,
    Provider,
    Sender,
    User,
)
from preferences.signing import sign_meta
from preferences.simulation.graph_api import Simulator
from preferences.simulation.graph_world import TOKEN
from preferences.webhooks import store, whatsapp
from tests import bodies, ledger_guard

FIXTURES = Path(__file__).parent / "fixtures" / "whatsapp"
SECRET = "fictional-app-secret"
DOOR = "/webhooks/whatsapp/"

#: The second the samples were written at.
SAMPLE_TIME = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need a server run only where the environment names one; the others are not even collected."""
    from django.conf import settings

    missing = set()
    if connection.vendor != "postgresql":
        missing.add("postgresql")
    if settings.CELERY_EMBEDDED:
        missing.add("redis")
    items[:] = [item for item in items if not missing & {mark.name for mark in item.iter_markers()}]


@pytest.fixture(autouse=True, scope="session")
def _ledger_guard_lets_tests_flush() -> Iterator[None]:
    """TransactionTestCase empties tables; lift the guard just for that, and put the ledger head back."""
    flush = TransactionTestCase._fixture_teardown

    def teardown(self: TransactionTestCase) -> None:
        with ledger_guard.lifted():
            flush(self)
        LedgerHead.objects.get_or_create(pk=1, defaults={"position": 0})

    TransactionTestCase._fixture_teardown = teardown
    yield
    TransactionTestCase._fixture_teardown = flush


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """The door's writer has a connection of its own; it ends before the test database is dropped."""
    yield
    store.drain()


@pytest.fixture
def acme(db: None) -> Brand:
    """One brand with one sender, the number the samples are about."""
    controller = Controller.objects.create(name="Acme Group", seat="US")
    brand = Brand.objects.create(controller=controller, slug="acme", name="Acme", support_contact="help@acme.example")
    PolicyVersion.objects.create(brand=brand, number=1)
    portfolio = Portfolio.objects.create(provider=Provider.WHATSAPP, key="waba:100000000000001")
    Sender.objects.create(
        portfolio=portfolio, provider=Provider.WHATSAPP, key="200000000000002", display="12025550100", brand=brand
    )
    return brand


@pytest.fixture
def graph(acme: Brand, settings: Any) -> Iterator[Simulator]:
    """A Graph API on this machine that knows Acme's number, set up as the place answers go to."""
    with Simulator() as simulator:
        settings.WHATSAPP_API_URL = simulator.url
        settings.WHATSAPP_ACCESS_TOKEN = TOKEN
        yield simulator


@pytest.fixture
def sample() -> Callable[[str], bytes]:
    """The raw bytes of a sample webhook."""
    return lambda name: (FIXTURES / f"{name}.json").read_bytes()


@pytest.fixture
def post(client: Client) -> Callable[..., Any]:
    """Send a body through the real door, signed like WhatsApp signs."""

    def send(body: bytes | dict[str, Any], *, secret: str = SECRET, signature: str | None = None) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        header = sign_meta(raw, secret) if signature is None else signature
        return client.post(DOOR, raw, content_type="application/json", headers={"X-Hub-Signature-256": header})

    return send


@pytest.fixture
def receive(post: Callable[..., Any]) -> Callable[..., None]:
    """Send bodies through the door and process the inbox; with `now`, as if both happened then."""

    def run(*bodies: bytes | dict[str, Any], now: dt.datetime | None = None) -> None:
        for body in bodies:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            if now:
                whatsapp.accept(raw, signature=sign_meta(raw, SECRET), headers={}, now=now)
            else:
                assert post(raw).status_code == 200
        inbox.process(now=now)

    return run


@pytest.fixture
def says(receive: Callable[..., None]) -> Callable[..., None]:
    """Somebody writes something, so many seconds after noon, and it is read at once."""

    def run(text: str, second: int = 0, **details: Any) -> None:
        at = SAMPLE_TIME + second * bodies.SECOND
        receive(bodies.message(text, at=at, **details), now=at)

    return run


@pytest.fixture
def spoken(acme: Brand, receive: Callable[..., None]) -> None:
    """Ten events of three people."""
    people = (bodies.BILAL, bodies.ALICE, bodies.GRETA)
    for second, phone in enumerate([*people, *people, *people, bodies.BILAL]):
        at = SAMPLE_TIME + second * bodies.SECOND
        receive(bodies.message("STOP", at=at, phone=phone), now=at)
    assert list(ConsentEvent.objects.order_by("position").values_list("position", flat=True)) == list(range(1, 11))


@pytest.fixture
def ask(client: Client, db: None) -> Callable[..., dict[str, Any]]:
    """Ask "may we send?" over the API; answers the result of one recipient."""
    key = ApiKey.objects.issue(name="tests", scopes=["eligibility:read"], brands=[])

    def run(recipient: str, **question: Any) -> dict[str, Any]:
        response = client.post(
            "/api/v1/eligibility/",
            {"recipients": [recipient], **question},
            content_type="application/json",
            headers={"Authorization": f"Api-Key {key}"},
        )
        assert response.status_code == 200, response.content
        return response.json()["results"][0]

    return run


@pytest.fixture
def staff(db: None) -> Callable[..., Client]:
    """A member of staff with just these permissions."""

    def make(*permissions: str) -> Client:
        user = User.objects.create_user(f"staff{User.objects.count()}", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        assert user.user_permissions.count() == len(permissions)
        client = Client()
        client.force_login(user)
        return client

    return make
