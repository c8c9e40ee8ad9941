"""Everything that happened around one person in one list, newest first, a page at a time in a fixed number of queries."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.safestring import SafeString

from preferences.admin import words
from preferences.admin.base import text_of
from preferences.admin.words import Names
from preferences.models import (
    AccessAction,
    AccessRecord,
    ConsentEvent,
    Delivery,
    MessageKey,
    Reply,
    Sender,
    SentMessage,
    Source,
    Subscriber,
    User,
)

PAGE = 25
#: So many of a person's newest answers are followed back to the campaign message they answer.
_MOST_ANSWERS = 200

#: The filters, in the order of the links, with the permission each needs (any of them shows "all").
FILTERS = {
    "replies": "preferences.view_reply",
    "decisions": "preferences.view_consentevent",
    "sent": "preferences.view_delivery",
    "staff": "preferences.view_accessrecord",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. `rank` orders what happened in the same instant: what came of it stands above it."""

    at: dt.datetime
    rank: int
    key: Any
    tone: str
    state: str
    text: str = ""
    why: str = ""
    said: str = ""
    link: str = ""
    row: str = ""
    when: SafeString | str = ""

    @property
    def mark(self) -> SafeString:
        return words.badge(self.tone, self.state)


class Cursor(NamedTuple):
    """The last line of a page: the next page begins below it."""

    at: dt.datetime
    rank: int
    key: str

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.rank}~{self.key}"


def cursor_from(text: str) -> Cursor | None:
    """The cursor of a link, None for anything else."""
    try:
        at, rank, key = text.split("~")
        cursor = Cursor(dt.datetime.fromisoformat(at), int(rank), key)
        (bytes.fromhex if cursor.rank == _CAMPAIGN else int)(key)
    except ValueError:
        return None
    return cursor if cursor.at.tzinfo and cursor.rank in range(_CAMPAIGN + 1) else None


@dataclass(frozen=True, slots=True)
class Timeline:
    """One page. `older` is the cursor of the next, "" at the end; `filters` are those the viewer may use."""

    lines: Sequence[Line]
    show: str
    filters: Sequence[str]
    older: str
    is_first: bool


_STAFF, _TOLD, _DECIDED, _SAID, _CAMPAIGN = range(5)


def timeline_of(
    members: list[Subscriber],
    *,
    user: Any,
    names: Names,
    now: dt.datetime,
    show: str = "all",
    before: Cursor | None = None,
) -> Timeline:
    """The newest lines before the cursor, of the root and every member; only what `user` may see."""
    allowed = [name for name, permission in FILTERS.items() if user.has_perm(permission)]
    show = show if show in allowed else "all"
    readers = [reader for name in (allowed if show == "all" else [show]) for reader in _READERS[name]]
    if show == "staff" and "decisions" in allowed:
        readers.append(_staff_events)
    lines = [line for reader in readers for line in reader(members, before, names)]
    # Each reader's lines come newest first, and both sorts keep the order of what is equal.
    lines.sort(key=operator.attrgetter("rank"))
    lines.sort(key=operator.attrgetter("at"), reverse=True)
    page = [replace(line, when=words.when(line.at, now)) for line in lines[:PAGE]]
    return Timeline(page, show, allowed, _cursor_after(page) if len(lines) > PAGE else "", before is None)


def _cursor_after(page: Sequence[Line]) -> str:
    last = page[-1]
    return str(Cursor(last.at, last.rank, last.key.hex() if isinstance(last.key, bytes) else str(last.key)))


def _page(rows: QuerySet[Any], rank: int, before: Cursor | None, at: str, key: str = "pk") -> QuerySet[Any]:
    """The rows below the cursor, newest first, one more than a page holds."""
    if before:
        if rank > before.rank:
            rows = rows.filter(**{f"{at}__lte": before.at})
        elif rank < before.rank:
            rows = rows.filter(**{f"{at}__lt": before.at})
        else:
            value = bytes.fromhex(before.key) if rank == _CAMPAIGN else int(before.key)
            rows = rows.filter(Q(**{f"{at}__lt": before.at}) | Q(**{at: before.at, f"{key}__lt": value}))
    return rows.order_by(f"-{at}", f"-{key}")[: PAGE + 1]


def _replies(members: list[Subscriber], before: Cursor | None, names: Names) -> list[Line]:
    replies = Reply.objects.filter(subscriber__in=[one.pk for one in members]).select_related("sender")
    return [
        Line(
            reply.sent_at,
            _SAID,
            reply.pk,
            *words.intent_in_words(reply.intent),
            text=f"To {reply.sender}.",
            why=_sentence(words.rule_in_words(reply.rule)),
            said=text_of(reply),
            link=_row("reply", reply.pk),
            row=f"reply {reply.pk}",
        )
        for reply in _page(replies, _SAID, before, "sent_at")
    ]


def _events(members: list[Subscriber], before: Cursor | None, names: Names) -> list[Line]:
    events = ConsentEvent.objects.filter(subscriber__in=[one.public_id for one in members])
    return _lines_of(_page(events, _DECIDED, before, "effective_at"), names)


def _staff_events(members: list[Subscriber], before: Cursor | None, names: Names) -> list[Line]:
    events = ConsentEvent.objects.filter(subscriber__in=[one.public_id for one in members], source=Source.STAFF)
    return _lines_of(_page(events, _DECIDED, before, "effective_at"), names)


def _lines_of(rows: QuerySet[ConsentEvent], names: Names) -> list[Line]:
    events = list(rows)
    senders = {one.pk: str(one) for one in Sender.objects.filter(pk__in={event.sender for event in events})}
    people = dict(User.objects.filter(pk__in={event.actor for event in events}).values_list("pk", "username"))
    return [
        Line(
            event.effective_at,
            _DECIDED,
            event.position,
            words.event_tone(event),
            event.get_kind_display(),
            text=f"{words.reach_in_words(event, names)}.",
            why=_why(event, senders, people),
            link=_row("consentevent", event.position),
            row=f"event {event.position}",
        )
        for event in events
    ]


def _why(event: ConsentEvent, senders: dict[int, str], people: dict[int, str]) -> str:
    parts = [
        event.get_source_display(),
        f"on {senders[event.sender]}" if event.sender in senders else "",
        words.rule_in_words(event.rule),
        f"by {people[event.actor]}" if event.actor in people else "",
        f"corrects event {event.voids}" if event.voids else "",
        f"read {words.later(event.received_at, event.recorded_at)}" if _is_late(event) else "",
    ]
    return _sentence(", ".join(part for part in parts if part))


def _is_late(event: ConsentEvent) -> bool:
    return event.recorded_at - event.received_at > dt.timedelta(minutes=1)


def _deliveries(members: list[Subscriber], before: Cursor | None, names: Names) -> list[Line]:
    deliveries = Delivery.objects.filter(subscriber__in=[one.pk for one in members])
    rows = deliveries.select_related("destination", "notice").annotate(at=Coalesce("finished_at", "created_at"))
    return [
        Line(
            delivery.at,
            _TOLD,
            delivery.pk,
            *words.delivery_in_words(delivery),
            text=f"{delivery.get_kind_display()}, {words.language_in_words(delivery.language)}, to {delivery.destination}.",
            why=words.fate_in_words(delivery),
            said=delivery.notice.text if delivery.notice else "",
            link=_row("delivery", delivery.pk),
            row=f"delivery {delivery.pk}",
        )
        for delivery in _page(rows, _TOLD, before, "at")
    ]


def _campaigns(members: list[Subscriber], before: Cursor | None, names: Names) -> list[Line]:
    """The messages of campaigns that the person answered. Others are not shown: no index leads from a person to them."""
    people = [one.pk for one in members]
    answers = Reply.objects.filter(subscriber__in=people).exclude(context=b"").order_by("-pk")
    answered = {bytes(ref) for ref in answers.values_list("context", flat=True)[:_MOST_ANSWERS]}
    own = Delivery.objects.filter(subscriber__in=people).exclude(provider_digest=b"").order_by("-pk")
    answered -= {bytes(ref) for ref in own.values_list("provider_digest", flat=True)[:_MOST_ANSWERS]}
    # The months keep PostgreSQL from looking into every partition.
    keys = MessageKey.objects.filter(digest__in=answered).values_list("digest", "month")
    months = {bytes(ref): month for ref, month in keys}
    sent = SentMessage.objects.filter(digest__in=list(months), month__in=set(months.values()))
    rows = sent.annotate(at=Coalesce("sent_at", "delivered_at", "read_at", "failed_at")).exclude(at=None)
    return [
        Line(
            message.at,
            _CAMPAIGN,
            bytes(message.digest),
            words.PLAIN,
            "Campaign message",
            text=f"{message.category.capitalize() or 'Message'} of ours that was answered.",
            why=words.times_in_words(message.at, message.delivered_at, message.read_at),
        )
        for message in _page(rows, _CAMPAIGN, before, "at")
    ]


def _access(members: list[Subscriber], before: Cursor | None, names: Names) -> list[Line]:
    records = AccessRecord.objects.filter(subscriber__in=[one.public_id for one in members]).select_related("actor")
    return [
        Line(
            record.at,
            _STAFF,
            record.pk,
            words.DOUBT if record.action == AccessAction.REVEAL else words.PLAIN,
            record.get_action_display(),
            text=f"{record.actor}.",
            why=" ".join(part for part in (record.reason, f"Ticket {record.ticket}." if record.ticket else "") if part),
            link=_row("accessrecord", record.pk),
            row=f"record {record.pk}",
        )
        for record in _page(records, _STAFF, before, "at")
    ]


def _row(model: str, key: Any) -> str:
    return reverse(f"admin:preferences_{model}_change", args=[key])


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


_Reader = Callable[[list[Subscriber], Cursor | None, Names], list[Line]]
_READERS: dict[str, tuple[_Reader, ...]] = {
    "replies": (_replies,),
    "decisions": (_events,),
    "sent": (_deliveries, _campaigns),
    "staff": (_access,),
}
