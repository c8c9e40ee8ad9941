"""How the desk is doing, from queries that stay cheap however much there is. `status`, /readyz and /metrics all say this.

Counts stop at COUNT_LIMIT and look-backs at the newest SAMPLE rows: a number that matters is small, or "many".
"""

from __future__ import annotations

import datetime as dt
import statistics
import time
from dataclasses import dataclass

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from kombu.exceptions import KombuError

from preferences import inbox
from preferences.models import (
    Consent,
    ConsentEvent,
    ConsentStatus,
    Delivery,
    DeliveryState,
    Heartbeat,
    Identity,
    InboxEntry,
    InboxState,
    Lane,
    LedgerHead,
    PlatformStop,
    Scheme,
    Seal,
)

#: What signs each heartbeat: with a broker each queue has a worker of its own, else one does everything.
_WORKERS = {"worker": "background worker", "inbox": "inbox worker", "outbox": "outbox worker"}

COUNT_LIMIT = 10_000
SAMPLE = 10_000
#: Rates are over this long, failures of the outbox over the last day.
RATE_WINDOW = dt.timedelta(minutes=5)
FAILURE_WINDOW = dt.timedelta(days=1)
#: The worker says every 15 seconds that it is alive; a long job may delay it.
SILENT_AFTER = dt.timedelta(minutes=2)
#: Sealing runs every 10 minutes.
UNSEALED_AFTER = dt.timedelta(minutes=30)
#: Younger than this, nobody is late yet.
LATE_AFTER = dt.timedelta(seconds=60)

WAITING = (DeliveryState.DUE, DeliveryState.RETRY, DeliveryState.ATTEMPTING)
FAILED = (DeliveryState.DEAD, DeliveryState.UNKNOWN, DeliveryState.EXPIRED)


class DatabaseUnavailableError(Exception):
    """The database does not answer; the message says how it failed, never where it is."""


@dataclass(frozen=True, slots=True)
class LaneFacts:
    """One lane of the inbox. `oldest` is the age of what waited longest, zero when nothing waits."""

    waiting: int
    failing: int
    oldest: dt.timedelta


@dataclass(frozen=True, slots=True)
class Pulse:
    """What tells whether the desk keeps up: cheap enough to be asked every second."""

    lag: dt.timedelta
    heartbeats: dict[str, dt.timedelta]
    is_broker_reachable: bool

    @property
    def heartbeat_age(self) -> dt.timedelta | None:
        """How long the most silent worker has been silent; None when there never was one."""
        return max(self.heartbeats.values(), default=None)

    def degraded(self) -> list[str]:
        """A sentence for each thing that makes the desk late. Empty when it keeps up."""
        sentences = []
        if self.lag > LATE_AFTER:
            sentences.append(f"The oldest unread webhook that may hold an opt-out has waited {in_words(self.lag)}.")
        if not self.is_broker_reachable:
            sentences.append("The broker does not answer: webhooks are read once a second instead of at once.")
        if not self.heartbeats:
            sentences.append("No background worker has been seen yet: start `manage.py serve` or a Celery worker.")
        sentences += [
            f"The {_WORKERS.get(name, name)} was last seen {in_words(age)} ago."
            for name, age in sorted(self.heartbeats.items())
            if age > SILENT_AFTER
        ]
        return sentences


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything `status` and /metrics tell. `unfinished` and `failed` are deliveries by state."""

    pulse: Pulse
    lanes: dict[str, LaneFacts]
    received: int
    read: int
    median_seconds: float | None
    unfinished: dict[str, int]
    failed: dict[str, int]
    oldest_due: dt.timedelta
    position: int
    sealed_position: int
    seal_age: dt.timedelta | None
    unsealed_age: dt.timedelta
    unknown_phones: int

    def to_do(self) -> list[str]:
        """A sentence for each thing that needs somebody. Empty when all is well."""
        sentences = self.pulse.degraded()
        failing = sum(lane.failing for lane in self.lanes.values())
        if failing:
            sentences.append(
                f"{count_in_words(failing, 'webhook')} cannot be read. Look at the error of each in the inbox, and "
                "process it again once the cause is gone."
            )
        if self.oldest_due > LATE_AFTER:
            sentences.append(f"A delivery has been due for {in_words(self.oldest_due)}: is the outbox worker running?")
        lost = {state: number for state, number in self.failed.items() if number and state != DeliveryState.EXPIRED}
        if lost:
            states = " and ".join(f"{number} {state}" for state, number in lost.items())
            sentences.append(f"Look at the deliveries of the last day that are not known to have arrived: {states}.")
        if self.unsealed_age > UNSEALED_AFTER:
            sentences.append(
                f"The ledger has had no seal for {in_words(self.unsealed_age)}. Run `manage.py seal_ledger`."
            )
        return sentences


# The database ---------------------------------------------------------------------------------------------------------

_known = {"is_migrated": False}


def missing_migrations() -> list[str]:
    """Names of the migrations the database lacks. Once there are none it is not asked again.

    Raises DatabaseUnavailableError when the database does not answer.
    """
    try:
        connection.ensure_connection()
        if _known["is_migrated"]:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            return []
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        connection.close()
        raise DatabaseUnavailableError(f"{type(error).__name__}.") from error
    _known["is_migrated"] = not plan
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


# Gathering ------------------------------------------------------------------------------------------------------------


def pulse(now: dt.datetime) -> Pulse:
    seen = Heartbeat.objects.values_list("name", "seen_at")
    return Pulse(
        lag=inbox.lag(now),
        heartbeats={name: max(now - seen_at, dt.timedelta(0)) for name, seen_at in seen},
        is_broker_reachable=_broker.is_reachable(),
    )


def gather(now: dt.datetime) -> Facts:
    """All facts, in a fixed number of queries."""
    received, read, median_seconds = _rates(now)
    sealed = Seal.objects.order_by("-number").values_list("to_position", "sealed_at").first()
    sealed_position, sealed_at = sealed or (0, None)
    return Facts(
        pulse=pulse(now),
        lanes={lane.value: _lane(lane, now) for lane in Lane},
        received=received,
        read=read,
        median_seconds=median_seconds,
        unfinished=_unfinished(),
        failed=_failed(now),
        oldest_due=_oldest_due(now),
        position=LedgerHead.objects.values_list("position", flat=True).get(pk=1),
        sealed_position=sealed_position,
        seal_age=now - sealed_at if sealed_at else None,
        unsealed_age=_unsealed_age(sealed_position, now),
        unknown_phones=_unknown_phones(),
    )


def _lane(lane: Lane, now: dt.datetime) -> LaneFacts:
    entries = InboxEntry.objects.filter(lane=lane)
    oldest = entries.unread().order_by("received_at").values_list("received_at", flat=True).first()
    return LaneFacts(
        waiting=_bounded(entries.unread()),
        failing=_bounded(entries.failing()),
        oldest=max(now - oldest, dt.timedelta(0)) if oldest else dt.timedelta(0),
    )


def _rates(now: dt.datetime) -> tuple[int, int, float | None]:
    """How many webhooks with messages came in and were read lately, and the median seconds between the two.

    Bodies with nothing but statuses are gone as soon as they are read, so they are not in these numbers.
    """
    newest = InboxEntry.objects.order_by("-pk").values_list("lane", "received_at", "processed_at", "state")[:SAMPLE]
    recent = [row for row in newest if row[0] == Lane.URGENT and row[1] > now - RATE_WINDOW]
    seconds = [
        (done - received).total_seconds() for _, received, done, state in recent if done and state == InboxState.DONE
    ]
    return len(recent), len(seconds), statistics.median(seconds) if seconds else None


def _unfinished() -> dict[str, int]:
    return {state.value: _bounded(Delivery.objects.filter(state=state)) for state in WAITING}


def _failed(now: dt.datetime) -> dict[str, int]:
    newest = Delivery.objects.order_by("-pk").values("pk")[:SAMPLE]
    rows = Delivery.objects.filter(pk__in=newest, created_at__gt=now - FAILURE_WINDOW, state__in=FAILED)
    found = dict(rows.values_list("state").annotate(number=Count("pk")))
    return {state.value: found.get(state.value, 0) for state in FAILED}


def _oldest_due(now: dt.datetime) -> dt.timedelta:
    oldest = (
        Delivery.objects.due(now).order_by("next_attempt_at", "pk").values_list("next_attempt_at", flat=True).first()
    )
    return now - oldest if oldest else dt.timedelta(0)


def _unsealed_age(sealed_position: int, now: dt.datetime) -> dt.timedelta:
    """The age of the first event after the last seal; zero when all are sealed."""
    events = ConsentEvent.objects.filter(position__gt=sealed_position).order_by("position")
    recorded_at = events.values_list("recorded_at", flat=True).first()
    return max(now - recorded_at, dt.timedelta(0)) if recorded_at else dt.timedelta(0)


def _unknown_phones() -> int:
    """Of the newest opt-outs, how many are of people whose phone number nobody has told us: a sender that knows only
    phone numbers cannot leave them out."""
    phone = Identity.objects.filter(root=OuterRef("subscriber"), scheme=Scheme.PHONE, ended_at=None)
    consents = Consent.objects.filter(pk__in=Consent.objects.order_by("-pk").values("pk")[:SAMPLE])
    stops = PlatformStop.objects.filter(pk__in=PlatformStop.objects.order_by("-pk").values("pk")[:SAMPLE])
    found: set[int] = set()
    for rows in (consents.filter(status=ConsentStatus.OPTED_OUT), stops):
        unknown = rows.filter(~Exists(phone), Q(subscriber__erased_at=None))
        found.update(unknown.values_list("subscriber_id", flat=True))
    return len(found)


def _bounded(rows: QuerySet[InboxEntry] | QuerySet[Delivery]) -> int:
    return rows.order_by()[: COUNT_LIMIT + 1].count()


class _Broker:
    """Asks the broker for a connection at most every few seconds, so that a probe never waits for a dead one twice."""

    def __init__(self, *, pause_seconds: float) -> None:
        self._pause_seconds = pause_seconds
        self._asked_at = float("-inf")
        self._answer = True

    def is_reachable(self) -> bool:
        if settings.CELERY_EMBEDDED:
            return True
        if time.monotonic() - self._asked_at > self._pause_seconds:
            self._answer = self._ask()
            self._asked_at = time.monotonic()
        return self._answer

    def _ask(self) -> bool:
        with current_app.connection_for_write(connect_timeout=2) as broker:
            try:
                broker.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=2)
            except (KombuError, OSError):
                return False
        return True


_broker = _Broker(pause_seconds=5.0)


# Words ----------------------------------------------------------------------------------------------------------------


def in_words(age: dt.timedelta) -> str:
    """An age as people say it: “3 minutes”."""
    seconds = int(age.total_seconds())
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}s"
    return f"{seconds} second" if seconds == 1 else f"{seconds} seconds"


def count_in_words(number: int, noun: str) -> str:
    """A bounded count as people say it: “1 webhook”, “more than 10,000 webhooks”."""
    if number > COUNT_LIMIT:
        return f"more than {COUNT_LIMIT:,} {noun}s"
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
