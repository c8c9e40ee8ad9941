"""START and YES: finds the YES that answers our question, in whichever order the two were read and linked to a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q

from preferences import decisions, regimes
from preferences.decisions import Act, Desk, People
from preferences.encryption import unseal
from preferences.inbox.hearing import source_of
from preferences.interpretation import IntentValue
from preferences.models import Channel, EventKind, Reply, Scope, Subscriber, batches
from preferences.models.scopes import MARKETING

_WITHIN = dt.timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Word:
    """A START or a YES, read now or earlier."""

    subscriber: int
    sender: int
    at: dt.datetime
    ref: bytes
    is_yes: bool
    root: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A YES that may answer our question."""

    ref: bytes
    desk: Desk


def answers(words: Sequence[Word], desks: dict[int, Desk], people: People) -> list[Answer]:
    """The YES words that follow a START of the same person to the same brand within a day.

    Looks at earlier replies too, of everybody in `words` and of everybody just joined. No query if there is nobody.
    `desks` are those of the senders in `words`.
    """
    joined = {root for pair in people.joined for root in pair[:2]}
    if not words and not joined:
        return []
    everything = _with_roots(words, people) + _earlier(words, joined, people)
    if not any(word.is_yes for word in everything):
        return []
    desks = desks | decisions.desks_of({word.sender for word in everything} - desks.keys())
    starts = [word for word in everything if not word.is_yes]
    return [
        Answer(word.ref, desks[word.sender])
        for word in everything
        if word.is_yes and any(_follows(word, start, desks) for start in starts)
    ]


def late_acts(found: Sequence[Answer]) -> list[Act]:
    """The acts of YES words that were read before we knew what they answer; their stored texts are the evidence."""
    if not found:
        return []
    rows = Reply.objects.filter(digest__any={answer.ref for answer in found}).select_related("subscriber")
    replies = {bytes(reply.digest): reply for reply in rows}
    return [_late_act(replies[answer.ref], answer.desk) for answer in found]


def remember(acts: Iterable[Act], positions: dict[bytes, int]) -> None:
    """Write to the replies of late acts which event they caused. They are not looked for again after that."""
    batches.update(
        Reply, key="digest", fields=("event",), rows=sorted((act.source_ref, positions[act.source_ref]) for act in acts)
    )


def _late_act(reply: Reply, desk: Desk) -> Act:
    return Act(
        subscriber=reply.subscriber_id,
        kind=EventKind.OPT_IN_ANSWER,
        scope=scope_of_yes(desk),
        effective_at=reply.sent_at,
        received_at=reply.received_at,
        source=source_of(reply.kind),
        source_ref=bytes(reply.digest),
        portfolio=desk.portfolio,
        sender=desk.sender,
        policy_version=desk.policy.version,
        regime_version=regimes.VERSION,
        rule=reply.rule,
        language=reply.language,
        jurisdiction=reply.subscriber.country,
        legal_basis="consent",
        expression="explicit",
        evidence=unseal("reply", bytes(reply.text)),
    )


def scope_of_yes(desk: Desk) -> Scope:
    """How far YES reaches: as far as the question it answers, which speaks of marketing on WhatsApp."""
    return desk.opening_scope(channel=Channel.WHATSAPP, topic=MARKETING)


def _follows(yes: Word, start: Word, desks: dict[int, Desk]) -> bool:
    is_same = yes.root == start.root and desks[yes.sender].brand == desks[start.sender].brand
    return is_same and dt.timedelta(0) <= yes.at - start.at <= _WITHIN


def _with_roots(words: Iterable[Word], people: People) -> list[Word]:
    known = dict(
        Subscriber.objects.filter(pk__any=sorted({word.subscriber for word in words})).values_list("pk", "root_id")
    )
    return [
        Word(
            word.subscriber,
            word.sender,
            word.at,
            word.ref,
            word.is_yes,
            people.root_of(known.get(word.subscriber, word.subscriber)),
        )
        for word in words
    ]


def _earlier(words: Iterable[Word], joined: set[int], people: People) -> list[Word]:
    speakers = Subscriber.objects.filter(pk__any=sorted({word.subscriber for word in words}))
    roots = joined | set(speakers.values_list("root_id", flat=True))
    # A YES in a group, judged by rule "group/…", is perhaps not to us and answers nothing.
    unanswered = Q(rule__endswith="/affirmation", event=0) & ~Q(rule__startswith="group/")
    rows = Reply.objects.filter(Q(intent=IntentValue.OPT_IN) | unanswered, subscriber__root__in=roots)
    read = {word.ref for word in words}
    return [
        Word(subscriber, sender, at, bytes(ref), intent != IntentValue.OPT_IN, people.root_of(root))
        for subscriber, root, sender, at, ref, intent in batches.read(
            rows.values_list("subscriber_id", "subscriber__root_id", "sender_id", "sent_at", "digest", "intent")
        )
        if bytes(ref) not in read
    ]
