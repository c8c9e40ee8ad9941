"""Nothing acknowledged is lost: the real processes, while the worker is killed, Redis is away and PostgreSQL restarts.

Not collected where PostgreSQL and Redis are not installed; the servers are private ones, so that they may be broken.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import http.client
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from optout_admin import processes
from preferences import simulation
from preferences.identifiers import digest
from preferences.signing import sign_meta
from tests.conftest import DOOR, SECRET
from tests.servers import Postgres, Processes, Redis, are_installed, connected, free_port, knock, wait_for

__test__ = are_installed()
pytestmark = [pytest.mark.processes, pytest.mark.postgresql, pytest.mark.xdist_group("processes")]

MESSAGES = 10_000
SENDING_THREADS = 16
#: Every tenth webhook comes twice, whether it was acknowledged or not.
TWICE = 10


@dataclass(frozen=True, slots=True)
class Webhook:
    body: bytes
    ref: bytes
    is_stop: bool

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.body).digest()


def webhooks(count: int) -> list[Webhook]:
    """Single messages of distinct people, every other one a STOP."""
    at = dt.datetime.now(dt.UTC)
    made = []
    for index in range(count):
        said = "STOP" if index % 2 else "Merci, à demain !"
        person = simulation.french(index)
        ref = digest(simulation.message_id(person.recipient, at.timestamp(), said))
        made.append(Webhook(simulation.text(person, said, at), ref, is_stop=said == "STOP"))
    return made


class WhatsApp:
    """Posts like WhatsApp: whatever is not answered 200 is sent again, with back-off, until it is."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._waiting: deque[Webhook] = deque()
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(SENDING_THREADS)]
        self.acknowledged: list[Webhook] = []
        self.refusals: Counter[int] = Counter()

    def __enter__(self) -> WhatsApp:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def post(self, some: list[Webhook]) -> None:
        self._waiting.extend(some)

    def wait_until_acknowledged(self, count: int) -> None:
        wait_for(lambda: len(self.acknowledged) >= count, f"{count} acknowledged", seconds=60)

    def _send(self) -> None:
        with connected(self._port) as connection:
            while not self._is_over.is_set():
                try:
                    webhook = self._waiting.popleft()
                except IndexError:
                    self._is_over.wait(0.01)
                    continue
                self._insist(connection, webhook)

    def _insist(self, connection: http.client.HTTPConnection, webhook: Webhook) -> None:
        pause = 0.05
        while (answer := post(connection, webhook.body)) != 200:
            self.refusals[answer] += 1
            if self._is_over.wait(pause):
                return
            pause = min(2 * pause, 2.0)
        self.acknowledged.append(webhook)


def post(connection: http.client.HTTPConnection, body: bytes) -> int:
    return knock(connection, "POST", DOOR, body, X_Hub_Signature_256=sign_meta(body, SECRET))


class Desk:
    """The product on servers of its own."""

    def __init__(self, postgres: Postgres, redis: Redis, database: str, folder: Path) -> None:
        self.postgres, self.redis, self.port = postgres, redis, free_port()
        self._url = postgres.url(database)
        self.processes = Processes(folder, DATABASE_URL=self._url, CELERY_BROKER_URL=redis.url)
        programs = [processes.web("127.0.0.1", self.port), *processes.background()]
        self._programs = {program.name: program for program in programs}

    def start(self, *names: str) -> None:
        for name in names:
            self.processes.start(self._programs[name])
        if "web" in names:
            wait_for(lambda: self.get("/healthz") == 200, "the web process answers")

    def get(self, path: str) -> int:
        with connected(self.port) as connection:
            return knock(connection, "GET", path)

    def post(self, webhook: Webhook, *, within: float = 15.0) -> int:
        """The status of the answer; 0 when there was none in time."""
        with connected(self.port, seconds=within) as connection:
            return post(connection, webhook.body)

    @contextmanager
    def without_redis(self, *, seconds: float = 0) -> Iterator[None]:
        """Redis is down during the block, and at least this long."""
        self.redis.stop()
        end = time.monotonic() + seconds
        yield
        wait_for(lambda: time.monotonic() > end, "the end of the outage", seconds=seconds + 1)
        self.redis.start()

    def column(self, sql: str) -> list:
        with psycopg.connect(self._url) as connection:
            return [row[0] for row in connection.execute(sql)]

    def stored(self) -> list[bytes]:
        return self.column("SELECT digest FROM preferences_inboxentry")

    def has_read(self, some: list[Webhook]) -> bool:
        return {webhook.ref for webhook in some} <= set(self.column("SELECT digest FROM preferences_reply"))

    def is_idle(self) -> bool:
        """Nothing is left to read, failing or not, and nobody is to be told anything."""
        unread = "SELECT 1 FROM preferences_inboxentry WHERE state <> 'done' LIMIT 1"
        due = "SELECT 1 FROM preferences_delivery WHERE state IN ('due', 'retry') LIMIT 1"
        return not self.column(unread) and not self.column(due)

    def kill_while_it_writes(self, name: str) -> None:
        """SIGKILL in the middle of a transaction that has written something and is not committed."""
        writing = f"SELECT 1 FROM pg_stat_activity WHERE application_name = '{name}' AND backend_xid IS NOT NULL"

        def is_writing() -> bool:
            self.processes.signal(name, signal.SIGSTOP)
            if self.column(writing):
                return True
            self.processes.signal(name, signal.SIGCONT)
            return False

        wait_for(is_writing, f"the {name} writes")
        self.processes.kill(name)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A cluster with a database to copy: migrated, with one brand and its sender."""
    with Postgres() as server:
        server.create("prepared")
        product = Processes(tmp_path_factory.mktemp("prepared"), DATABASE_URL=server.url("prepared"))
        product.manage("migrate", "-v0")
        product.manage("shell", "-v0", "-c", "from preferences import demo; demo.prepare()")
        yield server


@pytest.fixture
def desk(postgres: Postgres, tmp_path: Path, settings) -> Iterator[Desk]:
    """The product as it is in production, nothing started yet but PostgreSQL and Redis."""
    settings.CELERY_EMBEDDED = False
    database = tmp_path.name
    postgres.create(database, template="prepared")
    with Redis() as redis:
        made = Desk(postgres, redis, database, tmp_path)
        with made.processes:
            yield made
        print(made.processes.last_words())


def again(some: list[Webhook]) -> list[Webhook]:
    """WhatsApp may send a webhook twice although it was acknowledged."""
    return some + some[::TWICE]


def assert_each_is_on_record_once(desk: Desk, every: list[Webhook]) -> None:
    replies = desk.column("SELECT digest FROM preferences_reply")
    events = desk.column("SELECT source_ref FROM preferences_consentevent")
    told = Counter(desk.column("SELECT subscriber_id FROM preferences_delivery WHERE kind = 'confirmation'"))

    assert Counter(replies) == Counter(webhook.ref for webhook in every)
    assert Counter(events) == Counter(webhook.ref for webhook in every if webhook.is_stop)
    assert set(told.values()) == {1}
    assert told.total() == len(events)


def test_it_processes_every_acknowledged_message_once(desk):
    every = webhooks(MESSAGES)
    first, second, third = (again(every[start::3]) for start in range(3))
    desk.start("web", "inbox worker", "outbox worker", "beat")

    with WhatsApp(desk.port) as whatsapp:
        whatsapp.post(first)
        whatsapp.wait_until_acknowledged(1_000)
        desk.kill_while_it_writes("inbox worker")
        desk.start("inbox worker")
        whatsapp.wait_until_acknowledged(len(first))

        with desk.without_redis(seconds=3):
            whatsapp.post(second)
            whatsapp.wait_until_acknowledged(len(first + second))

        whatsapp.post(third)
        whatsapp.wait_until_acknowledged(len(first + second + third) - 2_000)
        desk.postgres.restart()
        whatsapp.wait_until_acknowledged(len(first + second + third))
    wait_for(desk.is_idle, "everything is read and answered", seconds=60)

    assert whatsapp.refusals, "PostgreSQL restarted and nobody noticed"
    assert_each_is_on_record_once(desk, every)
    desk.processes.manage("verify_ledger")
    desk.processes.manage("rebuild_consents", "--check")


def test_it_reads_and_answers_while_redis_is_away(desk):
    first, *others = webhooks(20)
    desk.start("web", "inbox worker", "outbox worker")
    assert desk.post(first) == 200
    wait_for(lambda: desk.has_read([first]), "the first is read")

    with desk.without_redis():
        assert {desk.post(webhook, within=1.0) for webhook in others} == {200}
        wait_for(
            lambda: desk.has_read([first, *others]) and desk.is_idle(), "the workers sweep by themselves", seconds=10
        )


def test_it_starts_reading_while_redis_is_away(desk):
    (webhook,) = webhooks(1)
    desk.start("web")

    with desk.without_redis():
        desk.start("inbox worker")
        assert desk.post(webhook) == 200
        wait_for(lambda: desk.has_read([webhook]), "a worker that never met its broker sweeps", seconds=20)


def test_it_rings_no_more_than_enough_while_nobody_listens(desk):
    """An hour without a worker must not fill the broker's memory with bells."""
    ring = (
        "from preferences.tasks import _inbox_bell as bell, process_inbox\n"
        "for _ in range(99): process_inbox.apply_async()\n"
        "for _ in range(20): bell._send()"
    )

    desk.processes.manage("shell", "-v0", "-c", ring)

    assert desk.redis.waiting("inbox") == 100


def test_it_goes_on_reading_when_redis_died_under_its_hands(desk):
    """A bell that could not be acknowledged must not keep the worker from looking for its broker again."""
    before, after = webhooks(2)
    desk.start("web", "inbox worker")
    assert desk.post(before) == 200
    wait_for(lambda: desk.has_read([before]), "the first is read")
    ring = "from preferences.tasks import process_inbox as bell\nfor _ in range(2_000): bell.apply_async()"
    desk.processes.manage("shell", "-v0", "-c", ring)

    assert desk.redis.waiting("inbox") > 50, "the worker has nothing in its hands"
    with desk.without_redis(seconds=0.5):
        assert desk.post(after) == 200

    wait_for(lambda: desk.post(after) == 200 and desk.has_read([after]), "the worker reads again")


def test_it_refuses_honestly_while_the_database_is_down(desk):
    before, meanwhile, after = webhooks(3)
    desk.start("web")
    assert (desk.post(before), desk.get("/readyz")) == (200, 200)

    desk.postgres.stop()
    try:
        answers = desk.post(meanwhile), desk.get("/healthz"), desk.get("/readyz")
    finally:
        desk.postgres.start()

    assert answers == (503, 200, 503)
    wait_for(lambda: (desk.post(after), desk.get("/readyz")) == (200, 200), "the desk is ready again")
    assert set(desk.stored()) == {before.digest, after.digest}


def test_it_stores_what_it_acknowledged_before_it_stops(desk):
    desk.start("web")

    with WhatsApp(desk.port) as whatsapp:
        whatsapp.post(webhooks(MESSAGES))
        whatsapp.wait_until_acknowledged(500)
        code = desk.processes.terminate("web", seconds=processes.GRACE_SECONDS)

    assert code == 0
    assert {webhook.digest for webhook in whatsapp.acknowledged} <= set(desk.stored())
