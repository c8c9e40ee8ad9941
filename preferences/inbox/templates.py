"""What WhatsApp says about our templates: one that is paused, disabled or made a marketing template stops itself."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from preferences.models import TemplateState, UtilityTemplate, batches

UTILITY = "UTILITY"
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
#: `reason` begins with what the row's last change was about, so that an older change of the other kind is told apart.
_CATEGORY, _STATUS = "Category", "Status"
_IN_WORDS = {
    TemplateState.USABLE: "",
    TemplateState.PAUSED: " WhatsApp paused it, mostly because people blocked or reported it.",
    TemplateState.DISABLED: " WhatsApp does not send it any more.",
    TemplateState.RECATEGORISED: " WhatsApp made it a marketing template, which people who stopped marketing never get.",
}


@dataclass(frozen=True, slots=True)
class TemplateEvent:
    """One webhook about one template of a portfolio (its id): `category` is its new one, or `event` what happened to it.

    From the fields `template_category_update` and `message_template_status_update`. No language means all of them.
    """

    portfolio: int
    name: str
    language: str
    at: dt.datetime
    category: str = ""
    event: str = ""


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
    if event.category:
        if is_older and (event.category == UTILITY or not before.reason.startswith(_STATUS)):
            return before
        return replace(_recategorised(before, event), changed_at=max(event.at, before.changed_at))
    state = _STATE_OF.get(event.event)
    # Its status says nothing about its category: a marketing template that is approved again stays one.
    if state is None or is_older or before.state == TemplateState.RECATEGORISED:
        return before
    return State(state, f"{_STATUS}: {event.event}.{_IN_WORDS[state]}", event.at)


def _recategorised(before: State, event: TemplateEvent) -> State:
    reason = f"{_CATEGORY}: {event.category}."
    if event.category != UTILITY:
        return State(TemplateState.RECATEGORISED, reason + _IN_WORDS[TemplateState.RECATEGORISED], event.at)
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
