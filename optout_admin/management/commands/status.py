"""`manage.py status` of the whole product: what preferences tells, and the open alarms of the reports."""

from __future__ import annotations

import datetime as dt

from preferences.management.commands import status
from preferences.models import Severity
from reports import alarms, rules
from reports.models import Alarm

#: What preferences says in words of its own already.
_SAID = {rules.Kind.WORKER_SILENT, rules.Kind.INBOX_LATE, rules.Kind.LEDGER_UNSEALED}


class Command(status.Command):
    def more(self, now: dt.datetime) -> status.Told:
        standing = alarms.standing(now)
        to_do = [f"{rules.label(one.kind)}: {one.text}" for one in standing if one.kind not in _SAID]
        return [("Alarms", _in_words(standing))], to_do


def _in_words(standing: list[Alarm]) -> str:
    if not standing:
        return "None is open."
    urgent = sum(one.severity == Severity.CRITICAL for one in standing)
    verb = "is" if len(standing) == 1 else "are"
    return (
        f"{len(standing)} {verb} open{f', {urgent} urgent' if urgent else ''}; the first page of the desk shows them."
    )
