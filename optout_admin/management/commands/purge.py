"""`manage.py purge` of the whole product: what preferences lets go, and the alarms of the reports."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from preferences.management.commands import purge
from reports import alarms


class Command(purge.Command):
    def more(self, now: dt.datetime) -> Mapping[str, int]:
        return {"alarms": alarms.purge(now)}
