"""What WhatsApp says about our templates: one that is paused, disabled or made a marketing template stops itself."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from preferences.models import TemplateState, UtilityTemplate, batches

_UTILITY = "UTILITY"
#: The states a template's status events mean for us; what is not named changes nothing (FLAGGED can still be sent).
_STATE_OF = {
    "APPROVED": TemplateState.USABLE,
    "REINSTATED": TemplateState.USABLE,
    "UNPAUSED": TemplateState.USABLE,
    "PAUSED": TemplateState.PAUSED,
    "PENDING": TemplateState.PAUSED,
    "IN_APPEAL": TemplateState.PAUSED,
    "LIMIT_EXCEEDED": TemplateState.DISABLED,
    "ARCHIVED": TemplateState.DISABLED,
    "DELETED": TemplateState.DISABLED,
    "DISABLED": TemplateState.DISABLED,
    "LOCKED": TemplateState.DISABLED,
    "PENDING_DELETION": TemplateState.DISABLED,
    "REJECTED": TemplateState.DISABLED,
}
#: The reason begins with what the row's last change was about, so that an older change of the other kind is told apart.
_CATEGORY, _STATUS = "Category", "Status"
_MARKETING_WORDS = "as a marketing template people who stopped marketing never get it."


@dataclass(frozen=True, slots=True)
class TemplateEvent:
    """What was told about one template of a portfolio (its id): what happened to it (`event`), its new category, or both.

    From the fields `message_template_status_update` and `template_category_update`. No language means all of them.
    """

    portfolio: int
    name: str
    language: str
    event: str
    category: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class State:
    """The part of a template that events change."""

    state: str
    reason: str
    changed_at: dt.datetime


def changed(before: State, event: TemplateEvent) -> State:
    """The template after one event. Pure.

    Events older than the last change do nothing, with one exception on the safe side: that it became a marketing template
    counts also behind a newer change of its status, because the two are told apart by nothing but their order.
    """
    is_older = event.at <= before.changed_at
    is_late_marketing = event.category not in {"", _UTILITY} and before.reason.startswith(_STATUS)
    if is_older and not is_late_marketing:
        return before
    after = _recategorised(before, event) if event.category else before
    state = _STATE_OF.get(event.event)
    # Its status says nothing about its category: a marketing template that is approved again stays one.
    if state is not None and after.state != TemplateState.RECATEGORISED:
        after = State(state, f"{after.reason} {_told(event)}" if event.category else _told(event), event.at)
    return replace(after, changed_at=max(after.changed_at, before.changed_at))


def _told(event: TemplateEvent) -> str:
    return f"{_STATUS}: WhatsApp says {event.event}."


def _recategorised(before: State, event: TemplateEvent) -> State:
    reason = f"{_CATEGORY}: WhatsApp says {event.category}."
    if event.category != _UTILITY:
        return State(TemplateState.RECATEGORISED, f"{reason[:-1]}; {_MARKETING_WORDS}", event.at)
    is_back = before.state == TemplateState.RECATEGORISED
    return State(TemplateState.USABLE if is_back else before.state, reason, event.at)


def follow(events: Iterable[TemplateEvent]) -> int:
    """Bring the templates named by `events` up to date, in two queries. Returns how many changed.

    Idempotent, and safe with duplicates and in any order: older events change nothing (see `changed`).
    """
    by_name: dict[tuple[int, str], list[TemplateEvent]] = defaultdict(list)
    for event in sorted(events, key=lambda event: event.at):
        by_name[event.portfolio, event.name].append(event)
    if not by_name:
        return 0
    found = UtilityTemplate.objects.filter(
        portfolio__in={portfolio for portfolio, _ in by_name}, name__in={name for _, name in by_name}
    )
    rows = []
    for template in found.order_by("pk").select_for_update():
        before = after = State(template.state, template.reason, template.changed_at)
        for event in by_name.get((template.portfolio_id, template.name), ()):
            if event.language in {"", template.language}:
                after = changed(after, event)
        if after != before:
            rows.append((template.pk, str(after.state), after.reason[:200], after.changed_at))
    batches.update(UtilityTemplate, key="id", fields=("state", "reason", "changed_at"), rows=rows)
    return len(rows)
