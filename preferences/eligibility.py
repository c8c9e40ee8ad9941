"""May we message this person, on this channel, about this topic? Fails closed: what is not known is not allowed.

Any number of recipients costs the same fixed number of queries.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import F, QuerySet

from preferences.encryption import pseudonyms
from preferences.identifiers import Identifier, parse_recipient
from preferences.models import (
    ANY,
    Brand,
    Cell,
    Channel,
    Consent,
    ConsentStatus,
    Hold,
    Identity,
    LedgerHead,
    Pause,
    PlatformStop,
    PolicyVersion,
    Scheme,
    Scope,
    Sender,
    Tombstone,
    UnknownConsent,
    batches,
)
from preferences.models.scopes import MARKETING, NO_BRAND, SERVICE, topic_covers

# The reasons, in the order in which the first that applies is given.
INVALID, ERASED, OPTED_OUT, PLATFORM_STOP, HELD, PAUSED, NO_CONSENT = (
    "invalid", "erased", "opted_out", "platform_stop", "held", "paused", "no_consent",
)  # fmt: skip
OPTED_IN, NO_OBJECTION = "opted_in", "no_objection"
_STRICTNESS = {
    reason: rank
    for rank, reason in enumerate(
        (INVALID, ERASED, OPTED_OUT, PLATFORM_STOP, HELD, PAUSED, NO_CONSENT, NO_OBJECTION, OPTED_IN)
    )
}
ALLOWED = frozenset({OPTED_IN, NO_OBJECTION})


class Answer(NamedTuple):
    """The answer for one recipient. `version` grows with every change of the deciding row; 0 where nothing is known."""

    recipient: str
    reason: str
    since: dt.datetime | None
    version: int

    @property
    def is_allowed(self) -> bool:
        return self.reason in ALLOWED


@dataclass(frozen=True, slots=True)
class _Asked:
    """One brand's question: the cell, what unknown consent means there, and whose platform stops count."""

    cell: Cell
    unknown: str
    portfolios: frozenset[int]


def position() -> int:
    """The ledger position that answers given now take into account."""
    return LedgerHead.objects.values_list("position", flat=True).get(pk=1)


def check(
    recipients: Sequence[str], *, channel: str, topic: str, brands: Iterable[Brand] | None, now: dt.datetime
) -> list[Answer]:
    """One answer per recipient, in the same order. With several brands (None: all of them) the strictest decides.

    Recipients are phone numbers in any international spelling, BSUIDs or e-mail addresses. A bare BSUID is looked up in
    every portfolio and the strictest of the people it finds decides.
    """
    asked = _asked(channel, topic, brands)
    identifiers = [parse_recipient(recipient) for recipient in recipients]
    people = _people([one for one in identifiers if one])
    roots = {root for found in people.values() for root in found}
    states = _States(roots, asked, now)
    erased = _erased([one for one in identifiers if one and one.match_key not in people])
    known: dict[Any, tuple[str, dt.datetime | None, int]] = {}
    answers = []
    for recipient, one in zip(recipients, identifiers, strict=True):
        if one is None:
            answers.append(Answer(recipient, INVALID, None, 0))
            continue
        key = one[0], one.match_key
        if key not in known:
            known[key] = _strictest(one, people, erased, states)
        answers.append(Answer(recipient, *known[key]))
    return answers


def _strictest(
    one: Identifier, people: dict[str, list[int]], erased: dict[str, dt.datetime], states: _States
) -> tuple[str, dt.datetime | None, int]:
    if one.match_key in erased:
        return ERASED, erased[one.match_key], 0
    found = [states.of(root) for root in people.get(one.match_key, ())] or [states.of(None)]
    return min(found, key=lambda answer: _STRICTNESS[answer[0]])


def check_people(
    roots: set[int], *, channel: str, topic: str, brands: Iterable[Brand] | None, now: dt.datetime
) -> dict[int, tuple[str, dt.datetime | None, int]]:
    """Reason, since and version for people already found; `check` is for what a sender has in hand."""
    states = _States(roots, _asked(channel, topic, brands), now)
    return {root: states.of(root) for root in roots}


def _asked(channel: str, topic: str, brands: Iterable[Brand] | None) -> list[_Asked]:
    """A question per brand; with no brand at all, one about senders that nobody has assigned."""
    chosen = list(Brand.objects.all() if brands is None else brands)
    policies = dict(
        PolicyVersion.objects.filter(brand__in=[brand.pk for brand in chosen])
        .order_by("brand_id", F("number").asc())
        .values_list("brand_id", "unknown_consent")
    )
    senders = list(Sender.objects.values_list("brand_id", "portfolio_id"))
    unassigned = {portfolio for brand, portfolio in senders if brand is None}
    asked = [
        _Asked(
            Cell(brand.controller_id, brand.pk, channel, topic),
            policies.get(brand.pk, UnknownConsent.NO_CONSENT),
            frozenset(unassigned | {portfolio for owner, portfolio in senders if owner == brand.pk}),
        )
        for brand in chosen
    ]
    return asked or [_Asked(Cell(0, NO_BRAND, channel, topic), UnknownConsent.NO_CONSENT, frozenset(unassigned))]


def _people(identifiers: list[Identifier]) -> dict[str, list[int]]:
    """The people behind each match key: one for a number, perhaps several for a BSUID known in several portfolios.

    A user id that was given up is still its person's: unlike a number it is never given to anybody else.
    """
    people: dict[str, list[int]] = {}
    keys: dict[str, str] = {one.match_key: one.scheme for one in identifiers}
    live = Identity.objects.filter(match_key__any=set(keys), ended_at=None)
    for match_key, scheme, root in batches.read(live.values_list("match_key", "scheme", "root_id")):
        if keys[match_key] == scheme:
            people.setdefault(match_key, []).append(root)
    left = {key for key, scheme in keys.items() if scheme != Scheme.PHONE and key not in people}
    if left:
        ended = Identity.objects.filter(match_key__any=left).exclude(ended_at=None)
        for match_key, root in batches.read(ended.values_list("match_key", "root_id")):
            people.setdefault(match_key, []).append(root)
    return people


def _erased(strangers: list[Identifier]) -> dict[str, dt.datetime]:
    """Numbers nobody has that belonged to an erased person: they stay suppressed (keyed HMAC of the identity)."""
    if not strangers or not Tombstone.objects.exists():
        return {}
    digests = {digest: one.match_key for one in strangers for _, digest in pseudonyms(f"{one.scheme}:{one.match_key}")}
    rows = Tombstone.objects.filter(digest__any=list(digests)).values_list("digest", "erased_at")
    return {digests[bytes(digest)]: erased_at for digest, erased_at in rows}


class _States:
    """The stored rows of the people asked about, and what they mean for each brand asked about."""

    def __init__(self, roots: set[int], asked: list[_Asked], now: dt.datetime) -> None:
        self._asked = asked
        self._covers: dict[tuple[int, Any], bool] = {}
        channels = sorted({one.cell.channel for one in asked} | {ANY})
        scoped = ("subscriber_id", "controller", "brand", "channel", "topic")
        consents = Consent.objects.filter(subscriber__any=roots, channel__in=channels)
        self._consents = _grouped(consents.values_list(*scoped, "status", "effective_at", "version"))
        stops = PlatformStop.objects.filter(subscriber__any=roots if Channel.WHATSAPP in channels else set())
        self._stops = _grouped(stops.values_list("subscriber_id", "portfolio_id", "since", "event"))
        self._holds = _grouped(Hold.objects.filter(subscriber__any=roots).values_list(*scoped, "since", "event"))
        pauses = Pause.objects.filter(subscriber__any=roots, until__gt=now)
        self._pauses = _grouped(pauses.values_list(*scoped, "until", "event"))

    def of(self, root: int | None) -> tuple[str, dt.datetime | None, int]:
        answers = [self._for(root, index) for index in range(len(self._asked))]
        return answers[0] if len(answers) == 1 else min(answers, key=lambda answer: _STRICTNESS[answer[0]])

    def _for(self, root: int | None, index: int) -> tuple[str, dt.datetime | None, int]:
        asked = self._asked[index]
        if root is None:
            return self._unknown(asked), None, 0
        status, since, version = self._own_status(root, index)
        if status == ConsentStatus.OPTED_OUT:
            return OPTED_OUT, since, version
        for portfolio, stopped_at, event in self._stops.get(root, ()):
            if portfolio in asked.portfolios and topic_covers(MARKETING, asked.cell.topic):
                return PLATFORM_STOP, stopped_at, event
        for scope, held_since, event in _scoped(self._holds.get(root, ())):
            # Whoever opted in here after the doubtful reply made it plain; elsewhere the doubt stands.
            is_plain = status == ConsentStatus.OPTED_IN and since is not None and since > held_since
            if scope.covers(asked.cell) and not is_plain:
                return HELD, held_since, event
        for scope, _, event in _scoped(self._pauses.get(root, ())):
            if scope.covers(asked.cell):
                return PAUSED, None, event
        if status == ConsentStatus.OPTED_IN:
            return OPTED_IN, since, version
        return self._unknown(asked), None, 0

    def _own_status(self, root: int, index: int) -> tuple[str, dt.datetime | None, int]:
        """The newest row that covers the cell, the opt-out on a tie (models.scopes.deciding, on plain tuples)."""
        found: tuple[str, dt.datetime | None, int] = (ConsentStatus.UNKNOWN, None, 0)
        rank: tuple[dt.datetime, bool] | None = None
        for controller, brand, channel, topic, status, at, version in self._consents.get(root, ()):
            key = (index, (controller, brand, channel, topic, status))
            covers = self._covers.get(key)
            if covers is None:
                covers = self._covers[key] = self._test(index, Scope(controller, brand, channel, topic), status)
            if covers and (rank is None or (at, status == ConsentStatus.OPTED_OUT) > rank):
                rank = (at, status == ConsentStatus.OPTED_OUT)
                found = (status, at, version)
        return found

    def _test(self, index: int, scope: Scope, status: str) -> bool:
        cell = self._asked[index].cell
        return scope.covers(cell) if status == ConsentStatus.OPTED_OUT else scope.opens(cell)

    def _unknown(self, asked: _Asked) -> str:
        """Service messages need no marketing consent; marketing needs one unless the brand keeps them elsewhere."""
        if asked.cell.topic == SERVICE or asked.unknown == UnknownConsent.NO_OBJECTION:
            return NO_OBJECTION
        return NO_CONSENT


def _grouped(rows: QuerySet[Any, Any]) -> dict[int, list[tuple[Any, ...]]]:
    grouped: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for root, *values in batches.read(rows):
        grouped[root].append(tuple(values))
    return grouped


def _scoped(rows: Iterable[tuple[Any, ...]]) -> Iterable[tuple[Scope, dt.datetime, int]]:
    for controller, brand, channel, topic, at, event in rows:
        yield Scope(controller, brand, channel, topic), at, event
