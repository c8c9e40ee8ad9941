"""When something is wrong, and what it is called: pure rules over facts, with the clock as an argument.

A rule never looks further than its facts. Each finding says what is wrong and what to do, names no person, and keeps its
subject as long as it is about the same thing. docs/operations.md tells the same to people.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import models
from django.urls import reverse

from preferences.models import DeliveryKind, DeliveryState, Severity
from reports.facts import MOST_DELIVERIES, MOST_ENTRIES, Facts, FailedDelivery, NoticeFacts, Pulse

UNREAD_AFTER = dt.timedelta(seconds=60)
SILENT_AFTER = dt.timedelta(minutes=2)
FAILING_AFTER = dt.timedelta(minutes=10)
UNSEALED_AFTER = dt.timedelta(minutes=30)
#: WhatsApp reports on a message within seconds; half an hour leaves room for a slow moment of theirs.
UNHEARD_AFTER = dt.timedelta(minutes=30)
#: A number that was given up is no alarm for ever.
UNHEARD_OF = dt.timedelta(days=7)
#: Shorter blocks are the outbox going at the pace it is allowed.
BLOCK_WORTH_TELLING = dt.timedelta(minutes=5)
FAILED_OF = dt.timedelta(hours=1)
#: So many in an hour are no longer single mishaps.
MANY = 10
#: A violation, like an error, is a moment that nothing ends.
VIOLATION_LASTS = dt.timedelta(days=7)
ERROR_LASTS = dt.timedelta(days=1)


class Kind(models.TextChoices):
    """What an alarm can be about, worst first. Stable values: they are stored, and are labels in /metrics."""

    WORKER_SILENT = "worker_silent", "A worker is silent"
    INBOX_LATE = "inbox_late", "Webhooks wait to be read"
    INBOX_FAILING = "inbox_failing", "Webhooks cannot be read"
    SENDER_SILENT = "sender_silent", "A number is no longer heard"
    SENDING_BLOCKED = "sending_blocked", "Nothing is sent"
    PROVIDER_NOTICE = "provider_notice", "WhatsApp warns"
    CONFIRMATIONS_EXPIRE = "confirmations_expire", "Confirmations come too late"
    DELIVERIES_DEAD = "deliveries_dead", "Deliveries were given up"
    DELIVERIES_UNKNOWN = "deliveries_unknown", "Deliveries with an unknown outcome"
    TEMPLATE_UNUSABLE = "template_unusable", "A template cannot be used"
    LEDGER_UNSEALED = "ledger_unsealed", "The ledger is not sealed"
    MAIL_FAILING = "mail_failing", "Alarms cannot be mailed"


#: How bad each is by itself; only what WhatsApp warns of, and how much fails, can make it another.
SEVERITIES = {
    Kind.WORKER_SILENT: Severity.CRITICAL,
    Kind.INBOX_LATE: Severity.CRITICAL,
    Kind.INBOX_FAILING: Severity.CRITICAL,
    Kind.SENDER_SILENT: Severity.CRITICAL,
    Kind.SENDING_BLOCKED: Severity.CRITICAL,
    Kind.PROVIDER_NOTICE: Severity.WARNING,
    Kind.CONFIRMATIONS_EXPIRE: Severity.WARNING,
    Kind.DELIVERIES_DEAD: Severity.WARNING,
    Kind.DELIVERIES_UNKNOWN: Severity.WARNING,
    Kind.TEMPLATE_UNUSABLE: Severity.WARNING,
    Kind.LEDGER_UNSEALED: Severity.WARNING,
    Kind.MAIL_FAILING: Severity.WARNING,
}
_WORST_FIRST = [Severity.CRITICAL, Severity.WARNING, Severity.INFO]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong now. There is one of a kind about a subject."""

    kind: Kind
    severity: Severity
    text: str
    since: dt.datetime
    subject: str = ""
    link: str = ""


def label(kind: str) -> str:
    """What a kind of alarm is called, also one that only an older version knew."""
    return str(Kind(kind).label) if kind in Kind.values else kind.replace("_", " ").capitalize()


def rank(severity: str, kind: str) -> tuple[int, int]:
    """The worst sorts first."""
    kinds = list(Kind.values)
    return _WORST_FIRST.index(Severity(severity)), kinds.index(kind) if kind in kinds else len(kinds)


def found(facts: Facts, now: dt.datetime) -> list[Finding]:
    """Everything that is wrong, worst first."""
    findings = [
        *found_in_pulse(facts.pulse, now),
        *_failing(facts, now),
        *_silent_senders(facts, now),
        *_blocked(facts, now),
        *_failed_deliveries(facts, now),
        *_notices(facts, now),
        *_templates(facts),
        *_unsealed(facts, now),
    ]
    return sorted(findings, key=lambda one: (*rank(one.severity, one.kind), one.since, one.subject))


def found_in_pulse(pulse: Pulse, now: dt.datetime) -> list[Finding]:
    """The two that a dead worker cannot report."""
    return [*_silent_workers(pulse, now), *_unread(pulse, now)]


def _finding(kind: Kind, since: dt.datetime, text: str, **more: str) -> Finding:
    severity = Severity(more.pop("severity", SEVERITIES[kind]))
    return Finding(kind, severity, text[:500], since, subject=more.get("subject", "")[:200], link=more.get("link", ""))


def _page(model: str, query: str = "", *, of: int = 0) -> str:
    if of:
        return reverse(f"admin:preferences_{model}_change", args=[of])
    return reverse(f"admin:preferences_{model}_changelist") + query


# The machine ----------------------------------------------------------------------------------------------------------

_WORKERS = {
    "worker": ("background worker", "reviews, seals and alarms wait"),
    "inbox": ("inbox worker", "webhooks are not read, so opt-outs do not count yet"),
    "outbox": ("outbox worker", "confirmations are not sent"),
}


def _silent_workers(pulse: Pulse, now: dt.datetime) -> Iterator[Finding]:
    if not pulse.heartbeats:
        text = "No background worker has been seen yet: nothing is read or sent. Start one (`manage.py serve` does)."
        yield _finding(Kind.WORKER_SILENT, now, text, subject="worker")
    for name, seen_at in sorted(pulse.heartbeats.items()):
        if now - seen_at > SILENT_AFTER:
            worker, harm = _WORKERS.get(name, (name, "its work is not done"))
            text = f"The {worker} says nothing any more: {harm}. Start it again, and look into its log."
            yield _finding(Kind.WORKER_SILENT, seen_at, text, subject=name)


def _unread(pulse: Pulse, now: dt.datetime) -> Iterator[Finding]:
    if pulse.oldest_unread_at and now - pulse.oldest_unread_at > UNREAD_AFTER:
        text = (
            "Webhooks that may hold opt-outs wait to be read for more than a minute. See whether the inbox worker runs and "
            "keeps up; a second one may run beside it."
        )
        link = _page("inboxentry", "?state=pending")
        yield _finding(Kind.INBOX_LATE, pulse.oldest_unread_at, text, link=link)


def _failing(facts: Facts, now: dt.datetime) -> Iterator[Finding]:
    long = [at for at in facts.failing if now - at > FAILING_AFTER]
    if long:
        text = (
            f"{_counted(len(long), 'webhook', MOST_ENTRIES)} that may hold opt-outs cannot be read for more than ten minutes. "
            "The error of each is in the inbox; process them again once its cause is gone."
        )
        yield _finding(Kind.INBOX_FAILING, min(long), text, link=_page("inboxentry", "?state=failing"))


def _unsealed(facts: Facts, now: dt.datetime) -> Iterator[Finding]:
    since = facts.unsealed_since
    if since and now - since > UNSEALED_AFTER:
        text = "The newest part of the ledger has had no seal for half an hour. Run `manage.py seal_ledger`."
        yield _finding(Kind.LEDGER_UNSEALED, since, text, link=_page("seal"))


# Numbers and accounts -------------------------------------------------------------------------------------------------


def _silent_senders(facts: Facts, now: dt.datetime) -> Iterator[Finding]:
    """WhatsApp reports on each message it took: a number that sends and of which nothing comes has lost its webhooks.

    Silence alone is no sign. Where nothing is sent, at night for example, nothing is expected.
    """
    for sender in facts.senders:
        since = sender.unheard_since
        if since and UNHEARD_AFTER < now - since <= UNHEARD_OF:
            text = (
                f"Messages are sent from {sender.name}, but no webhook of it comes any more: opt-outs may be lost. Look at "
                "the webhook subscription of its account, at WHATSAPP_APP_SECRET and at PUBLIC_URL."
            )
            link = _page("sender", of=sender.id)
            yield _finding(Kind.SENDER_SILENT, since, text, subject=f"sender:{sender.id}", link=link)


def _blocked(facts: Facts, now: dt.datetime) -> Iterator[Finding]:
    for portfolio in facts.portfolios:
        if portfolio.blocked_until - now > BLOCK_WORTH_TELLING:
            text = f"Nothing is sent through the account {portfolio.name}. {_reason(portfolio.blocked_reason)}"
            link = _page("portfolio", of=portfolio.id)
            yield _finding(Kind.SENDING_BLOCKED, now, text, subject=f"portfolio:{portfolio.id}", link=link)
    for sender in facts.senders:
        if sender.blocked_until and sender.blocked_until - now > BLOCK_WORTH_TELLING:
            text = f"Nothing is sent from {sender.name}. {_reason(sender.blocked_reason)}"
            link = _page("sender", of=sender.id)
            yield _finding(Kind.SENDING_BLOCKED, now, text, subject=f"sender:{sender.id}", link=link)


def _reason(reason: str) -> str:
    return reason or "See the account in WhatsApp Manager."


def _templates(facts: Facts) -> Iterator[Finding]:
    for template in facts.templates:
        text = (
            f"The template {template.name} is not used any more: nobody can be told outside the 24 hours after their last "
            f"message. {template.reason} Put another one in its place, or delete it."
        )
        subject = f"template:{template.id}"
        link = _page("utilitytemplate", of=template.id)
        yield _finding(Kind.TEMPLATE_UNUSABLE, template.changed_at, text, subject=subject, link=link)


def _notices(facts: Facts, now: dt.datetime) -> Iterator[Finding]:
    """The newest notice of a kind about a subject decides; one for information neither raises nor ends anything."""
    decided: set[tuple[str, int, str]] = set()
    for notice in sorted(facts.notices, key=lambda one: one.at, reverse=True):
        key = (_family(notice), notice.portfolio, notice.subject)
        if key in decided or (notice.severity == Severity.INFO and not notice.is_over):
            continue
        decided.add(key)
        if not notice.is_over and notice.severity != Severity.INFO and now - notice.at <= _lasts(notice):
            family, portfolio, subject = key
            about = subject if notice.place in {"", subject} else f"{subject} of {notice.place}"
            yield _finding(
                Kind.PROVIDER_NOTICE, notice.at, f"{about}: {notice.text}", severity=notice.severity,
                subject=f"{family}:{portfolio}:{subject}", link=_place(notice),
            )  # fmt: skip


def _family(notice: NoticeFacts) -> str:
    """Errors stand each for itself; of the others, the provider's field ends what it began."""
    field, _, _ = notice.kind.partition("/")
    return notice.kind if field == "errors" else field


def _lasts(notice: NoticeFacts) -> dt.timedelta:
    if notice.kind.startswith("errors/"):
        return ERROR_LASTS
    return VIOLATION_LASTS if notice.kind.endswith("_VIOLATION") else dt.timedelta.max


def _place(notice: NoticeFacts) -> str:
    if notice.sender:
        return _page("sender", of=notice.sender)
    return _page("portfolio", of=notice.portfolio) if notice.portfolio else ""


# Deliveries -----------------------------------------------------------------------------------------------------------


def _failed_deliveries(facts: Facts, now: dt.datetime) -> Iterator[Finding]:
    late = [
        one for one in facts.deliveries if one.state == DeliveryState.EXPIRED and one.kind == DeliveryKind.CONFIRMATION
    ]
    yield from _failed(
        Kind.CONFIRMATIONS_EXPIRE, late, now, DeliveryState.EXPIRED,
        "not sent, because it was too late for them. The people are opted out. See whether webhooks come late or the outbox "
        "worker does not keep up",
    )  # fmt: skip
    dead = [one for one in facts.deliveries if one.state == DeliveryState.DEAD]
    yield from _failed(
        Kind.DELIVERIES_DEAD, dead, now, DeliveryState.DEAD, "given up. The reason of each is in the outbox"
    )
    unknown = [one for one in facts.deliveries if one.state == DeliveryState.UNKNOWN]
    yield from _failed(
        Kind.DELIVERIES_UNKNOWN, unknown, now, DeliveryState.UNKNOWN,
        "cut off, and nobody knows whether they arrived. They are not repeated; a status of WhatsApp settles them",
    )  # fmt: skip


def _failed(kind: Kind, rows: list[FailedDelivery], now: dt.datetime, state: str, what: str) -> Iterator[Finding]:
    lately = [one.finished_at for one in rows if now - one.finished_at <= FAILED_OF]
    if lately:
        noun = "confirmation" if kind == Kind.CONFIRMATIONS_EXPIRE else "delivery"
        number = _counted(len(lately), noun, MOST_DELIVERIES)
        verb = "was" if len(lately) == 1 else "were"
        text = f"In the last hour {number} {verb} {what} ({len(rows):,} in the last day)."
        severity = Severity.CRITICAL if len(lately) >= MANY else SEVERITIES[kind]
        yield _finding(kind, min(lately), text, severity=severity, link=_page("delivery", f"?state={state}"))


def _counted(number: int, noun: str, most: int) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    if number >= most:
        return f"{most:,} or more {plural}"
    return f"{number:,} {noun if number == 1 else plural}"
