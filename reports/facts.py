"""What the alarms look at: small facts from a fixed number of queries that partial indexes answer, however much there is.

Nothing is judged here; `reports.rules` does.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.db.models import F, Q

from preferences.models import (
    AccountNotice,
    ConsentEvent,
    Delivery,
    DeliveryState,
    Heartbeat,
    InboxEntry,
    Portfolio,
    Seal,
    Sender,
    TemplateState,
    UtilityTemplate,
)

#: Rows beyond these are not looked at: a number that matters is small, or "many".
MOST_ENTRIES = 1_000
MOST_DELIVERIES = 1_000
MOST_NOTICES = 2_000
MOST_PLACES = 1_000
#: A day of deliveries is told beside the last hour; notices that nothing ended are forgotten after a month.
DELIVERIES_OF = dt.timedelta(days=1)
NOTICES_OF = dt.timedelta(days=30)
_ONLY_WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a dead worker cannot report of itself. `heartbeats` are of the workers that are expected to run,
    `oldest_unread_at` is of the urgent lane, None when all is read."""

    heartbeats: dict[str, dt.datetime]
    oldest_unread_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class SenderFacts:
    """`unheard_since` is when the first of our newest messages was sent of which WhatsApp has reported nothing, nor of
    anything else on this number since; None when it was heard after it sent."""

    id: int
    name: str
    last_webhook_at: dt.datetime | None
    unheard_since: dt.datetime | None
    blocked_until: dt.datetime | None
    blocked_reason: str


@dataclass(frozen=True, slots=True)
class PortfolioFacts:
    id: int
    name: str
    blocked_until: dt.datetime
    blocked_reason: str


@dataclass(frozen=True, slots=True)
class FailedDelivery:
    state: str
    kind: str
    finished_at: dt.datetime


@dataclass(frozen=True, slots=True)
class NoticeFacts:
    """`place` names whose notice it is: the number if it is about one, else the account."""

    kind: str
    subject: str
    text: str
    severity: str
    is_over: bool
    at: dt.datetime
    portfolio: int
    sender: int
    place: str


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    id: int
    name: str
    state: str
    reason: str
    changed_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the rules judge. `failing` are receipt times, oldest first; lists stop at MOST_…"""

    pulse: Pulse
    failing: tuple[dt.datetime, ...] = ()
    senders: tuple[SenderFacts, ...] = ()
    portfolios: tuple[PortfolioFacts, ...] = ()
    deliveries: tuple[FailedDelivery, ...] = ()
    notices: tuple[NoticeFacts, ...] = ()
    templates: tuple[TemplateFacts, ...] = ()
    unsealed_since: dt.datetime | None = None


def gather(now: dt.datetime, *, alive: frozenset[str] = frozenset()) -> Facts:
    """All facts, in eleven queries at most. `alive` are the workers that ask."""
    return Facts(
        pulse=pulse(now, alive=alive),
        failing=_failing(),
        senders=_senders(now),
        portfolios=_portfolios(now),
        deliveries=_deliveries(now),
        notices=_notices(now),
        templates=_templates(),
        unsealed_since=_unsealed_since(),
    )


def pulse(now: dt.datetime, *, alive: frozenset[str] = frozenset()) -> Pulse:
    """In two queries, for pages that ask while no worker does."""
    known = dict(Heartbeat.objects.values_list("name", "seen_at"))
    # Without a broker one worker does everything; what others left behind is of another time.
    expected = {name: at for name, at in known.items() if name == _ONLY_WORKER or not settings.CELERY_EMBEDDED}
    # An unread entry is due since it was received, and the index is by due time.
    unread = InboxEntry.objects.unread().urgent().order_by("next_attempt_at", "id")
    return Pulse(
        heartbeats=expected | dict.fromkeys(alive, now),
        oldest_unread_at=unread.values_list("received_at", flat=True).first(),
    )


def _failing() -> tuple[dt.datetime, ...]:
    entries = InboxEntry.objects.failing().urgent().order_by("received_at")
    return tuple(entries.values_list("received_at", flat=True)[:MOST_ENTRIES])


def _senders(now: dt.datetime) -> tuple[SenderFacts, ...]:
    """The senders of which nothing was heard after they sent, or which may not send."""
    unheard = Q(last_sent_at__isnull=False) & (Q(last_webhook_at=None) | Q(last_sent_at__gt=F("last_webhook_at")))
    rows = list(Sender.objects.filter(unheard | Q(blocked_until__gt=now)).order_by("pk")[:MOST_PLACES])
    since = _unheard_since([one for one in rows if one.last_sent_at and one.last_sent_at > _heard_at(one)])
    return tuple(
        SenderFacts(
            one.pk, str(one), one.last_webhook_at, since.get(one.pk), one.blocked_until, one.blocked_reason
        )
        for one in rows
    )  # fmt: skip


def _unheard_since(senders: list[Sender]) -> dict[int, dt.datetime]:
    """When each sent its first message after it was last heard, as far as the newest deliveries tell."""
    if not senders:
        return {}
    found = {one.pk: one.last_sent_at for one in senders if one.last_sent_at}
    heard = {one.pk: _heard_at(one) for one in senders}
    newest = Delivery.objects.order_by("-pk").values_list("sender_id", "state", "finished_at")[:MOST_DELIVERIES]
    for sender, state, at in newest:
        # Times of senders are to the minute.
        if state == DeliveryState.SENT and at and sender in found and at - heard[sender] > dt.timedelta(minutes=1):
            found[sender] = min(found[sender], at)
    return found


def _heard_at(sender: Sender) -> dt.datetime:
    return sender.last_webhook_at or sender.created_at


def _portfolios(now: dt.datetime) -> tuple[PortfolioFacts, ...]:
    rows = Portfolio.objects.filter(blocked_until__gt=now).defer("credentials").order_by("pk")[:MOST_PLACES]
    return tuple(
        PortfolioFacts(one.pk, str(one), one.blocked_until, one.blocked_reason) for one in rows if one.blocked_until
    )


def _deliveries(now: dt.datetime) -> tuple[FailedDelivery, ...]:
    rows = Delivery.objects.failed().filter(finished_at__gt=now - DELIVERIES_OF).order_by("-finished_at", "-pk")
    found = rows.values_list("state", "kind", "finished_at")[:MOST_DELIVERIES]
    return tuple(FailedDelivery(state, kind, at) for state, kind, at in found if at)


def _notices(now: dt.datetime) -> tuple[NoticeFacts, ...]:
    rows = AccountNotice.objects.filter(at__gt=now - NOTICES_OF).order_by("-at", "-pk")
    found = rows.values_list(
        "kind", "subject", "text", "severity", "is_over", "at", "portfolio_id", "sender_id", "sender__display",
        "sender__key", "portfolio__name", "portfolio__key",
    )[:MOST_NOTICES]  # fmt: skip
    return tuple(
        NoticeFacts(
            kind, subject, text, severity, is_over, at, portfolio or 0, sender or 0,
            display or key or name or (account or "").removeprefix("waba:"),
        )
        for kind, subject, text, severity, is_over, at, portfolio, sender, display, key, name, account in found
    )  # fmt: skip


def _templates() -> tuple[TemplateFacts, ...]:
    rows = UtilityTemplate.objects.exclude(state=TemplateState.USABLE).order_by("pk")[:MOST_PLACES]
    return tuple(TemplateFacts(one.pk, str(one), one.state, one.reason, one.changed_at) for one in rows)


def _unsealed_since() -> dt.datetime | None:
    """When the first event after the last seal was recorded; None when all are sealed."""
    sealed = Seal.objects.order_by("-number").values_list("to_position", flat=True).first() or 0
    events = ConsentEvent.objects.filter(position__gt=sealed).order_by("position")
    return events.values_list("recorded_at", flat=True).first()
