"""Sent messages, learned from statuses: one row a message with the earliest time of each status, in any order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from preferences.identifiers import digest
from preferences.interpretation.observations import Observation, StatusUpdate
from preferences.models import MessageKey, SentMessage, batches


class Dated(Protocol):
    """An observation with the time it happened and whom it is about."""

    @property
    def at(self) -> dt.datetime: ...
    @property
    def subscriber(self) -> int: ...
    @property
    def observation(self) -> Observation: ...


@dataclass(slots=True)
class _Message:
    subscriber: int
    sender: int
    first: dt.datetime
    category: str = ""
    correlation_id: str = ""
    sent_at: dt.datetime | None = None
    delivered_at: dt.datetime | None = None
    read_at: dt.datetime | None = None
    failed_at: dt.datetime | None = None
    error_code: int = 0


_TIMES = {
    "sent": "sent_at", "delivered": "delivered_at", "read": "read_at", "played": "read_at", "failed": "failed_at",
}  # fmt: skip
_FIELDS = (
    "digest", "month", "subscriber", "sender", "campaign", "template", "category", "correlation_id", "sent_at",
    "delivered_at", "read_at", "failed_at", "error_code",
)  # fmt: skip


def refs(everything: Iterable[Dated]) -> list[bytes]:
    return [digest(seen.observation.message_id) for seen in everything if isinstance(seen.observation, StatusUpdate)]


def message_keys(wanted: Iterable[bytes]) -> dict[bytes, tuple[int, dt.date]]:
    """Subscriber and month of the messages seen before."""
    rows = MessageKey.objects.filter(digest__any=set(wanted)).values_list("digest", "subscriber", "month")
    return {bytes(key): (subscriber, month) for key, subscriber, month in batches.read(rows)}


def write(everything: Iterable[Dated], senders: dict[str, int], keys: dict[bytes, tuple[int, dt.date]]) -> None:
    """Bring sent messages up to date. A message keeps the month of the first status we saw of it, so that it stays one
    row; the earliest time of each status stands, so duplicates and wrong order change nothing."""
    messages = _gather(everything, senders)
    if not messages:
        return
    keys = keys | _claim({key: one for key, one in messages.items() if key not in keys})
    months = {key: keys[key][1] for key in messages}
    rows = [
        (key, months[key], one.subscriber, one.sender, "", "", one.category, one.correlation_id, one.sent_at,
         one.delivered_at, one.read_at, one.failed_at, one.error_code)
        for key, one in sorted(messages.items(), key=lambda item: item[0])
    ]  # fmt: skip
    batches.upsert(SentMessage, _FIELDS, rows, unique=batches.partition_key("digest", "month"), set_sql=_MERGE)


def _claim(fresh: dict[bytes, _Message]) -> dict[bytes, tuple[int, dt.date]]:
    """Give each new message its month. Where another worker was quicker its month stands, so we read again."""
    if not fresh:
        return {}
    rows = [(key, one.subscriber, one.first.date().replace(day=1)) for key, one in sorted(fresh.items())]
    fields = ("digest", "subscriber", "month")
    batches.upsert(MessageKey, fields, rows, unique=("digest",), set_sql='"month" = old."month"')
    return message_keys(fresh)


def _gather(everything: Iterable[Dated], senders: dict[str, int]) -> dict[bytes, _Message]:
    messages: dict[bytes, _Message] = {}
    for seen in everything:
        status = seen.observation
        if not isinstance(status, StatusUpdate) or status.is_group:
            continue
        key = digest(status.message_id)
        one = messages.get(key)
        if one is None:
            one = messages[key] = _Message(seen.subscriber, senders[status.sender.key], seen.at)
        one.subscriber = one.subscriber or seen.subscriber
        one.category = one.category or status.category[:40]
        one.correlation_id = one.correlation_id or status.correlation_id[:512]
        one.error_code = one.error_code or status.error_code or 0
        column = _TIMES.get(status.status)
        if column:
            before = getattr(one, column)
            setattr(one, column, min(before, seen.at) if before else seen.at)
    return messages


def _earliest(column: str) -> str:
    return (
        f'"{column}" = CASE WHEN excluded."{column}" IS NULL OR old."{column}" < excluded."{column}" '
        f'THEN old."{column}" ELSE excluded."{column}" END'
    )


def _first_known(column: str, nothing: str) -> str:
    return f'"{column}" = CASE WHEN old."{column}" = {nothing} THEN excluded."{column}" ELSE old."{column}" END'


_MERGE = ", ".join(
    [
        *map(_earliest, ("sent_at", "delivered_at", "read_at", "failed_at")),
        *(_first_known(column, "''") for column in ("category", "correlation_id")),
        *(_first_known(column, "0") for column in ("subscriber", "error_code")),
    ]
)
