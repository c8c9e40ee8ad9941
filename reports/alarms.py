"""Opens, refreshes and ends alarms: rows from the moment something is wrong until it has not been for a while.

The check runs in a worker every 30 seconds. What a dead worker cannot report, `standing` finds out when it is asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from reports import facts, rules
from reports.models import Alarm
from reports.rules import Finding, Kind

#: Something that comes and goes is one alarm, and not one each time.
ENDS_AFTER = dt.timedelta(minutes=5)
#: A mail server is tried only when there is something to mail.
MAIL_ENDS_AFTER = dt.timedelta(hours=1)
#: A year with a month to compare it with. An open alarm is kept however old it is.
KEPT = dt.timedelta(days=397)
_ATTEMPTS = 3

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Changes:
    """What one check changed."""

    opened: tuple[Alarm, ...] = ()
    ended: tuple[Alarm, ...] = ()


def check(now: dt.datetime, *, alive: frozenset[str] = frozenset()) -> Changes:
    """Bring the alarms up to what is true at `now`, in a fixed number of queries; doing so again changes nothing.

    `alive` are the workers that ask (a heartbeat may be late when its worker has just started). Two checks at once leave
    one row of each alarm, and only one of them tells that it opened or ended it.
    """
    findings = {(one.kind.value, one.subject): one for one in rules.found(facts.gather(now, alive=alive), now)}
    for _ in range(_ATTEMPTS - 1):
        try:
            with transaction.atomic():
                return _bring_up_to_date(findings, now)
        except IntegrityError:  # another check opened the same alarm meanwhile: now it can be seen
            continue
    with transaction.atomic():
        return _bring_up_to_date(findings, now)


def standing(now: dt.datetime) -> list[Alarm]:
    """The open alarms, worst first, and with them what is wrong and no worker has reported: those have no `pk`.

    In three queries.
    """
    rows = list(Alarm.objects.filter(ended_at=None).select_related("acknowledged_by"))
    known = {(row.kind, row.subject) for row in rows}
    unreported = [
        _alarm(one, now)
        for one in rules.found_in_pulse(facts.pulse(now), now)
        if (one.kind.value, one.subject) not in known
    ]
    return sorted([*rows, *unreported], key=lambda one: (*rules.rank(one.severity, one.kind), one.since, one.subject))


def calm_since() -> dt.datetime | None:
    """When the last alarm ended; None if there never was one."""
    last = Alarm.objects.exclude(ended_at=None).order_by("-ended_at").values_list("ended_at", flat=True)
    return last.first()


def acknowledge(ids: Iterable[int], *, user_id: int, now: dt.datetime) -> int:
    """Note that somebody has seen open alarms and deals with them; the first to say so stands. Returns how many."""
    rows = Alarm.objects.filter(pk__in=list(ids), ended_at=None, acknowledged_at=None)
    return rows.update(acknowledged_at=now, acknowledged_by_id=user_id)


def note_mail_failure(text: str, *, now: dt.datetime) -> None:
    """Open the alarm that alarms cannot be mailed, or say that it is still so."""
    alarm, is_new = Alarm.objects.get_or_create(
        kind=Kind.MAIL_FAILING,
        subject="",
        ended_at=None,
        defaults={"severity": rules.SEVERITIES[Kind.MAIL_FAILING], "text": text, "since": now, "seen_at": now},
    )
    if not is_new:
        Alarm.objects.filter(pk=alarm.pk).update(text=text, seen_at=now)


def purge(now: dt.datetime) -> int:
    """Delete alarms that were over long ago. Returns how many."""
    limit = now - KEPT
    # What ended before began before, and the index is by that.
    return Alarm.objects.filter(since__lt=limit, ended_at__lt=limit).delete()[0]


def _bring_up_to_date(findings: dict[Key, Finding], now: dt.datetime) -> Changes:
    rows = {
        (row.kind, row.subject): row for row in Alarm.objects.filter(ended_at=None).order_by("pk").select_for_update()
    }
    opened = [_alarm(findings[key], now) for key in sorted(findings.keys() - rows.keys())]
    if opened:
        opened = Alarm.objects.bulk_create(opened)
    _refresh([(rows[key], findings[key]) for key in sorted(findings.keys() & rows.keys())], now)
    ended = [row for key, row in rows.items() if key not in findings and _is_over(row, now)]
    if ended:
        Alarm.objects.filter(pk__in=[row.pk for row in ended]).update(ended_at=now)
    for row in ended:
        row.ended_at = now
    return Changes(tuple(opened), tuple(ended))


def _alarm(finding: Finding, now: dt.datetime) -> Alarm:
    return Alarm(
        kind=finding.kind.value,
        subject=finding.subject,
        severity=finding.severity.value,
        text=finding.text,
        link=finding.link,
        since=min(finding.since, now),
        seen_at=now,
    )


def _refresh(pairs: Iterable[tuple[Alarm, Finding]], now: dt.datetime) -> None:
    """Say that it is still so, and how it is put now. A check that started earlier does not turn the clock back."""
    pairs = list(pairs)
    if not pairs:
        return
    Alarm.objects.filter(pk__in=[row.pk for row, _ in pairs], seen_at__lt=now).update(seen_at=now)
    changed = []
    for row, finding in pairs:
        if (row.severity, row.text, row.link) != (finding.severity.value, finding.text, finding.link):
            row.severity, row.text, row.link = finding.severity.value, finding.text, finding.link
            changed.append(row)
    if changed:
        Alarm.objects.bulk_update(changed, ["severity", "text", "link"], batch_size=500)


def _is_over(row: Alarm, now: dt.datetime) -> bool:
    return now - row.seen_at >= (MAIL_ENDS_AFTER if row.kind == Kind.MAIL_FAILING else ENDS_AFTER)
