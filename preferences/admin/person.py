"""What the page of one person says: the answer, what stands, and what happened. A fixed number of queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from preferences import eligibility
from preferences.admin.base import best_first
from preferences.admin.words import (
    BAD,
    DOUBT,
    GOOD,
    PLAIN,
    Names,
    consent_in_words,
    delivery_in_words,
    event_tone,
    intent_in_words,
    reach_in_words,
    scope_in_words,
    utc,
)
from preferences.encryption import EncryptionError, unseal
from preferences.identifiers import mask
from preferences.models import (
    Brand,
    Cell,
    Channel,
    Consent,
    ConsentEvent,
    ConsentStatus,
    Controller,
    Delivery,
    Hold,
    Identity,
    Pause,
    PlatformStop,
    Reply,
    Scheme,
    Sender,
    Subscriber,
    User,
)
from preferences.models.scopes import MARKETING, deciding

#: The newest of each kind; a person with more than this many is looked at through the API.
_MOST = 100

_REASONS = {
    eligibility.OPTED_OUT: (BAD, "Do not send WhatsApp marketing.", "Opted out."),
    eligibility.PLATFORM_STOP: (
        BAD, "Do not send WhatsApp marketing.", "Stopped with WhatsApp’s own switch; only the person can lift it.",
    ),
    eligibility.HELD: (DOUBT, "Do not send WhatsApp marketing for now.", "A doubtful reply waits for review."),
    eligibility.PAUSED: (DOUBT, "Do not send WhatsApp marketing for now.", "The person asked for quiet."),
    eligibility.NO_CONSENT: (BAD, "Do not send WhatsApp marketing.", "No opt-in is known."),
    eligibility.OPTED_IN: (GOOD, "WhatsApp marketing may be sent.", "Opted in."),
    eligibility.NO_OBJECTION: (
        GOOD, "WhatsApp marketing may be sent.", "Opt-ins are kept in another system, and no objection is known.",
    ),
    eligibility.ERASED: (BAD, "Do not send WhatsApp marketing.", "The person was erased."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that is so: its tone, a sentence, and why or since when."""

    tone: str
    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a list: when, a state, what."""

    at: dt.datetime
    tone: str
    state: str
    text: str
    detail: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the page of one person shows. Lists the viewer may not see are None."""

    name: str
    subscriber: Subscriber
    root: Subscriber
    members: int
    answer: Statement
    standing: Sequence[Statement]
    identities: Sequence[tuple[str, str, str]]
    events: Sequence[Happening] | None
    replies: Sequence[Happening] | None
    deliveries: Sequence[Happening] | None


def page_of(subscriber: Subscriber, *, user: Any, now: dt.datetime) -> Page:
    """The page of a person: of the root and of every record joined to it."""
    root = subscriber.root
    members = list(Subscriber.objects.filter(root=root).order_by("pk"))
    identities = best_first(list(Identity.objects.filter(root=root).order_by("pk")))
    names = Names(
        dict(Brand.objects.values_list("pk", "name")),
        dict(Controller.objects.values_list("pk", "name")),
    )
    return Page(
        name=mask(identities[0].value) if identities else str(root),
        subscriber=subscriber,
        root=root,
        members=len(members),
        answer=_answer(root, identities, now, is_one_of_many=len(names.brands) > 1),
        standing=_standing(root, names, now),
        identities=[_identity(one) for one in identities],
        events=_events(members, names) if user.has_perm("preferences.view_consentevent") else None,
        replies=_replies(members) if user.has_perm("preferences.view_reply") else None,
        deliveries=_deliveries(members) if user.has_perm("preferences.view_delivery") else None,
    )


def _answer(root: Subscriber, identities: list[Identity], now: dt.datetime, *, is_one_of_many: bool) -> Statement:
    live = [one.value for one in identities if one.ended_at is None and one.scheme != Scheme.EXTERNAL]
    if root.erased_at:
        return Statement(BAD, "Do not send anything.", f"Erased on {utc(root.erased_at)}.")
    if not live:
        return Statement(BAD, "Nobody can be messaged here.", "Every number and user id of this record has ended.")
    found = eligibility.check(live[:1], channel=Channel.WHATSAPP, topic=MARKETING, brands=None, now=now)[0]
    tone, text, reason = _REASONS[found.reason]
    since = f" Since {utc(found.since)}." if found.since else ""
    many = " This is the strictest answer of all brands." if is_one_of_many else ""
    return Statement(tone, text, f"{reason}{since}{many}")


def _standing(root: Subscriber, names: Names, now: dt.datetime) -> list[Statement]:
    stops = PlatformStop.objects.filter(subscriber=root).select_related("portfolio", "sender").order_by("since")
    statements = [
        Statement(
            BAD,
            f"Do not send WhatsApp marketing from any number of {stop.portfolio}.",
            f"WhatsApp’s own switch, on {stop.sender}. Since {utc(stop.since)}. Event {stop.event}.",
        )
        for stop in stops
    ]
    for hold in Hold.objects.filter(subscriber=root).order_by("since"):
        held = scope_in_words(hold.scope, names)
        detail = f"A doubtful reply waits for review. Since {utc(hold.since)}. Event {hold.event}."
        detail += " What the person opened later stays open."
        statements.append(Statement(DOUBT, f"Held: {held}.", detail))
    for pause in Pause.objects.filter(subscriber=root, until__gt=now).order_by("until"):
        paused = scope_in_words(pause.scope, names)
        statements.append(Statement(DOUBT, f"Quiet until {utc(pause.until)}: {paused}.", f"Event {pause.event}."))
    return [
        *statements,
        *_consents(list(Consent.objects.filter(subscriber=root).order_by("-effective_at", "pk")), names),
    ]


def _consents(consents: list[Consent], names: Names) -> Iterable[Statement]:
    for consent in consents:
        scope = consent.scope
        newest = deciding(consents, Cell(scope.controller, scope.brand, scope.channel, scope.topic))
        text = consent_in_words(consent.status, scope, names)
        detail = f"Since {utc(consent.effective_at)}. Event {consent.event}."
        if newest is not None and newest is not consent:
            yield Statement(
                PLAIN, f"No longer: {text[0].lower()}{text[1:]}", f"{detail} Event {newest.event} overrules it."
            )
        else:
            yield Statement(BAD if consent.status == ConsentStatus.OPTED_OUT else GOOD, text, detail)


def _identity(identity: Identity) -> tuple[str, str, str]:
    life = f"since {utc(identity.since)}"
    if identity.ended_at:
        life = f"from {utc(identity.since)} to {utc(identity.ended_at)}"
    return identity.get_scheme_display(), mask(identity.value), life


def _events(members: list[Subscriber], names: Names) -> list[Happening]:
    events = list(
        ConsentEvent.objects.filter(subscriber__in=[one.public_id for one in members]).order_by("-position")[:_MOST]
    )
    senders = {one.pk: str(one) for one in Sender.objects.filter(pk__in={event.sender for event in events})}
    people = dict(User.objects.filter(pk__in={event.actor for event in events}).values_list("pk", "username"))
    lines = []
    for event in events:
        parts = [
            f"Event {event.position}",
            event.get_source_display(),
            f"on {senders[event.sender]}" if event.sender in senders else "",
            f"rule {event.rule}" if event.rule else "",
            f"by {people[event.actor]}" if event.actor in people else "",
            f"corrects event {event.voids}" if event.voids else "",
        ]
        detail = ", ".join(part for part in parts if part) + "."
        text = f"{reach_in_words(event, names)}."
        lines.append(Happening(event.effective_at, event_tone(event), event.get_kind_display(), text, detail))
    return lines


def _replies(members: list[Subscriber]) -> list[Happening]:
    replies: QuerySet[Reply] = Reply.objects.filter(subscriber__in=[one.pk for one in members]).select_related("sender")
    return [
        Happening(
            reply.sent_at,
            *intent_in_words(reply.intent),
            text="",
            detail=f"To {reply.sender}, rule {reply.rule}.",
            said=text_of(reply),
        )
        for reply in replies.order_by("-sent_at", "-pk")[:_MOST]
    ]


def _deliveries(members: list[Subscriber]) -> list[Happening]:
    deliveries = Delivery.objects.filter(subscriber__in=[one.pk for one in members]).select_related("destination")
    return [
        Happening(
            delivery.finished_at or delivery.created_at,
            *delivery_in_words(delivery),
            text=f"{delivery.get_kind_display()} ({delivery.language}), to {delivery.destination}.",
            detail=delivery.response_excerpt,
        )
        for delivery in deliveries.order_by("-pk")[:_MOST]
    ]


def text_of(reply: Reply) -> str:
    """The decrypted text, or a sentence saying why it cannot be read. Not escaped: templates do that."""
    try:
        return unseal("reply", bytes(reply.text)).decode(errors="replace") or "(no text)"
    except EncryptionError as error:
        return f"(This text cannot be read. {error})"
