"""Decides for one claimed delivery, right before it is sent, what is sent, or why nothing is (law 10)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from preferences.channels import Button, OutgoingMessage, Template, is_remote
from preferences.channels.graph_errors import WINDOW_CLOSED
from preferences.decisions import Desk
from preferences.models import Delivery, DeliveryState, UtilityTemplate
from preferences.outbox.means import Means
from preferences.outbox.outcomes import Outcome
from preferences.outbox.saying import Notices, Saying, parameters_of, text_of
from preferences.outbox.truth import Situation, is_still_true


@dataclass(frozen=True, slots=True)
class Draft:
    """One message with the notice that keeps its wording, and the template it is made of."""

    message: OutgoingMessage
    notice: int
    template: UtilityTemplate | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent for a delivery, and what instead if WhatsApp says that only a template may be."""

    delivery: Delivery
    draft: Draft
    instead: Draft | None = None


def plan(
    delivery: Delivery, situation: Situation, means: Means, notices: Notices, *, now: dt.datetime
) -> Plan | Outcome:
    """What to send, or the outcome if nothing is sent: too late, no longer true, blocked, no address, no open window."""
    if late := too_late(delivery, now):
        return late
    desk = situation.desks[delivery.sender_id or 0]
    if not is_still_true(delivery, desk, situation):
        return Outcome(delivery, DeliveryState.NEEDLESS, "The person changed their mind meanwhile.")
    number = means.numbers[desk.sender]
    leaves = is_remote(delivery.destination.kind)
    if leaves and number.block:
        until = number.block.until
        return Outcome(
            delivery,
            DeliveryState.RETRY,
            f"Waiting: {number.block.reason}",
            next_attempt_at=min(until, delivery.expires_at or until),
        )
    person = delivery.subscriber_id
    address = situation.addresses.get((person, 0)) or situation.addresses.get((person, desk.portfolio))
    if not address:
        return Outcome(delivery, DeliveryState.DEAD, "No number or user id of this person is known.")
    envelope = _Envelope(delivery, desk, situation, address, number.key, means)
    if not leaves:
        return Plan(delivery, envelope.text(notices))
    return _within_window(envelope, notices, now)


def too_late(delivery: Delivery, now: dt.datetime) -> Outcome | None:
    """The outcome of a delivery whose time is over. Asked again right before the call: a queue may have been slow."""
    if delivery.leased_until and delivery.leased_until <= now:
        return Outcome(delivery, DeliveryState.DEAD, "Its turn came after its lease was over, so nothing was sent.")
    if delivery.expires_at and delivery.expires_at <= now:
        return Outcome(delivery, DeliveryState.EXPIRED, "It would have come too late, so nothing was sent.")
    return None


@dataclass(frozen=True, slots=True)
class _Envelope:
    """Everything a message of this delivery needs but its words."""

    delivery: Delivery
    desk: Desk
    situation: Situation
    address: str
    sender_key: str
    means: Means

    def text(self, notices: Notices) -> Draft:
        saying = text_of(self.delivery, self.desk, self.situation)
        buttons = (Button(saying.button_id, saying.button),) if saying.button else ()
        return Draft(self._message(saying.text, buttons=buttons), notices.keep(self.delivery.kind, saying))

    def template(self, notices: Notices) -> Draft | None:
        one = self.means.template_for(self.desk, self.delivery.kind, self.delivery.language)
        if one is None:
            return None
        values = parameters_of(self.delivery, self.desk, self.situation, one)
        # WhatsApp keeps the words of a template; what we know of them is its name and what was filled in.
        saying = Saying(" | ".join([f"Template {one.name}", *values]), f"template:{one.name}", one.language)
        message = self._message("", template=Template(one.name, one.language, values))
        return Draft(message, notices.keep(self.delivery.kind, saying), one)

    def _message(
        self, text: str, *, buttons: tuple[Button, ...] = (), template: Template | None = None
    ) -> OutgoingMessage:
        return OutgoingMessage(
            to=self.address,
            sender=self.sender_key,
            text=text,
            correlation_id=str(self.delivery.correlation_id),
            buttons=buttons,
            template=template,
            credentials=self.means.credentials.get(self.desk.portfolio),
        )


def _within_window(envelope: _Envelope, notices: Notices, now: dt.datetime) -> Plan | Outcome:
    delivery = envelope.delivery
    template = envelope.template(notices)
    root = envelope.situation.roots[delivery.subscriber_id]
    was_refused = delivery.error_code == WINDOW_CLOSED  # WhatsApp knows better than our clock
    if envelope.means.is_window_open(root, envelope.desk.sender, now) and not was_refused:
        return Plan(delivery, envelope.text(notices), template)
    if template is None:
        return Outcome(
            delivery,
            DeliveryState.DEAD,
            "The person's last message is too old to be answered freely, and the brand has no usable utility template "
            "for this in their language or its own. Add one to send such answers.",
            code=delivery.error_code,
        )
    return Plan(delivery, template)
