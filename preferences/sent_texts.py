"""The words of messages that were sent to people, as far as anybody told us: what a reply answers, and a conversation's
other half. Reads only."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from preferences.encryption import EncryptionError, unseal
from preferences.models import Delivery, MessageKey, Sender, SentMessage, SentText, TemplateText, batches


class Origin(StrEnum):
    """Who wrote the words of a message."""

    STAFF = "staff"  # somebody at the business, in the WhatsApp Business app
    NOTICE = "notice"  # the desk
    TEMPLATE = "template"  # a campaign tool; places are {{1}}, {{2}} …


class KnownText(NamedTuple):
    """The words of one message and the labels of its buttons."""

    text: str
    origin: Origin
    buttons: tuple[str, ...] = ()


class Sent(NamedTuple):
    """What statuses told about one message. `at` is the first time anything is known of it."""

    sender: int
    category: str
    names: frozenset[str]
    correlation_id: str
    at: dt.datetime | None


def texts_of(refs: Iterable[bytes]) -> dict[bytes, KnownText]:
    """The known texts of these messages, by the SHA-256 of their ids; at most six queries for any number, none for none.

    Includes our own notices, found by the correlation id that their statuses bring back. A text that cannot be decrypted
    any more is left out.
    """
    wanted = set(refs)
    if not wanted:
        return {}
    keys = MessageKey.objects.filter(digest__any=wanted).values_list("digest", "month")
    sent = sent_messages({bytes(ref): month for ref, month in batches.read(keys)})
    return texts_of_templates(sent) | _notices(sent) | texts_of_staff(wanted)


def sent_messages(months: Mapping[bytes, dt.date]) -> dict[bytes, Sent]:
    """Those of the messages, given with the month they are kept in, of which statuses told: one query, none for none."""
    if not months:
        return {}
    rows = SentMessage.objects.filter(month__in=set(months.values()), digest__any=set(months)).values_list(
        "digest", "sender", "category", "campaign", "template", "correlation_id", "sent_at", "delivered_at", "read_at"
    )
    return {
        bytes(ref): Sent(
            sender,
            category,
            frozenset({campaign, template} - {""}),
            correlation_id,
            min(filter(None, times), default=None),
        )
        for ref, sender, category, campaign, template, correlation_id, *times in batches.read(rows)
    }


def texts_of_staff(refs: set[bytes]) -> dict[bytes, KnownText]:
    """What somebody at the business wrote: one query, none for none."""
    if not refs:
        return {}
    rows = SentText.objects.filter(digest__any=refs).values_list("digest", "text")
    read = ((bytes(ref), _text(sealed)) for ref, sealed in batches.read(rows))
    return {ref: KnownText(text, Origin.STAFF) for ref, text in read if text}


def texts_of_templates(sent: Mapping[bytes, Sent]) -> dict[bytes, KnownText]:
    """The words of those messages that name a template of their portfolio which was not changed since they were sent.

    Statuses do not tell the language, so a template in several languages gives all of them, below each other. Two queries
    for any number, none if no message names a template.
    """
    naming = {ref: one for ref, one in sent.items() if one.names}
    if not naming:
        return {}
    senders = Sender.objects.filter(pk__any={one.sender for one in naming.values()})
    portfolios = dict(senders.values_list("pk", "portfolio_id"))
    rows = TemplateText.objects.filter(
        portfolio__in=set(portfolios.values()), name__in=sorted({name for one in naming.values() for name in one.names})
    )
    templates: dict[tuple[int, str], list[TemplateText]] = defaultdict(list)
    for row in rows.order_by("language"):
        templates[row.portfolio_id, row.name].append(row)
    found = {}
    for ref, one in naming.items():
        texts = [
            row
            for name in sorted(one.names)
            for row in templates.get((portfolios.get(one.sender, 0), name), ())
            if one.at is None or row.changed_at <= one.at
        ]
        if texts:
            buttons = dict.fromkeys(label for row in texts for label in row.buttons)
            found[ref] = KnownText("\n".join(row.text for row in texts), Origin.TEMPLATE, tuple(buttons))
    return found


def _notices(sent: Mapping[bytes, Sent]) -> dict[bytes, KnownText]:
    ids = {ref: key for ref, one in sent.items() if (key := _uuid(one.correlation_id))}
    if not ids:
        return {}
    told = Delivery.objects.filter(correlation_id__any=set(ids.values())).exclude(notice=None)
    texts = dict(told.values_list("correlation_id", "notice__text"))
    return {ref: KnownText(texts[key], Origin.NOTICE) for ref, key in ids.items() if key in texts}


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None  # a campaign tool's own


def _text(sealed: bytes) -> str:
    try:
        return unseal("sent", sealed).decode()
    except EncryptionError:
        return ""
