"""Reads what came in: claims batches (urgent first), interprets them, records what they mean, all in one transaction.

A batch that fails is halved until the poison stands alone; it is retried with back-off, stays visible with its error
and never blocks others. The claim is the row lock of that transaction, so a killed worker leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from preferences.decisions import StalePersonError
from preferences.encryption import seal, unseal
from preferences.inbox import notices, texts
from preferences.inbox.applying import apply
from preferences.inbox.hearing import Seen, listen
from preferences.interpretation.observations import AccountEvent, SentWords, TemplateWords, UnreadableBodyError
from preferences.interpretation.whatsapp import read
from preferences.models import InboxEntry, InboxState, Lane, batches
from preferences.redaction import redact

logger = logging.getLogger(__name__)

BATCH_ENTRIES = 2_000
#: Keeps a batch of fat bodies (up to 1,000 updates each) short, so that a STOP behind it waits less than a second.
BATCH_BYTES = 2_000_000
RETRY_CEILING = dt.timedelta(hours=1)
_ATTEMPTS_TOGETHER = 3


class Entry(NamedTuple):
    """One claimed webhook, read."""

    id: int
    received_at: dt.datetime
    seen: tuple[Seen, ...] = ()
    unknown: tuple[str, ...] = ()
    is_status_only: bool = False
    error: str = ""
    account_events: tuple[AccountEvent, ...] = ()
    sent_words: tuple[SentWords, ...] = ()
    template_words: tuple[TemplateWords, ...] = ()


@dataclass(slots=True)
class Outcome:
    """What one pass over the inbox did."""

    done: int = 0
    failed: list[int] = field(default_factory=list)


def envelope(
    provider: str, lane: str, body: bytes, headers: dict[str, str], received_at: dt.datetime
) -> tuple[object, ...]:
    """The column values of a new entry, in the order of ENVELOPE; the body is encrypted here."""
    return (
        provider, lane, seal("inbox", body), len(body), hashlib.sha256(body).digest(), headers, received_at,
        InboxState.PENDING, 0, received_at, "", [],
    )  # fmt: skip


ENVELOPE = (
    "provider", "lane", "body", "size", "digest", "headers", "received_at", "state", "attempts", "next_attempt_at",
    "error", "unknown",
)  # fmt: skip


def process(*, now: dt.datetime | None = None, seconds: float = 30.0) -> Outcome:
    """Work until nothing is due or the time is up; urgent entries go first, between any two batches.

    `now` is the clock of the decisions (for seeding and replay); by default each batch takes the time it starts.
    """
    outcome = Outcome()
    end = timezone.now() + dt.timedelta(seconds=seconds)
    while timezone.now() < end:
        at = now or timezone.now()
        if not any(_process_lane(lane, at, outcome) for lane in (Lane.URGENT, Lane.STATUS)):
            break
    return outcome


def process_again(ids: Iterable[int], *, now: dt.datetime) -> int:
    """Make these entries due at once, whatever their state. Doing so twice is harmless. Returns how many."""
    entries = InboxEntry.objects.filter(pk__in=list(ids), received_at__lte=now)
    return entries.update(state=InboxState.PENDING, next_attempt_at=F("received_at"))


def lag(now: dt.datetime) -> dt.timedelta:
    """The age of the oldest unread urgent entry; zero when there is none."""
    oldest = oldest_unread()
    return max(now - oldest, dt.timedelta(0)) if oldest else dt.timedelta(0)


def complete_until(oldest_unread: dt.datetime | None, now: dt.datetime) -> dt.datetime:
    """Everything urgent that was received before this time has been read; a failing entry counts as unread here."""
    failing = (
        InboxEntry.objects.failing().urgent().order_by("received_at").values_list("received_at", flat=True).first()
    )
    return min(at for at in (oldest_unread, failing, now) if at)


def oldest_unread() -> dt.datetime | None:
    """When the oldest unread urgent entry was received. A failing one was tried and stands alone: it is not counted."""
    # An unread entry is due since it was received, and the index is by due time.
    unread = InboxEntry.objects.unread().urgent().order_by("next_attempt_at", "id")
    return unread.values_list("received_at", flat=True).first()


def _process_lane(lane: str, now: dt.datetime, outcome: Outcome) -> bool:
    """One batch of the lane; False when nothing is due."""
    ids: list[int] = []
    try:
        with _uncollected(), transaction.atomic():
            batches.prefer_indexes()
            ids = _claim(lane, now)
            if not ids:
                return False
            _record(_interpret(ids), now)
        outcome.done += len(ids)
    except Exception:
        _raise_if_database_is_gone()
        if not ids:
            raise
        _process_halves(ids, now, outcome, attempt=1)
    return True


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """A batch makes a hundred thousand objects without cycles; walking them again and again costs a fifth of its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _claim(lane: str, now: dt.datetime) -> list[int]:
    """Lock the next due entries that nobody else works on, up to the size of a batch."""
    rows = (
        InboxEntry.objects.due(now)
        .filter(lane=lane)
        .order_by("next_attempt_at", "id")
        .select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
        .values_list("id", "size")[:BATCH_ENTRIES]
    )
    ids: list[int] = []
    total = 0
    for pk, size in rows:
        total += size
        if ids and total > BATCH_BYTES:
            break
        ids.append(pk)
    return ids


def _process_halves(ids: list[int], now: dt.datetime, outcome: Outcome, *, attempt: int) -> None:
    """Try again what failed: whole while another worker may have been in the way, then in halves, then one by one."""
    try:
        with transaction.atomic():
            batches.prefer_indexes()
            _record(_interpret(ids), now)
        outcome.done += len(ids)
        return
    except (IntegrityError, OperationalError, StalePersonError) as error:
        _raise_if_database_is_gone()
        if attempt < _ATTEMPTS_TOGETHER:
            _process_halves(ids, now, outcome, attempt=attempt + 1)
            return
        failure: Exception = error
    except Exception as error:  # noqa: BLE001 (the one place per worker loop: it stores the error on the row and goes on)
        _raise_if_database_is_gone()
        failure = error
    if len(ids) == 1:
        _fail(ids[0], failure, now)
        outcome.failed.append(ids[0])
        return
    middle = len(ids) // 2
    _process_halves(ids[:middle], now, outcome, attempt=attempt)
    _process_halves(ids[middle:], now, outcome, attempt=attempt)


def _interpret(ids: list[int]) -> list[Entry]:
    """Lock these entries and read what they say; those somebody else has done meanwhile are left out."""
    rows = (
        InboxEntry.objects.filter(pk__any=set(ids))
        .exclude(state=InboxState.DONE)
        .order_by("received_at", "id")
        .select_for_update()
        .values_list("id", "lane", "body", "received_at")
    )
    return [_read(pk, lane, body, received_at) for pk, lane, body, received_at in batches.read(rows)]


def _record(entries: list[Entry], now: dt.datetime) -> None:
    notices.write((entry.received_at, event) for entry in entries for event in entry.account_events)
    texts.write_templates((entry.received_at, words) for entry in entries for words in entry.template_words)
    texts.write(((entry.received_at, words) for entry in entries for words in entry.sent_words), now=now)
    apply((seen for entry in entries for seen in entry.seen), now=now)
    _finish(entries, now)


def _read(pk: int, lane: str, body: bytes, received_at: dt.datetime) -> Entry:
    try:
        reading = read(unseal("inbox", body))
    except UnreadableBodyError as error:
        # Signed by the provider and not understood: kept for people to look at, an outcome and not a failure.
        return Entry(pk, received_at, unknown=("unreadable",), error=redact(f"Not understood: {error}"))
    is_status_only = lane == Lane.STATUS and not reading.has_messages and not reading.unknown
    return Entry(
        pk,
        received_at,
        tuple(listen(pk, received_at, reading)),
        reading.unknown,
        is_status_only,
        account_events=reading.account_events,
        sent_words=reading.sent_words,
        template_words=reading.template_words,
    )


def _finish(entries: list[Entry], now: dt.datetime) -> None:
    """Status bodies go as soon as they are applied; bodies with messages stay for INBOX_RETENTION_DAYS."""
    batch = _partitions(entries)
    batch.filter(pk__any={entry.id for entry in entries if entry.is_status_only})._raw_delete(batch.db)  # type: ignore[attr-defined]
    plain = {entry.id for entry in entries if not (entry.is_status_only or entry.unknown)}
    done = {"state": InboxState.DONE, "processed_at": now}
    batch.filter(pk__any=plain).update(**done, error="", unknown=[])
    for entry in entries:
        if entry.unknown:
            batch.filter(pk=entry.id).update(**done, error=entry.error, unknown=sorted(set(entry.unknown))[:20])


def _partitions(entries: list[Entry]) -> QuerySet[InboxEntry]:
    """Only the partitions these entries are in."""
    times = [entry.received_at for entry in entries]
    if not times:
        return InboxEntry.objects.none()
    return InboxEntry.objects.filter(received_at__range=(min(times), max(times)))


def _fail(pk: int, error: Exception, now: dt.datetime) -> None:
    logger.error("An inbox entry cannot be processed.", exc_info=error, extra={"inbox_entry": pk})
    entry = InboxEntry.objects.filter(pk=pk).only("attempts").first()
    if entry is None:
        return
    attempts = min(entry.attempts + 1, 32_000)
    wait = min(dt.timedelta(seconds=2 ** min(attempts, 12)), RETRY_CEILING)
    InboxEntry.objects.filter(pk=pk).update(
        state=InboxState.FAILING,
        attempts=attempts,
        next_attempt_at=now + wait,
        error=redact(f"{type(error).__name__}: {error}")[:2000],
    )


def _raise_if_database_is_gone() -> None:
    """With no database there is no poison to look for: give up this pass, the next sweep tries again."""
    if connection.in_atomic_block:
        return
    try:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (InterfaceError, OperationalError, DatabaseError):
        connection.close()
        raise
