"""Who answers a message is whom it was sent to: `context.id` links a person seen by user id alone to their number.

Works in both orders, whether the answer or the status of the message it answers is read first.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from preferences.identifiers import digest
from preferences.inbox.sent import Dated
from preferences.interpretation.observations import InboundMessage, StatusUpdate
from preferences.models import Reply, batches

Seen = TypeVar("Seen", bound=Dated)
Keys = dict[bytes, tuple[int, dt.date]]


def refs(everything: Iterable[Dated]) -> list[bytes]:
    """The messages answered by people of whom only a part of their identity is seen."""
    return [ref for seen in everything if (ref := _answered_ref(seen))]


class Links:
    """The conversations of one batch. `known` are the subscribers they may lead to, None if there are none."""

    def __init__(self, everything: Sequence[Dated], keys: Keys) -> None:
        self._keys = keys
        answered = refs(everything)
        self._replies = _replies_to([ref for seen in everything if (ref := _sent_ref(seen)) and ref not in keys])
        sent_to = {keys[ref][0] for ref in answered if ref in keys}
        replied = {pk for found in self._replies.values() for pk in found}
        self.known: set[int] | None = sent_to | replied if answered or replied else None

    def pairs(self, everything: Sequence[Seen]) -> Iterator[tuple[int, int, Seen]]:
        """Subscribers who take part in one conversation, with the observation that says so."""
        if self.known is None:
            return
        sent_to = {ref: pk for ref, (pk, _) in self._keys.items()}
        sent_to |= {ref: seen.subscriber for seen in everything if (ref := _sent_ref(seen)) and seen.subscriber}
        for seen in everything:
            ref = _answered_ref(seen)
            if ref and sent_to.get(ref) and seen.subscriber:
                yield seen.subscriber, sent_to[ref], seen
            ref = _sent_ref(seen)
            for replier in self._replies.get(ref, ()) if ref and seen.subscriber else ():
                yield seen.subscriber, replier, seen


def _answered_ref(seen: Dated) -> bytes:
    message = seen.observation
    if not isinstance(message, InboundMessage) or not message.context_id or message.is_group:
        return b""
    is_whole = message.person.phone and message.person.bsuid
    return b"" if is_whole else digest(message.context_id)


def _sent_ref(seen: Dated) -> bytes:
    status = seen.observation
    return digest(status.message_id) if isinstance(status, StatusUpdate) and not status.is_group else b""


def _replies_to(sent: list[bytes]) -> dict[bytes, list[int]]:
    """Who answered messages that we hear of only now."""
    if not sent:
        return {}
    found: dict[bytes, list[int]] = defaultdict(list)
    rows = Reply.objects.filter(context__any=set(sent)).exclude(context=b"")
    for context, subscriber in batches.read(rows.values_list("context", "subscriber_id")):
        found[bytes(context)].append(subscriber)
    return found
