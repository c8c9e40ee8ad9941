"""What a batch of readings means: people, replies, sent messages and acts, in a fixed number of queries.

The order of locks is the same for every worker: docs/architecture.md, “One batch, step by step”.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings

from preferences import decisions, own_words, regimes
from preferences.decisions import Act, Change, Desk, Help, People, Question, Sighting
from preferences.identifiers import digest
from preferences.inbox import contexts, conversations, questions, receipts, sent, ticks, usernames
from preferences.inbox.hearing import Heard, Seen, evidence, in_own_words, source_of
from preferences.interpretation import CLASSIFIER_VERSION, Intent, IntentValue, OwnWords
from preferences.interpretation.observations import (
    IdentityChange,
    IdentityLink,
    InboundMessage,
    Person,
    PreferenceChange,
    SenderRef,
    StatusUpdate,
)
from preferences.models import Channel, EventKind, MessageKey, Reply, ReviewState, Scope, Source, Subscriber, batches
from preferences.models.scopes import ANY, MARKETING

MARKETING_STOPPED = 131050  # the person stopped marketing from this business (provider's error codes, 2026-09-11)
_NOBODY = Person()
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")


class Judged(NamedTuple):
    """One new reply with its judgement and what its judgement depends on."""

    seen: Seen
    message: InboundMessage
    ref: bytes
    intent: Intent
    text: bytes
    keywords_version: str
    desk: Desk
    country: str


def apply(batch: Iterable[Seen], *, now: dt.datetime) -> None:
    """Record everything that was seen. All or nothing: runs inside the caller's transaction."""
    everything = sorted(batch, key=lambda seen: seen.at)
    if not everything:
        return
    senders = decisions.ensure_senders(_senders(everything))
    desks = decisions.desks_of(senders.values())
    desk_of = {key: desks[pk] for key, pk in senders.items()}
    everything = in_own_words(everything, _own_words(desk_of))
    heard = [seen.heard.ref for seen in everything if seen.heard]
    answered = [*conversations.refs(everything), *contexts.refs(everything)]
    keys = sent.message_keys([*heard, *sent.refs(everything), *answered])
    people, everything = _recognise(everything, desk_of, keys, now)
    replies = _judge(everything, desk_of, keys, people)
    ticks.write(everything, senders, desks)
    sent.write(everything, senders, keys)
    receipts.settle(everything, now=now)
    usernames.write(everything)
    answers, late = _acts_of_answers(replies, desks, people)
    acts = [*_acts_of_replies(replies), *answers, *late, *_acts_of_platform(everything, desk_of)]
    helps = [
        Help(one.seen.subscriber, _question(one), one.seen.at)
        for one in replies
        if one.intent.intent == IntentValue.HELP and not _is_silent(one.message)
    ]
    recorded = decisions.record_many(acts, now=now, people=people, helps=helps, desks=desks)
    positions = {act.source_ref: one.position for act, one in zip(acts, recorded, strict=True)}
    _write_replies(replies, positions, now)
    questions.remember(late, positions)


def _senders(everything: Iterable[Seen]) -> set[tuple[str, str, str]]:
    refs: set[SenderRef] = {seen.observation.sender for seen in everything}
    return {(ref.account, ref.key, ref.display) for ref in refs}


def _own_words(desk_of: dict[str, Desk]) -> dict[str, OwnWords]:
    """The words of the senders' brands, of those that have any, in one query."""
    words = own_words.own_words_of({desk.brand for desk in desk_of.values() if desk.brand})
    return {key: words[desk.brand] for key, desk in desk_of.items() if desk.brand and desk.brand in words}


# People ---------------------------------------------------------------------------------------------------------------


def _recognise(
    everything: list[Seen], desk_of: dict[str, Desk], keys: dict[bytes, tuple[int, dt.date]], now: dt.datetime
) -> tuple[People, list[Seen]]:
    """Learn who everybody is; the observations come back with their subscriber (0: it names nobody)."""
    links = conversations.Links(everything, keys)
    subjects = [_subject(seen, desk_of) for seen in everything]
    people = People(
        [one for one in subjects if isinstance(one, Sighting)],
        [one for one in subjects if isinstance(one, Change)],
        now=now,
        known=links.known,
    )
    named = []
    for seen, subject in zip(everything, subjects, strict=True):
        pk = people.change(subject) if isinstance(subject, Change) else people.sight(subject) if subject else 0
        named.append(seen.by(pk))
    for one, other, seen in links.pairs(named):
        people.link(one, other, desk_of[seen.observation.sender.key].portfolio, seen.at)
    return people, named


def _subject(seen: Seen, desk_of: dict[str, Desk]) -> Sighting | Change | None:
    observation = seen.observation
    portfolio = desk_of[observation.sender.key].portfolio
    if isinstance(observation, IdentityChange):
        return Change(observation.previous, observation.current, portfolio, seen.at)
    return Sighting.of(observation.person, portfolio, seen.at) if observation.person != _NOBODY else None


# Replies --------------------------------------------------------------------------------------------------------------


def _judge(
    everything: list[Seen], desk_of: dict[str, Desk], keys: dict[bytes, tuple[int, dt.date]], people: People
) -> list[Judged]:
    """The new replies with their judgement; one seen before, in this batch or earlier, is no reply again."""
    fresh: dict[bytes, tuple[Seen, InboundMessage, Heard]] = {}
    for seen in everything:
        message, heard = seen.observation, seen.heard
        if heard and isinstance(message, InboundMessage) and heard.ref not in keys:
            fresh.setdefault(heard.ref, (seen, message, heard))
    acting = {seen.subscriber for seen, _, heard in fresh.values() if heard.intent.intent != IntentValue.NONE}
    rows = Subscriber.objects.filter(pk__any=acting).values_list("pk", "country")
    countries = people.countries() | dict(batches.read(rows))
    answers = contexts.answered(everything, keys)
    return [
        Judged(
            seen, message, heard.ref, contexts.in_light_of(answers, heard.intent, message), heard.text,
            heard.keywords_version, desk_of[message.sender.key], countries.get(seen.subscriber, ""),
        )
        for seen, message, heard in fresh.values()
    ]  # fmt: skip


def _is_silent(message: InboundMessage) -> bool:
    """Groups are never answered; on standby another agent holds the conversation, and an answer would take it over."""
    return message.is_group or message.is_standby


def _question(one: Judged) -> Question:
    language = "" if one.intent.is_international else one.intent.language
    return Question(reply=one.ref, sender=one.desk.sender, language=language)


def _acts_of_replies(replies: Iterable[Judged]) -> list[Act]:
    return [act for one in replies if (act := _act(one))]


def _act(one: Judged) -> Act | None:
    intent, at = one.intent, one.seen.at
    if intent.intent == IntentValue.OPT_OUT:
        topic = intent.topic if _SLUG.fullmatch(intent.topic) else MARKETING
        return _act_of(one, EventKind.STOP, one.desk.closing_scope(topic=topic, country=one.country, at=at))
    if intent.intent == IntentValue.REVIEW:
        return _act_of(one, EventKind.HOLD, one.desk.closing_scope(topic=MARKETING, country=one.country, at=at))
    if intent.intent == IntentValue.OPT_IN:
        kind = EventKind.OPT_IN_REQUEST if regimes.needs_written_opt_in(one.country) else EventKind.OPT_IN
        topic = intent.topic if _SLUG.fullmatch(intent.topic) and intent.topic != ANY else MARKETING
        return _act_of(one, kind, one.desk.opening_scope(channel=Channel.WHATSAPP, topic=topic))
    return None


def _acts_of_answers(replies: Iterable[Judged], desks: dict[int, Desk], people: People) -> tuple[list[Act], list[Act]]:
    """YES to our question, read now and read earlier. The fold decides whether it counts."""
    spoken = {one.ref: one for one in replies}
    words = [
        questions.Word(one.seen.subscriber, one.desk.sender, one.seen.at, one.ref, is_yes=one.intent.is_affirmation)
        for one in replies
        if one.intent.is_affirmation or one.intent.intent == IntentValue.OPT_IN
    ]
    found = questions.answers(words, desks, people)
    new = [
        _act_of(spoken[answer.ref], EventKind.OPT_IN_ANSWER, questions.scope_of_yes(answer.desk))
        for answer in found
        if answer.ref in spoken
    ]
    return new, questions.late_acts([answer for answer in found if answer.ref not in spoken])


def _act_of(one: Judged, kind: EventKind, scope: Scope) -> Act:
    is_answered = kind != EventKind.HOLD and not _is_silent(one.message)
    is_consent = kind in {EventKind.OPT_IN, EventKind.OPT_IN_ANSWER}
    return Act(
        subscriber=one.seen.subscriber,
        kind=kind,
        scope=scope,
        effective_at=one.seen.at,
        received_at=one.seen.received_at,
        source=source_of(one.message.kind),
        source_ref=one.ref,
        portfolio=one.desk.portfolio,
        sender=one.desk.sender,
        policy_version=one.desk.policy.version,
        classifier_version=CLASSIFIER_VERSION,
        keywords_version=one.keywords_version,
        regime_version=regimes.VERSION,
        rule=one.intent.rule[:64],
        language=one.intent.language[:12],
        jurisdiction=one.country,
        legal_basis="consent" if is_consent else "",
        expression="explicit" if one.intent.intent != IntentValue.REVIEW else "implied",
        evidence=evidence(one.message),
        question=_question(one) if is_answered else None,
    )


def _answered_ref(message: InboundMessage) -> bytes:
    """The message it answers, by which `conversations` links people. None in a group: there anybody can answer what was
    sent to somebody else."""
    return digest(message.context_id) if message.context_id and not message.is_group else b""


def _write_replies(replies: list[Judged], positions: dict[bytes, int], now: dt.datetime) -> None:
    deadline = dt.timedelta(hours=settings.REVIEW_DEADLINE_HOURS)
    rows = []
    for one in replies:
        message, intent = one.message, one.intent
        is_doubtful = intent.intent == IntentValue.REVIEW
        rows.append((
            one.ref, one.seen.subscriber, one.desk.sender, message.kind,
            one.text, intent.intent, intent.rule[:64],
            intent.confidence, intent.language[:12], intent.topic[:50],
            _answered_ref(message), one.seen.at, one.seen.received_at, now,
            one.seen.entry, positions.get(one.ref, 0), ReviewState.WAITING.value if is_doubtful else "", "",
            one.seen.received_at + deadline if is_doubtful else None, CLASSIFIER_VERSION, one.keywords_version,
        ))  # fmt: skip
    batches.insert(
        Reply,
        ["digest", "subscriber", "sender", "kind", "text", "intent", "rule", "confidence", "language", "topic", "context",
         "sent_at", "received_at", "processed_at", "inbox_entry", "event", "review_state", "review_outcome",
         "review_due_at", "classifier_version", "keywords_version"],
        rows,
    )  # fmt: skip
    batches.insert(
        MessageKey,
        ["digest", "subscriber", "month"],
        sorted((one.ref, one.seen.subscriber, one.seen.at.date().replace(day=1)) for one in replies),
    )


# WhatsApp's own switch ------------------------------------------------------------------------------------------------


def _acts_of_platform(everything: Iterable[Seen], desk_of: dict[str, Desk]) -> list[Act]:
    acts: dict[tuple[Source, bytes], Act] = {}
    for seen in everything:
        observation = seen.observation
        if not seen.subscriber or isinstance(observation, IdentityLink):
            continue
        if isinstance(observation, PreferenceChange):
            kind = EventKind.PLATFORM_STOP if observation.is_stop else EventKind.PLATFORM_RESUME
            ref = observation.source_id
            if observation.is_stop and observation.at is None:
                ref += f":{seen.received_at.isoformat()}"  # else a second stop would be taken for the first one
            act = _platform_act(seen, desk_of, kind, Source.PLATFORM, ref, "whatsapp/user_preferences")
        elif isinstance(observation, StatusUpdate) and observation.error_code == MARKETING_STOPPED:
            ref = f"{MARKETING_STOPPED}:{observation.message_id}"
            act = _platform_act(seen, desk_of, EventKind.PLATFORM_STOP, Source.SEND_ERROR, ref, "whatsapp/131050")
        else:
            continue
        acts.setdefault((act.source, act.source_ref), act)
    return list(acts.values())


def _platform_act(
    seen: Seen, desk_of: dict[str, Desk], kind: EventKind, source: Source, source_id: str, rule: str
) -> Act:
    desk = desk_of[seen.observation.sender.key]
    return Act(
        subscriber=seen.subscriber,
        kind=kind,
        scope=Scope(brand=desk.brand or 0, channel=Channel.WHATSAPP, topic=MARKETING),
        effective_at=seen.at,
        received_at=seen.received_at,
        source=source,
        source_ref=digest(source_id),
        portfolio=desk.portfolio,
        sender=desk.sender,
        policy_version=desk.policy.version,
        rule=rule,
        expression="explicit",
        evidence=source_id.encode(),
    )
