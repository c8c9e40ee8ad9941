"""What the rules of the running code would make of replies that are stored: a comparison that writes nothing."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db.models import QuerySet

from preferences.encryption import EncryptionError, unseal
from preferences.inbox import contexts, hints, sent
from preferences.interpretation import NO_OWN_WORDS, Intent, IntentValue, OwnWords, judge
from preferences.interpretation.answered import NOTHING_KNOWN, Answered
from preferences.interpretation.context import in_context
from preferences.interpretation.observations import InboundMessage, MessageKind, Person, SenderRef
from preferences.models import Reply, batches

#: Kinds that are judged by their words alone. What a button or form carried is not kept in clear.
TEXT_KINDS = frozenset({MessageKind.TEXT, MessageKind.CAPTION, MessageKind.EDIT, MessageKind.OTHER})
_AT_ONCE = 1_000


class Judgement(NamedTuple):
    """A decision as it is counted: `intent`, with its topic where that is not marketing, and the rule that made it."""

    decision: str
    rule: str

    @classmethod
    def of(cls, intent: str, topic: str, rule: str) -> Judgement:
        has_topic = intent in {IntentValue.OPT_OUT, IntentValue.OPT_IN} and topic != "marketing"
        return cls(f"{intent}:{topic}" if has_topic else str(intent), rule)


class Change(NamedTuple):
    """One reply that would be decided differently. `text` is what was written, in clear."""

    reply: int
    kind: str
    language: str
    was: Judgement
    now: Judgement
    text: str


@dataclass(slots=True)
class Comparison:
    """What was compared and what differs; grows with the number of rules and languages, not of replies."""

    judged: int = 0
    left_out: int = 0
    unreadable: int = 0
    changed: int = 0
    other_rule: int = 0
    oldest: dt.datetime | None = None
    newest: dt.datetime | None = None
    versions: Counter[tuple[int, str]] = field(default_factory=Counter)
    decisions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    rules: Counter[tuple[Judgement, Judgement]] = field(default_factory=Counter)
    shown: list[Change] = field(default_factory=list)


class _Stored(NamedTuple):
    pk: int
    brand: int | None
    country: str
    kind: str
    text: bytes
    intent: str
    topic: str
    rule: str
    language: str
    context: bytes
    received_at: dt.datetime
    classifier_version: int
    keywords_version: str


_ELSEWHERE = {"brand": "sender__brand", "country": "subscriber__country"}
_COLUMNS = tuple(_ELSEWHERE.get(name, name) for name in _Stored._fields)
_NOBODYS_WORDS: Mapping[int, OwnWords] = {}


def compare(
    replies: QuerySet[Reply], *, limit: int | None, show: int = 0, own_words: Mapping[int, OwnWords] = _NOBODYS_WORDS
) -> Comparison:
    """Judge `replies` again, the newest first and at most `limit`, in batches: memory does not grow with their number.

    `own_words` are those of the brands that have any, by brand.
    Context counts as it is known today: a reply read before anything told of the message it answers may differ for that alone,
    and so may one whose message is forgotten by now.
    A reply in a group is known as such by its rule, so one that was let be there counts as written to us.
    """
    found = Comparison()
    for page in _pages(replies, limit):
        _compare(page, found, show, own_words)
    return found


def _pages(replies: QuerySet[Reply], limit: int | None) -> Iterator[list[_Stored]]:
    newest_first = replies.order_by("-pk").values_list(*_COLUMNS)
    before: int | None = None
    while limit is None or limit > 0:
        size = _AT_ONCE if limit is None else min(_AT_ONCE, limit)
        rows = newest_first if before is None else newest_first.filter(pk__lt=before)
        page = [_Stored(*row) for row in batches.read(rows[:size])]
        if not page:
            return
        yield page
        before = page[-1].pk
        limit = None if limit is None else limit - len(page)


def _compare(page: list[_Stored], found: Comparison, show: int, own_words: Mapping[int, OwnWords]) -> None:
    texts = {one.pk: text for one in page if one.kind in TEXT_KINDS if (text := _text(one)) is not None}
    found.left_out += sum(one.kind not in TEXT_KINDS for one in page)
    found.unreadable += sum(one.kind in TEXT_KINDS and one.pk not in texts for one in page)
    judged = [one for one in page if one.pk in texts]
    for one, now in zip(judged, _judge(judged, texts, own_words), strict=True):
        was = Judgement.of(one.intent, one.topic, one.rule)
        found.judged += 1
        found.versions[one.classifier_version, one.keywords_version] += 1
        found.newest = max(found.newest or one.received_at, one.received_at)
        found.oldest = min(found.oldest or one.received_at, one.received_at)
        if was.decision == now.decision:
            found.other_rule += was.rule != now.rule
            continue
        found.changed += 1
        found.decisions[one.language, was.decision, now.decision] += 1
        found.rules[was, now] += 1
        if len(found.shown) < show:
            found.shown.append(Change(one.pk, one.kind, one.language, was, now, texts[one.pk]))


def _text(one: _Stored) -> str | None:
    try:
        return unseal("reply", one.text).decode()
    except EncryptionError:
        return None  # counted as unreadable


def _judge(judged: list[_Stored], texts: dict[int, str], own_words: Mapping[int, OwnWords]) -> list[Judgement]:
    messages = [_message(one, texts[one.pk]) for one in judged]
    words = [own_words.get(one.brand or 0, NO_OWN_WORDS) for one in judged]
    languages = [hints.language_of_country(one.country) for one in judged]
    intents = [
        judge(message, language_hint=hint, own_words=own)
        for message, hint, own in zip(messages, languages, words, strict=True)
    ]
    wanted = {
        bytes(one.context)
        for one, message, intent in zip(judged, messages, intents, strict=True)
        if contexts.may_matter(intent, message)
    }
    months = {ref: month for ref, (_, month) in sent.message_keys(wanted).items()} if wanted else {}
    answers = contexts.known(wanted, months)
    return [
        _judgement(intent, message, answers.get(bytes(one.context), NOTHING_KNOWN))
        for one, message, intent in zip(judged, messages, intents, strict=True)
    ]


def _judgement(intent: Intent, message: InboundMessage, answered: Answered) -> Judgement:
    if contexts.may_matter(intent, message):
        intent = in_context(intent, message.text, answered, is_standby=message.is_standby)
    return Judgement.of(intent.intent, intent.topic[:50], intent.rule[:64])


def _message(one: _Stored, text: str) -> InboundMessage:
    """The message as far as its judgement needs it."""
    return InboundMessage(
        sender=SenderRef("", ""),
        person=Person(),
        message_id="",
        sent_at=None,
        kind=MessageKind(one.kind),
        text=text,
        context_id=bytes(one.context).hex(),
        is_group=one.rule.startswith("group/"),
        is_standby=one.rule.startswith("standby/"),
    )
