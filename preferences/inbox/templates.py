"""Follows what WhatsApp says of our utility templates, so that one it paused or recategorised is not used any more."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from preferences.models import TemplateState, UtilityTemplate, batches

UTILITY = "UTILITY"
_LIFTED = frozenset({"APPROVED", "REINSTATED", "UNPAUSED"})
_STATES = {
    "PAUSED": TemplateState.PAUSED,
    **dict.fromkeys(("DISABLED", "DELETED", "ARCHIVED", "LOCKED", "REJECTED"), TemplateState.DISABLED),
}
_REASONS = {
    TemplateState.USABLE: "",
    TemplateState.PAUSED: "WhatsApp paused it because people blocked or reported it.",
    TemplateState.DISABLED: "WhatsApp no longer sends it.",
    TemplateState.RECATEGORISED: "WhatsApp made it a marketing template, which people who stopped marketing never get.",
}


@dataclass(frozen=True, slots=True)
class TemplateEvent:
    """What was told about one template. `event` is empty where only its category is told, `category` where it is not."""

    portfolio: int
    name: str
    language: str
    event: str
    category: str
    at: dt.datetime


def follow(events: Iterable[TemplateEvent]) -> None:
    """Bring the state of our utility templates up to date, in one read and one write however many events.

    An event older than what the state follows from changes nothing, so their order does not matter.
    """
    told: dict[tuple[int, str, str], list[TemplateEvent]] = defaultdict(list)
    for event in events:
        told[event.portfolio, event.name, event.language].append(event)
    if not told:
        return
    templates = UtilityTemplate.objects.filter(
        portfolio__any={portfolio for portfolio, _, _ in told}, name__any={name for _, name, _ in told}
    )
    rows = []
    for template in templates.order_by("pk"):
        before = (template.state, template.changed_at)
        for event in sorted(told.get((template.portfolio_id, template.name, template.language), []), key=_by_time):
            if event.at >= template.changed_at:
                template.state, template.changed_at = _next(template.state, event), event.at
        if (template.state, template.changed_at) != before:
            rows.append((template.pk, template.state, _REASONS[TemplateState(template.state)], template.changed_at))
    batches.update(UtilityTemplate, key="id", fields=["state", "reason", "changed_at"], rows=rows)


def _by_time(event: TemplateEvent) -> dt.datetime:
    return event.at


def _next(state: str, event: TemplateEvent) -> str:
    if event.category not in {"", UTILITY}:
        return TemplateState.RECATEGORISED
    if event.event in _STATES:
        return _STATES[event.event]
    if event.event in _LIFTED and (event.category or state != TemplateState.RECATEGORISED):
        return TemplateState.USABLE
    if not event.event and state == TemplateState.RECATEGORISED:
        return TemplateState.USABLE
    return state
