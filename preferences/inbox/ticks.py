"""When each sender's last webhook was received, to the minute: the live tick on the sender's page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from django.db import connection

from preferences.decisions import Desk
from preferences.inbox.hearing import Seen
from preferences.models import Sender, batches


def write(everything: Iterable[Seen], senders: Mapping[str, int], desks: Mapping[int, Desk]) -> None:
    """Move `Sender.last_webhook_at` forward; no query while the minute is known already.

    A sender that another worker is just ticking is left to it, so that no batch waits for another one's commit.
    """
    newest: dict[int, dt.datetime] = {}
    for seen in everything:
        sender = senders[seen.observation.sender.key]
        newest[sender] = max(seen.received_at, newest.get(sender, seen.received_at))
    minutes = {sender: at.replace(second=0, microsecond=0) for sender, at in newest.items()}
    due = [sender for sender, minute in minutes.items() if _is_before(desks[sender].last_webhook_at, minute)]
    if not due:
        return
    free = (
        Sender.objects.filter(pk__in=due)
        .order_by("pk")
        .select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
        .values_list("pk", "last_webhook_at")
    )
    rows = [(sender, minutes[sender]) for sender, before in free if _is_before(before, minutes[sender])]
    batches.update(Sender, key="id", fields=("last_webhook_at",), rows=rows)


def _is_before(before: dt.datetime | None, minute: dt.datetime) -> bool:
    return before is None or before < minute
