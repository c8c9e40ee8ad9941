"""The back-test: how the newest stored replies of a brand would have been judged under other words. Nothing is written."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import BigIntegerField, Subquery, Value
from django.db.models.functions import Coalesce

from preferences.encryption import EncryptionError, unseal
from preferences.interpretation import Intent, OwnWords, classify
from preferences.interpretation.observations import MessageKind
from preferences.models import Brand, Reply, Sender, batches

#: How many replies staff may choose to try words on.
SIZES = (1_000, 5_000)
#: No index leads from a sender to its replies, so only the newest rows of the whole table are looked through.
LOOKED_THROUGH = 200_000
_TYPED = {MessageKind.TEXT.value, MessageKind.CAPTION.value, MessageKind.EDIT.value}


class Past(NamedTuple):
    """One stored reply, decrypted. `intent` is what was found when it came."""

    reply: int
    subscriber: int
    sent_at: dt.datetime
    intent: str
    text: str


class Changed(NamedTuple):
    """A reply that other words would have judged otherwise."""

    past: Past
    before: Intent
    after: Intent


class Move(NamedTuple):
    """How many replies would go from one intent to another."""

    before: str
    after: str
    number: int


@dataclass(frozen=True, slots=True)
class Backtest:
    """What the words in force and a draft make of the same replies, newest first."""

    total: int
    moves: list[Move]
    changed: list[Changed]

    @property
    def same(self) -> int:
        return self.total - len(self.changed)


def newest_replies(brand: Brand, number: int = max(SIZES)) -> list[Past]:
    """Up to `number` typed replies to the brand's senders, newest first, in one query.

    One whose text is gone, or was encrypted with a key that is gone, is left out.
    """
    newest = Reply.objects.order_by("-pk").values("pk")[:1]
    oldest = Coalesce(Subquery(newest), Value(0), output_field=BigIntegerField()) - LOOKED_THROUGH
    senders = Sender.objects.filter(brand=brand).values("pk")
    rows = (
        Reply.objects.filter(pk__gt=oldest, sender__in=senders, kind__in=sorted(_TYPED))
        .order_by("-pk")
        .values_list("pk", "subscriber_id", "sent_at", "intent", "text")[:number]
    )
    found = []
    for pk, subscriber, sent_at, intent, sealed in batches.read(rows):
        text = _opened(sealed)
        if text:
            found.append(Past(pk, subscriber, sent_at, intent, text))
    return found


def compare(past: Sequence[Past], *, before: OwnWords, after: OwnWords) -> Backtest:
    """Judge each text under both sets of words, by the rules of today."""
    # People write the same few words again and again: each is judged once.
    judged: dict[str, tuple[Intent, Intent]] = {}
    changed = []
    for one in past:
        pair = judged.get(one.text)
        if pair is None:
            pair = judged[one.text] = (classify(one.text, own_words=before), classify(one.text, own_words=after))
        if pair[0].intent != pair[1].intent:
            changed.append(Changed(one, *pair))
    counts = Counter((one.before.intent.value, one.after.intent.value) for one in changed)
    moves = [Move(*intents, number) for intents, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    return Backtest(len(past), moves, changed)


def _opened(sealed: bytes) -> str:
    try:
        return unseal("reply", bytes(sealed)).decode(errors="replace")
    except EncryptionError:
        return ""  # retention has emptied it, or its key is gone: there is nothing to judge
