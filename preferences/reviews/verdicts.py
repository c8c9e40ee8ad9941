"""Doubtful replies: a person settles them, or the deadline does. Either way the verdict carries the reply's own time.

A reviewer may ask once what was meant. Silence is an answer: the hold stays, and the deadline makes it an opt-out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from preferences import decisions, examples, regimes
from preferences.decisions import Act, Question, answers
from preferences.models import (
    Delivery,
    DeliveryKind,
    EventKind,
    ExampleSource,
    Reply,
    ReviewOutcome,
    ReviewState,
    ReviewTurn,
    Source,
    TurnState,
    batches,
)
from preferences.models.scopes import MARKETING

_BATCH = 200

_KINDS = {
    ReviewOutcome.OPT_OUT: EventKind.STOP,
    ReviewOutcome.DEADLINE: EventKind.STOP,
    ReviewOutcome.NOT_OPT_OUT: EventKind.RELEASE,
}


_SETTLED = "This reply is settled: there is nothing left to ask."


class CannotAskError(Exception):
    """The person may not be asked; the message says why, for staff."""


def ask(reply: Reply, *, now: dt.datetime) -> None:
    """Ask the person, once, what the reply meant: a delivery in the outbox.

    Raises CannotAskError if it is settled, was asked about before, was written in a group or to another agent, or if the law's
    time to ask is over: five minutes in the US and where the law is unknown, else while WhatsApp lets us answer freely.
    """
    with transaction.atomic():
        waiting = Reply.objects.filter(pk=reply.pk, review_state=ReviewState.WAITING).select_for_update(of=("self",))
        one = waiting.select_related("subscriber").first()
        if one is None:
            raise CannotAskError(_SETTLED)
        if why_not := why_not_ask(one, now=now):
            raise CannotAskError(why_not)
        digest = bytes(one.digest)
        country, locale = one.subscriber.country, one.subscriber.locale
        until = one.sent_at + regimes.answer_rules(country).ask_within
        question = Question(digest, one.sender_id, one.language)
        desk = decisions.desks_of({one.sender_id})[one.sender_id]
        answer = answers.clarify(question, one.subscriber_id, desk=desk, locale=locale, country=country, until=until)
        answers.write([answer], now=now)


def why_not_ask(reply: Reply, *, now: dt.datetime) -> str:
    """Why the person may not be asked what this reply meant, in a sentence for staff; "" if they may. One query."""
    if reply.review_state != ReviewState.WAITING:
        return _SETTLED
    if reply.rule.startswith("group/"):
        return "It was written in a group, and groups are never answered."
    if reply.rule.startswith("standby/"):
        return "It was written to another agent, whose conversation a question would take over."
    asked = Delivery.objects.filter(
        subscriber=reply.subscriber_id, kind=DeliveryKind.CLARIFICATION, reply=bytes(reply.digest)
    )
    if asked.exists():
        return "The person was asked about this reply before. Nobody is asked twice."
    rules = regimes.answer_rules(reply.subscriber.country)
    if reply.sent_at + rules.ask_within <= now:
        minutes = int(rules.ask_within.total_seconds() // 60)
        time = f"{minutes} minutes" if minutes < 60 else f"{minutes // 60} hours"
        return f"It is too late to ask: {time} after the reply at most ({rules.law})."
    return ""


def settle(replies: Sequence[Reply], outcome: ReviewOutcome, *, now: dt.datetime, actor: int = 0) -> int:
    """Settle waiting reviews: an opt-out takes effect from the moment the person wrote, anything else ends the hold.

    Replies that were settled meanwhile are left alone: the first verdict stands. Each verdict is kept as an example in
    the same transaction. Returns how many were settled.
    """
    with transaction.atomic():
        waiting = list(
            Reply.objects.filter(pk__in=[reply.pk for reply in replies], review_state=ReviewState.WAITING)
            # The replies alone: people are locked later, by `decisions`, in id order like everywhere.
            .select_for_update(of=("self",))
            .select_related("subscriber")
            .order_by("pk")
        )
        desks = decisions.desks_of({reply.sender_id for reply in waiting})
        acts = [_act(reply, desks[reply.sender_id], outcome, actor, now) for reply in waiting]
        # Before the acts: the ledger's head is the last lock.
        examples.keep([_verdict(reply, outcome, actor) for reply in waiting], now=now)
        recorded = decisions.record_many(acts, now=now)
        rows = [
            (reply.pk, ReviewState.SETTLED.value, outcome.value, one.position)
            for reply, one in zip(waiting, recorded, strict=True)
        ]
        batches.update(Reply, key="id", fields=("review_state", "review_outcome", "event"), rows=rows)
        ReviewTurn.objects.filter(reply__in=[reply.pk for reply in replies]).delete()
    return len(waiting)


def settle_due(*, now: dt.datetime) -> int:
    """What nobody settled by its deadline becomes an opt-out: doubt protects the person. A verdict in its undo minute is
    left to be written."""
    total = 0
    while True:
        due = Reply.objects.filter(review_state=ReviewState.WAITING, review_due_at__lte=now)
        undecided = due.exclude(turn__state=TurnState.DECIDED).order_by("review_due_at", "pk")
        batch = list(undecided[:_BATCH])
        if not batch:
            return total
        total += settle(batch, ReviewOutcome.DEADLINE, now=now)


def _verdict(reply: Reply, outcome: ReviewOutcome, actor: int) -> examples.Verdict:
    source = ExampleSource.DEADLINE if outcome == ReviewOutcome.DEADLINE else ExampleSource.REVIEW
    is_opt_out = outcome != ReviewOutcome.NOT_OPT_OUT
    return examples.Verdict(bytes(reply.digest), source, is_opt_out=is_opt_out, actor=actor)


def _act(reply: Reply, desk: decisions.Desk, outcome: ReviewOutcome, actor: int, now: dt.datetime) -> Act:
    country = reply.subscriber.country
    return Act(
        subscriber=reply.subscriber_id,
        kind=_KINDS[outcome],
        scope=desk.closing_scope(topic=MARKETING, country=country, at=reply.sent_at),
        effective_at=reply.sent_at,
        received_at=reply.received_at,
        source=Source.REVIEW,
        source_ref=bytes(reply.digest),
        portfolio=desk.portfolio,
        sender=desk.sender,
        policy_version=desk.policy.version,
        regime_version=regimes.VERSION,
        rule=f"review/{outcome.value}",
        language=reply.language,
        jurisdiction=country,
        actor=actor,
        reason=outcome.value,
        expression="implied" if outcome == ReviewOutcome.DEADLINE else "expressed",
    )
