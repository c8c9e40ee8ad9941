"""Which replies answer a service message (an order, a booking, a code) with a word that may mean just that.

Only what is known when the reply is read counts: docs/desk.md, “CANCEL under an order”.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from preferences.identifiers import digest
from preferences.inbox.hearing import Seen
from preferences.interpretation.context import may_mean_the_order
from preferences.interpretation.intents import Intent
from preferences.interpretation.observations import InboundMessage, StatusUpdate
from preferences.models import SentMessage, batches

#: What WhatsApp calls messages that are no marketing (pricing.category of a status, 2026-11).
SERVICE_CATEGORIES = frozenset({"utility", "authentication", "authentication_international", "service"})

Keys = Mapping[bytes, tuple[int, dt.date]]


def refs(everything: Iterable[Seen]) -> list[bytes]:
    """The messages answered by words that may mean the order."""
    return [ref for seen in everything if (ref := _answered(seen))]


def answers_to_service(everything: Iterable[Seen], keys: Keys) -> set[bytes]:
    """Of those, the ones known as service messages, now or by a status of this batch: one query, and none if there are
    no such replies."""
    everything = list(everything)
    answered = set(refs(everything))
    if not answered:
        return set()
    statuses = (seen.observation for seen in everything if isinstance(seen.observation, StatusUpdate))
    told = {digest(status.message_id) for status in statuses if status.category in SERVICE_CATEGORIES}
    return (answered & told) | known_service({ref: keys[ref][1] for ref in answered if ref in keys})


def known_service(months: Mapping[bytes, dt.date]) -> set[bytes]:
    """Those that are service messages, of messages with the month they are kept in."""
    if not months:
        return set()
    rows = SentMessage.objects.filter(
        month__in=set(months.values()), digest__any=set(months), category__in=SERVICE_CATEGORIES
    )
    return {bytes(ref) for (ref,) in batches.read(rows.values_list("digest"))}


def may_answer_service(intent: Intent, message: InboundMessage) -> bool:
    """Whether it matters what this message answers."""
    return bool(message.context_id) and may_mean_the_order(intent, message.text or message.payload)


def _answered(seen: Seen) -> bytes:
    message, heard = seen.observation, seen.heard
    if heard is None or not isinstance(message, InboundMessage) or message.is_group:
        return b""
    return digest(message.context_id) if may_answer_service(heard.intent, message) else b""
