"""What each observation says by itself, before anybody knows who said it: its time, its intent, its bytes to keep.

No query is made here.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from preferences.encryption import seal
from preferences.identifiers import digest
from preferences.inbox.hints import language_of
from preferences.interpretation import KEYWORDS_VERSION, NO_OWN_WORDS, Intent, OwnWords, judge
from preferences.interpretation.observations import InboundMessage, MessageKind, Observation, Reading
from preferences.models import Source

_BUTTONS = frozenset({MessageKind.TEMPLATE_BUTTON, MessageKind.REPLY_BUTTON, MessageKind.LIST_REPLY, MessageKind.FLOW})


class Heard(NamedTuple):
    """A message with its judgement. `ref` is the SHA-256 of its id, `text` is encrypted, `keywords_version` names the words
    it was judged with."""

    ref: bytes
    intent: Intent
    text: bytes
    keywords_version: str = KEYWORDS_VERSION


class Seen(NamedTuple):
    """One observation with its context: the entry it came in, when it happened and who it is about (0: not known)."""

    entry: int
    received_at: dt.datetime
    at: dt.datetime
    observation: Observation
    heard: Heard | None = None
    subscriber: int = 0

    def by(self, subscriber: int) -> Seen:
        """The same, now that it is known who it is about. Twice as quick as `_replace`."""
        return Seen(self.entry, self.received_at, self.at, self.observation, self.heard, subscriber)


def listen(entry: int, received_at: dt.datetime, reading: Reading) -> Iterator[Seen]:
    """The observations of one webhook. A time of the provider counts only if it is not later than ours."""
    for observation in reading.observations:
        if isinstance(observation, InboundMessage):
            at = min(observation.sent_at or received_at, received_at)
            yield Seen(entry, received_at, at, observation, _hear(observation))
        else:
            yield Seen(entry, received_at, min(observation.at or received_at, received_at), observation)


def in_own_words(everything: list[Seen], words: Mapping[str, OwnWords]) -> list[Seen]:
    """The same with each message judged by the words of the brand it was sent to; `words` is by the sender's key."""
    if not words:
        return everything
    return [_in_words(seen, words.get(seen.observation.sender.key)) for seen in everything]


def _in_words(seen: Seen, words: OwnWords | None) -> Seen:
    message, heard = seen.observation, seen.heard
    if words is None or heard is None or not isinstance(message, InboundMessage):
        return seen
    return seen._replace(heard=heard._replace(intent=_judged(message, words), keywords_version=words.version))


def source_of(kind: str) -> Source:
    """How a message of this kind was made, in the words of the ledger."""
    return Source.BUTTON if kind in _BUTTONS else Source.REPLY


def _hear(message: InboundMessage) -> Heard:
    text = seal("reply", (message.text or message.payload).encode())
    return Heard(digest(message.message_id), _judged(message), text)


def _judged(message: InboundMessage, words: OwnWords = NO_OWN_WORDS) -> Intent:
    """The intent. Where the number is from tells between languages that share a word, and is no evidence of one."""
    intent = judge(message, language_hint=language_of(message.person), own_words=words)
    return intent._replace(language="") if intent.is_international else intent


def evidence(message: InboundMessage) -> bytes:
    """The verbatim request as the provider told it: what proves an act."""
    content = {
        "message_id": message.message_id,
        "sender": message.sender.key,
        "kind": message.kind,
        "text": message.text,
        "payload": message.payload,
        "context_id": message.context_id,
        "sent_at": message.sent_at.isoformat() if message.sent_at else None,
    }
    return _encode(content).encode()


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
