"""The first page of the desk: what waits to be done, in sentences, as far as the viewer may see it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Count, Min
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince

from optout_admin import tour
from preferences.models import Delivery, InboxEntry, InboxState, Reply, ReviewState, Severity
from preferences.models.outbox import WAITING_STATES, DeliveryState
from preferences.moments import utc
from reports import alarms, rules
from reports.admin import TONES
from reports.models import Alarm

#: More than this is one trouble, and the list has them all.
_MOST_ALARMS = 20


def what_waits(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The context of the first page. Counts only rows that partial indexes hold, so it stays fast on large tables."""
    rooms = (
        ("reply", _reviews, "review_state=waiting"),
        ("inboxentry", _inbox, ""),
        ("delivery", _outbox, ""),
    )
    waiting = [
        {"text": describe(), "link": _link(request, model, query)}
        for model, describe, query in rooms
        if request.user.has_perm(f"preferences.view_{model}")
    ]
    wrong = _alarms(request) if request.user.has_perm("reports.view_alarm") else {}
    return {**context, **wrong, "waiting": waiting, "tour": tour.stops(request), "title": "Opt-out desk"}


def _link(request: HttpRequest, model: str, query: str) -> str:
    """Where the work is done: doubtful replies in their queue, by those who may settle them."""
    if model == "reply" and request.user.has_perm("preferences.change_reviewturn"):
        return reverse("admin:preferences_reviewturn_changelist")
    return f"{reverse(f'admin:preferences_{model}_changelist')}?{query}"


def _alarms(request: HttpRequest) -> dict[str, Any]:
    """The open alarms, worst first, with those that a dead worker cannot report; else since when there is none."""
    standing = alarms.standing(timezone.now())
    may_acknowledge = request.user.has_perm("reports.change_alarm")
    return {
        "alarms": [_alarm(one, may_acknowledge=may_acknowledge) for one in standing[:_MOST_ALARMS]],
        "more_alarms": max(len(standing) - _MOST_ALARMS, 0),
        "calm_since": None if standing else alarms.calm_since(),
    }


def _alarm(alarm: Alarm, *, may_acknowledge: bool) -> dict[str, Any]:
    tone, icon = TONES[Severity(alarm.severity)]
    is_open_to = may_acknowledge and alarm.pk and not alarm.acknowledged_at
    return {
        "row": alarm,
        "tone": tone,
        "icon": icon,
        "severity": alarm.get_severity_display(),
        "title": rules.label(alarm.kind),
        "span": _span(alarm.since, timezone.now()),
        "acknowledge": reverse("admin:reports_alarm_acknowledge", args=[alarm.pk]) if is_open_to else "",
    }


def _span(since: dt.datetime, now: dt.datetime) -> str:
    return "less than a minute" if now - since < dt.timedelta(minutes=1) else timesince(since, now, depth=1)


def _reviews() -> str:
    replies = Reply.objects.filter(review_state=ReviewState.WAITING)
    found = replies.aggregate(number=Count("pk"), first=Min("review_due_at"))
    if not found["number"]:
        return "No reply waits for review."
    return (
        f"{_counted(found['number'], 'reply waits', 'replies wait')} for review, the first until {utc(found['first'])}."
    )


def _inbox() -> str:
    entries = InboxEntry.objects.exclude(state=InboxState.DONE)
    counts = dict(entries.order_by().values_list("state").annotate(Count("pk")))
    sentences = []
    if unread := counts.get(InboxState.PENDING, 0):
        sentences.append(f"{_counted(unread, 'webhook waits', 'webhooks wait')} to be read.")
    if failing := counts.get(InboxState.FAILING, 0):
        sentences.append(f"{_counted(failing, 'webhook fails', 'webhooks fail')} and will be retried.")
    return " ".join(sentences) or "Every webhook has been read."


def _outbox() -> str:
    number = Delivery.objects.filter(state__in=[*WAITING_STATES, DeliveryState.ATTEMPTING]).count()
    return f"{_counted(number, 'delivery is', 'deliveries are')} on the way." if number else "Nothing waits to be sent."


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
