"""The first thing the page of a person says: may WhatsApp marketing be sent, why, and what may be done next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from preferences import eligibility, regimes
from preferences.admin.base import text_of
from preferences.admin.words import BAD, DOUBT, GOOD, ICONS, PLAIN, badge, later, rule_in_words, utc
from preferences.models import (
    Channel,
    Consent,
    ConsentEvent,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Hold,
    Identity,
    Pause,
    PlatformStop,
    Reply,
    Scheme,
    Source,
    Subscriber,
)
from preferences.models.scopes import MARKETING

_MARKS = {BAD: "Closed", DOUBT: "Waiting", GOOD: "Open", PLAIN: "Past"}
_NO, _NOT_NOW, _YES = (
    "Do not send WhatsApp marketing.", "Do not send WhatsApp marketing for now.", "WhatsApp marketing may be sent.",
)  # fmt: skip
#: Tone, what is said, the reason, and what the channel's line says.
_REASONS = {
    eligibility.OPTED_OUT: (BAD, _NO, "Opted out.", "Opted out"),
    eligibility.PLATFORM_STOP: (BAD, _NO, "Stopped with WhatsApp’s own switch.", "Stopped on WhatsApp"),
    eligibility.HELD: (DOUBT, _NOT_NOW, "A doubtful reply waits for review.", "Held"),
    eligibility.PAUSED: (DOUBT, _NOT_NOW, "The person asked for quiet.", "Quiet for now"),
    eligibility.NO_CONSENT: (BAD, _NO, "No opt-in is known.", "No opt-in known"),
    eligibility.OPTED_IN: (GOOD, _YES, "Opted in.", "Opted in"),
    eligibility.NO_OBJECTION: (
        GOOD, _YES, "Opt-ins are kept in another system, and no objection is known.", "No objection known",
    ),
    eligibility.ERASED: (BAD, _NO, "The person was erased.", "Erased"),
}  # fmt: skip
_NEXT = {
    eligibility.OPTED_OUT: (
        "Do not ask them back: that would be marketing. If they write START, marketing on WhatsApp opens again."
    ),
    eligibility.PLATFORM_STOP: (
        "Only the person can lift it, in WhatsApp: open the chat, tap the business name, then “Offers and announcements”."
    ),
    eligibility.HELD: "Settle the review of the doubtful reply. Undecided, it becomes an opt-out at its deadline.",
    eligibility.PAUSED: "Nothing to do: the pause ends by itself.",
    eligibility.NO_CONSENT: "Send nothing until they opt in, for example by writing START.",
    eligibility.OPTED_IN: "",
    eligibility.NO_OBJECTION: "",
    eligibility.ERASED: "Keep it so: a number that comes back stays suppressed.",
}
_START_IN_TWO_STEPS = (
    "Do not ask them back: that would be marketing. If they write START we ask for YES, because their law wants written "
    "consent."
)
_HOW = {
    Source.REPLY: "by a reply",
    Source.BUTTON: "by a button",
    Source.PLATFORM: "with WhatsApp’s own switch",
    Source.SEND_ERROR: "learned from a refused send",
    Source.IDENTITY: "learned from a change of number",
    Source.STAFF: "by staff",
    Source.PAGE: "on the preference page",
    Source.API: "through the API",
    Source.IMPORT: "by an import",
    Source.REVIEW: "by a review",
    Source.SYSTEM: "by the desk itself",
}
_UNSENT = {
    DeliveryState.RETRY: "The confirmation was not sent yet and is tried again.",
    DeliveryState.EXPIRED: "The confirmation would have come too late and was not sent.",
    DeliveryState.DEAD: "The confirmation could not be sent.",
    DeliveryState.UNKNOWN: "Whether the confirmation arrived is not known.",
    DeliveryState.NEEDLESS: "The confirmation was no longer true and was not sent.",
    DeliveryState.RECORDED: "The confirmation was recorded, not sent.",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that is so: its tone, a sentence, and why or since when."""

    tone: str
    text: str
    detail: str = ""

    @property
    def mark(self) -> SafeString:
        return badge(self.tone, _MARKS[self.tone])


@dataclass(frozen=True, slots=True)
class Answer:
    """May WhatsApp marketing be sent: `text`, the reason in `detail`, the next lawful step in `advice`."""

    tone: str
    text: str
    detail: str
    advice: str = ""
    state: str = ""

    @property
    def icon(self) -> str:
        return ICONS[self.tone]


@dataclass(frozen=True, slots=True)
class Standing:
    """The stored state of one root."""

    consents: Sequence[Consent]
    stops: Sequence[PlatformStop]
    holds: Sequence[Hold]
    pauses: Sequence[Pause]


def answer_of(
    root: Subscriber,
    members: Sequence[Subscriber],
    identities: Sequence[Identity],
    standing: Standing,
    *,
    user: Any,
    now: dt.datetime,
    is_one_of_many: bool,
) -> Answer:
    """The answer of the strictest brand, with what was said only for those who may see replies."""
    live = [one.value for one in identities if one.ended_at is None and one.scheme != Scheme.EXTERNAL]
    if root.erased_at:
        tone, _, reason, state = _REASONS[eligibility.ERASED]
        advice = _NEXT[eligibility.ERASED]
        return Answer(tone, "Do not send anything.", f"Erased on {utc(root.erased_at)}.", advice, state)
    if not live:
        detail = "Every number and user id of this record has ended."
        return Answer(BAD, "Nobody can be messaged here.", detail, "Look for the person by their new number.", "Nobody")
    found = eligibility.check(live[:1], channel=Channel.WHATSAPP, topic=MARKETING, brands=None, now=now)[0]
    tone, text, reason, state = _REASONS[found.reason]
    cause = _cause(found, standing)
    because = _because(cause, members, user) if cause else ""
    since = f" Since {utc(found.since)}." if found.since and not because else ""
    many = " This is the strictest answer of all brands." if is_one_of_many else ""
    is_two_steps = found.reason == eligibility.OPTED_OUT and regimes.needs_written_opt_in(root.country)
    advice = _START_IN_TWO_STEPS if is_two_steps else _NEXT[found.reason]
    return Answer(tone, text, f"{because or reason}{since}{many}", advice, state)


def _cause(found: eligibility.Answer, standing: Standing) -> int:
    """The position of the event behind the answer, 0 where none is known."""
    if found.reason in {eligibility.OPTED_OUT, eligibility.OPTED_IN}:
        causes = [one.event for one in standing.consents if one.effective_at == found.since]
    elif found.reason == eligibility.HELD:
        causes = [one.event for one in standing.holds if one.since == found.since]
    else:
        causes = []
    return causes[0] if causes else 0


def _because(position: int, members: Sequence[Subscriber], user: Any) -> str:
    """What the person did and when, and whether it was confirmed: three queries, the text only for those who may."""
    event = ConsentEvent.objects.filter(position=position).first()
    if event is None:
        return ""
    if event.subscriber not in {one.public_id for one in members}:
        return _of_earlier_holder(event)
    people = [one.pk for one in members]
    reply = Reply.objects.filter(subscriber__in=people, event=position).order_by("pk").first()
    rule = rule_in_words(event.rule)
    how = f"{event.get_kind_display()} {_HOW[Source(event.source)]}"
    if reply and user.has_perm("preferences.view_reply"):
        verb = "Tapped" if event.source == Source.BUTTON else "Wrote"
        how = f"{verb} “{_shortened(text_of(reply))}”"
    text = f"{how} on {utc(event.effective_at)}.{f' Rule: {rule}.' if rule else ''}"
    told = Delivery.objects.filter(subscriber__in=people, event=position, kind=DeliveryKind.CONFIRMATION)
    delivery = told.order_by("pk").first()
    return f"{text} {_confirmed(delivery, event.effective_at)}".strip() if delivery else text


def _of_earlier_holder(event: ConsentEvent) -> str:
    """What somebody else did while the number was theirs: which word, but not their message, nor what they were told."""
    rule = rule_in_words(event.rule)
    verb = "tapped" if event.source == Source.BUTTON else "wrote"
    did = f"{verb} {rule}" if rule.startswith("“") else f"opted out {_HOW[Source(event.source)]}"
    return f"An earlier holder of this number {did} on {utc(event.effective_at)}; the stop stays on the number."


def _confirmed(delivery: Delivery, start: dt.datetime) -> str:
    if delivery.state == DeliveryState.SENT and delivery.finished_at:
        return f"Confirmed {later(start, delivery.finished_at)}."
    return _UNSENT.get(DeliveryState(delivery.state), "The confirmation is on its way.")


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:79]}…"
