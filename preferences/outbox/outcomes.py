"""What became of deliveries, and how it is written: only while the row still says that it is being sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q

from preferences.channels import Stop
from preferences.models import (
    Delivery,
    DeliveryState,
    Sender,
    TemplateState,
    UtilityTemplate,
    batches,
    blocks,
)

#: A status may have settled a delivery while we waited for the answer; then that stands.
STILL_ATTEMPTING = """old."state" = 'attempting'"""
_STOPS = (TemplateState.PAUSED, TemplateState.DISABLED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one delivery. `attempts` counts calls; a delivery that only waits makes none.

    `stop` and `words` block its sender or portfolio; `template_is` is what became of the template it tried to use.
    """

    delivery: Delivery
    state: DeliveryState
    excerpt: str = ""
    attempts: int = 0
    provider_digest: bytes = b""
    notice: int | None = None
    template: UtilityTemplate | None = None
    next_attempt_at: dt.datetime | None = None
    code: int = 0
    stop: Stop | None = None
    template_is: str = ""


_FIELDS = (
    "state", "attempts", "next_attempt_at", "leased_until", "notice", "template", "provider_digest", "error_code",
    "response_excerpt", "finished_at",
)  # fmt: skip


def write(outcomes: Sequence[Outcome], portfolios: dict[int, int], now: dt.datetime) -> int:
    """Write what became of these deliveries. `portfolios` is by sender. Returns how many there are.

    Deliveries first, and each table in a transaction of its own: webhooks lock senders and deliveries as well, in their
    own order. What a crash leaves out (a block, a paused template) the next attempt finds out again.
    """
    if not outcomes:
        return 0
    rows = [
        (
            one.delivery.pk, one.state.value, one.delivery.attempts + one.attempts,
            one.next_attempt_at or one.delivery.next_attempt_at, None, one.notice,
            one.template.name if one.template else "", one.provider_digest, one.code, one.excerpt[:1000],
            None if one.state == DeliveryState.RETRY else now,
        )
        for one in outcomes
    ]  # fmt: skip
    batches.update(
        Delivery, key="id", fields=_FIELDS, rows=sorted(rows, key=lambda row: row[0]), only_if=STILL_ATTEMPTING
    )
    blocks.write(
        one.stop.blocks(sender=sender, portfolio=portfolios[sender], now=now, reason=one.excerpt)
        for one in outcomes
        if one.stop and (sender := one.delivery.sender_id)
    )
    _stop_templates(outcomes, now)
    _touch({one.delivery.sender_id for one in outcomes if one.state == DeliveryState.SENT}, now)
    return len(outcomes)


def _stop_templates(outcomes: Iterable[Outcome], now: dt.datetime) -> None:
    """A template WhatsApp has paused or disabled is not tried again; a webhook may bring it back."""
    for state in _STOPS:
        stopped = {one.template.pk for one in outcomes if one.template and one.template_is == state}
        if stopped:
            UtilityTemplate.objects.filter(pk__in=stopped, state=TemplateState.USABLE).update(
                state=state, reason="WhatsApp said so when it was sent.", changed_at=now
            )


def _touch(senders: set[int | None], now: dt.datetime) -> None:
    """To the minute: a busy number is not written again with each message."""
    minute = now.replace(second=0, microsecond=0)
    if senders:
        older = Q(last_sent_at=None) | Q(last_sent_at__lt=minute)
        Sender.objects.filter(older, pk__in=[pk for pk in senders if pk]).update(last_sent_at=minute)
