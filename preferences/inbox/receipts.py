"""Statuses of our own answers: a delivery whose correlation id comes back is settled, in any order and however often.

The result depends only on which statuses came, not on their order: delivered or read proves that it arrived, whatever
else is said; without those a failure stands; without one it was sent. That also settles attempts whose end nobody saw.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db import transaction

from preferences.channels.graph_errors import WINDOW_CLOSED, verdict
from preferences.identifiers import digest
from preferences.inbox.sent import Dated
from preferences.interpretation.observations import StatusUpdate
from preferences.models import Delivery, DeliveryState, batches, blocks
from preferences.models.blocks import Blocked


@dataclass(frozen=True, slots=True)
class News:
    """What the statuses of one message say: the earliest time of each."""

    message: bytes
    sent_at: dt.datetime | None = None
    delivered_at: dt.datetime | None = None
    read_at: dt.datetime | None = None
    failed_at: dt.datetime | None = None
    code: int = 0

    def with_status(self, status: str, at: dt.datetime, code: int) -> News:
        """The news with one more status; what is no step of a message's way changes nothing."""
        if status == "sent":
            return replace(self, sent_at=_earliest(self.sent_at, at))
        if status == "delivered":
            return replace(self, delivered_at=_earliest(self.delivered_at, at))
        if status in {"read", "played"}:
            return replace(self, read_at=_earliest(self.read_at, at))
        if status == "failed":
            return replace(self, failed_at=_earliest(self.failed_at, at), code=max(self.code, code))
        return self


@dataclass(frozen=True, slots=True)
class Row:
    """The part of a delivery that statuses bear on. `message` is the SHA-256 of the provider's id, empty if unknown."""

    state: str
    message: bytes = b""
    template: str = ""
    code: int = 0
    excerpt: str = ""
    next_attempt_at: dt.datetime | None = None
    leased_until: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    delivered_at: dt.datetime | None = None
    read_at: dt.datetime | None = None
    expires_at: dt.datetime | None = None


def settled(row: Row, news: News, *, now: dt.datetime) -> Row:
    """The delivery after these statuses. Pure."""
    if row.message and row.message != news.message:
        return row  # of an earlier attempt, which was refused
    times = replace(
        row,
        delivered_at=_earliest(row.delivered_at, news.delivered_at),
        read_at=_earliest(row.read_at, news.read_at),
    )
    if times.delivered_at or times.read_at:
        return _sent(times, news, now)
    if news.failed_at:
        return _failed(times, news, now)
    is_failed = row.state == DeliveryState.DEAD and row.message
    return times if is_failed or not news.sent_at else _sent(times, news, now)


def _sent(row: Row, news: News, now: dt.datetime) -> Row:
    if row.state == DeliveryState.SENT:
        return replace(row, message=news.message)
    first = min((at for at in (news.sent_at, news.delivered_at, news.read_at) if at), default=now)
    return replace(
        row, state=DeliveryState.SENT, message=news.message, code=0, excerpt="A status tells that it was sent.",
        leased_until=None, finished_at=row.finished_at or first,
    )  # fmt: skip


def _failed(row: Row, news: News, now: dt.datetime) -> Row:
    if news.code == WINDOW_CLOSED:
        if row.template or (row.code == WINDOW_CLOSED and row.state != DeliveryState.DEAD):
            return row  # told before, about the free text: the template is on its way
        if _may_try_template(row, now):
            return replace(
                row, state=DeliveryState.RETRY, message=b"", code=WINDOW_CLOSED, excerpt=_words(news.code),
                next_attempt_at=now, leased_until=None, finished_at=None,
            )  # fmt: skip
    return replace(
        row, state=DeliveryState.DEAD, message=news.message, code=news.code, excerpt=_words(news.code), leased_until=None,
        finished_at=row.finished_at or news.failed_at,
    )  # fmt: skip


def _may_try_template(row: Row, now: dt.datetime) -> bool:
    """Not while the answer to the call is still waited for, and not when it would come too late."""
    in_time = row.expires_at is None or row.expires_at > now
    return in_time and row.state in {DeliveryState.SENT, DeliveryState.UNKNOWN}


def _words(code: int) -> str:
    return f"{verdict(code).words} (Error {code}.)"


def _earliest(one: dt.datetime | None, other: dt.datetime | None) -> dt.datetime | None:
    return min((at for at in (one, other) if at), default=None)


# Tables ---------------------------------------------------------------------------------------------------------------


def settle(everything: Iterable[Dated], *, now: dt.datetime) -> None:
    """Settle the deliveries these statuses are about, in two queries; none when no status carries a correlation id."""
    news = _gather(everything)
    if not news:
        return
    found = Delivery.objects.filter(correlation_id__any=set(news)).order_by("pk").select_for_update(of=("self",))
    rows = found.values_list("pk", "correlation_id", "sender", "sender__portfolio", *_COLUMNS)
    changed = []
    stops: list[Blocked] = []
    for pk, correlation_id, sender, portfolio, *columns in rows:
        before = _row(columns)
        after = before
        for one in news[correlation_id].values():
            after = settled(after, one, now=now)
            stop = verdict(one.code).stop if one.code and after.code == one.code != before.code else None
            if stop:
                stops.append(stop.blocks(sender=sender, portfolio=portfolio, now=now, reason=_words(one.code)))
        if after != before:
            changed.append((pk, *_values(after)))
    batches.update(Delivery, key="id", fields=_COLUMNS[:-1], rows=changed)
    if stops:
        # What a status says about a whole number or account stops it as well as an answer would. Afterwards: the outbox
        # locks deliveries and senders in another order than webhooks do.
        transaction.on_commit(lambda: blocks.write(stops))


_COLUMNS = (
    "state", "provider_digest", "template", "error_code", "response_excerpt", "next_attempt_at", "leased_until",
    "finished_at", "delivered_at", "read_at", "expires_at",
)  # fmt: skip


def _row(columns: list[object]) -> Row:
    state, message, *rest = columns
    return Row(str(state), bytes(message), *rest)  # type: ignore[call-overload, arg-type]


def _values(row: Row) -> tuple[object, ...]:
    return (
        str(row.state), row.message, row.template, row.code, row.excerpt, row.next_attempt_at, row.leased_until,
        row.finished_at, row.delivered_at, row.read_at,
    )  # fmt: skip


def _gather(everything: Iterable[Dated]) -> dict[uuid.UUID, dict[bytes, News]]:
    """News by correlation id and message. Ids of other senders' own making are left alone."""
    news: dict[uuid.UUID, dict[bytes, News]] = {}
    for seen in everything:
        status = seen.observation
        if not isinstance(status, StatusUpdate) or not status.correlation_id or status.is_group:
            continue
        correlation_id = _uuid(status.correlation_id)
        if correlation_id is None:
            continue
        messages = news.setdefault(correlation_id, {})
        key = digest(status.message_id)
        one = messages.get(key) or News(key)
        messages[key] = one.with_status(status.status, seen.at, status.error_code or 0)
    return news


def _uuid(text: str) -> uuid.UUID | None:
    if len(text) != 36:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
