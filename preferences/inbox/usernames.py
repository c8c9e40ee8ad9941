"""WhatsApp usernames as they were last shown: they find a person for staff and prove nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from preferences.inbox.sent import Dated
from preferences.interpretation.observations import InboundMessage, PreferenceChange, StatusUpdate
from preferences.models import Username, batches

_SHOWING = (InboundMessage, PreferenceChange, StatusUpdate)


def write(everything: Iterable[Dated]) -> None:
    """Keep the newest username of each subscriber, whatever the order of webhooks; no query where none is shown."""
    newest: dict[int, tuple[dt.datetime, str]] = {}
    for seen in everything:
        observation = seen.observation
        if not isinstance(observation, _SHOWING) or not observation.username or not seen.subscriber:
            continue
        shown = (seen.at, observation.username)
        newest[seen.subscriber] = max(shown, newest.get(seen.subscriber, shown))
    rows = [(subscriber, name, at) for subscriber, (at, name) in sorted(newest.items())]
    batches.upsert(Username, ("subscriber", "name", "seen_at"), rows, unique=("subscriber",), set_sql=_newest_wins())


def _newest_wins() -> str:
    # Two names shown in one second: any rule will do that is the same in every order, so names compare as bytes.
    collate = ' COLLATE "C"' if batches.is_postgresql() else ""
    return (
        '"name" = excluded."name", "seen_at" = excluded."seen_at" '
        f'WHERE (excluded."seen_at", excluded."name"{collate}) > (old."seen_at", old."name"{collate})'
    )
