"""What the page of one person says: the answer with its reason and the next step, what stands, what happened. A fixed
number of queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from preferences.admin.answer import Answer, Standing, Statement, answer_of
from preferences.admin.base import best_first
from preferences.admin.timeline import Cursor, Timeline, timeline_of
from preferences.admin.words import BAD, DOUBT, GOOD, PLAIN, Names, badge, consent_in_words, scope_in_words, utc
from preferences.identifiers import mask
from preferences.models import (
    Brand,
    Cell,
    Channel,
    Consent,
    ConsentStatus,
    Controller,
    Hold,
    Identity,
    Pause,
    PlatformStop,
    Subscriber,
    Username,
)
from preferences.models.scopes import MARKETING, deciding

_OTHER_CHANNELS = (Channel.SMS, Channel.EMAIL)


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the page of one person shows. `revealed` holds the identities in clear on the one page that answers a
    reveal, and nothing anywhere else."""

    name: str
    subscriber: Subscriber
    root: Subscriber
    members: int
    answer: Answer
    channels: Sequence[tuple[str, SafeString]]
    standing: Sequence[Statement]
    identities: Sequence[tuple[str, str, str]]
    usernames: Sequence[str]
    timeline: Timeline
    revealed: Sequence[Identity] = ()


def page_of(
    subscriber: Subscriber,
    *,
    user: Any,
    now: dt.datetime,
    show: str = "all",
    before: Cursor | None = None,
    revealed: Sequence[Identity] = (),
) -> Page:
    """The page of a person: of the root and of every record joined to it."""
    root = subscriber.root
    members = list(Subscriber.objects.filter(root=root).order_by("pk"))
    identities = best_first(list(Identity.objects.filter(root=root).order_by("pk")))
    brands = list(Brand.objects.select_related("controller"))
    names = Names(
        {brand.pk: brand.name for brand in brands},
        dict(Controller.objects.values_list("pk", "name")),
    )
    standing = _load(root, now)
    answer = answer_of(root, members, identities, standing, user=user, now=now, is_one_of_many=len(brands) > 1)
    return Page(
        name=mask(identities[0].value) if identities else str(root),
        subscriber=subscriber,
        root=root,
        members=len(members),
        answer=answer,
        channels=[(Channel.WHATSAPP.label, badge(answer.tone, answer.state)), *_others(brands, standing)],
        standing=_standing(standing, names),
        identities=[_identity(one) for one in identities],
        usernames=[one.name for one in Username.objects.filter(subscriber__in=members).order_by("-seen_at")],
        timeline=timeline_of(members, user=user, names=names, now=now, show=show, before=before),
        revealed=revealed,
    )


def _load(root: Subscriber, now: dt.datetime) -> Standing:
    stops = PlatformStop.objects.filter(subscriber=root).select_related("portfolio", "sender")
    return Standing(
        consents=list(Consent.objects.filter(subscriber=root).order_by("-effective_at", "pk")),
        stops=list(stops.order_by("since")),
        holds=list(Hold.objects.filter(subscriber=root).order_by("since")),
        pauses=list(Pause.objects.filter(subscriber=root, until__gt=now).order_by("until")),
    )


def _others(brands: Iterable[Brand], standing: Standing) -> list[tuple[str, SafeString]]:
    """Marketing by other channels, the strictest of all brands."""
    cells = [(brand.controller_id, brand.pk) for brand in brands]
    lines = []
    for channel in _OTHER_CHANNELS:
        found = [_state(Cell(controller, brand, channel, MARKETING), standing) for controller, brand in cells]
        _, tone, text = min(found, default=(3, PLAIN, "Nothing known"))
        lines.append((channel.label, badge(tone, text)))
    return lines


def _state(cell: Cell, standing: Standing) -> tuple[int, str, str]:
    """Strictness, tone and words for one cell."""
    newest = deciding(standing.consents, cell)
    if newest is not None and newest.status == ConsentStatus.OPTED_OUT:
        return 0, BAD, "Opted out"
    if any(hold.scope.covers(cell) for hold in standing.holds):
        return 1, DOUBT, "Held"
    if any(pause.scope.covers(cell) for pause in standing.pauses):
        return 2, DOUBT, "Quiet for now"
    if newest is not None and newest.status == ConsentStatus.OPTED_IN:
        return 4, GOOD, "Opted in"
    return 3, PLAIN, "Nothing known"


def _standing(standing: Standing, names: Names) -> list[Statement]:
    statements = [
        Statement(
            BAD,
            f"Do not send WhatsApp marketing from any number of {stop.portfolio}.",
            f"WhatsApp’s own switch, on {stop.sender}. Since {utc(stop.since)}. Event {stop.event}.",
        )
        for stop in standing.stops
    ]
    for hold in standing.holds:
        held = scope_in_words(hold.scope, names)
        detail = f"A doubtful reply waits for review. Since {utc(hold.since)}. Event {hold.event}."
        detail += " What the person opened later stays open."
        statements.append(Statement(DOUBT, f"Held: {held}.", detail))
    for pause in standing.pauses:
        paused = scope_in_words(pause.scope, names)
        statements.append(Statement(DOUBT, f"Quiet until {utc(pause.until)}: {paused}.", f"Event {pause.event}."))
    return [*statements, *_consents(standing.consents, names)]


def _consents(consents: Sequence[Consent], names: Names) -> Iterable[Statement]:
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
