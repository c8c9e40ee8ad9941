"""Records a decision that another system tells, once per idempotency key, through the one door."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from rest_framework import status as http
from rest_framework.exceptions import ValidationError

from preferences import decisions, eligibility, regimes
from preferences.api.refusals import ProblemError
from preferences.api.sight import Sight
from preferences.decisions import Act, People, Recorded, Sighting, StalePersonError
from preferences.encryption import pseudonym
from preferences.identifiers import Identifier
from preferences.interpretation.observations import Person
from preferences.models import (
    ANY,
    ApiKey,
    Brand,
    Channel,
    ConsentEvent,
    EventKind,
    Identity,
    PolicyVersion,
    Provider,
    Reach,
    RecordedDecision,
    Scope,
    Source,
    Subscriber,
)
from preferences.models.scopes import AD_SHARING, MARKETING
from preferences.moments import iso

OPT_OUT, OPT_IN = "opt_out", "opt_in"
ACTIONS = [(OPT_OUT, "Opt-out"), (OPT_IN, "Opt-in")]
#: Two at once on one person: whoever comes second begins anew.
_ATTEMPTS = 5


class ErasedError(ProblemError):
    status_code = http.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "erased"
    title = "This person was erased."
    default_detail = (
        "An erased person stays suppressed everywhere, and nothing more is kept. Nothing needs to be recorded."
    )


class AmbiguousError(ProblemError):
    status_code = http.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "ambiguous"
    title = "Several people have this user id."
    default_detail = "An opt-in is for one person. Name the person by a phone number."


class BusyError(ProblemError):
    status_code = http.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "busy"
    title = "This person is changed by others right now."
    default_detail = "Nothing was recorded. Repeat the request with the same idempotency key."


@dataclass(frozen=True, slots=True)
class Decision:
    """What was told, read and checked; `told` is the request as it came, which is kept as evidence."""

    identifier: Identifier
    is_opt_in: bool
    sight: Sight
    channel: str
    topic: str
    effective_at: dt.datetime | None
    obtained_at: dt.datetime | None
    source_reference: str
    told: dict[str, Any]

    @property
    def brand(self) -> Brand | None:
        return self.sight.brands[0] if self.sight.brands and len(self.sight.brands) == 1 else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The body of the answer; `is_replayed` when it was given before."""

    body: dict[str, Any]
    is_replayed: bool


def record(key: ApiKey, idempotency_key: str, decision: Decision) -> Outcome | None:
    """Record the decision, or give the answer it got before. None: the key was used for another request.

    All or nothing: event, state and answer are one transaction, so two requests at once end in one event.
    """
    if decision.sight.brands and decision.brand is None:
        raise ValidationError({"brand": "This key is for several brands: name the one it is about."})
    digest = hashlib.sha256(json.dumps(decision.told, sort_keys=True).encode()).digest()
    for _ in range(_ATTEMPTS):
        known = RecordedDecision.objects.filter(api_key=key, idempotency_key=idempotency_key).first()
        if known:
            return Outcome(known.response, is_replayed=True) if bytes(known.request_digest) == digest else None
        try:
            with transaction.atomic():
                position, body = _decide(key, f"{idempotency_key}:{digest.hex()}", decision, timezone.now())
                RecordedDecision.objects.create(
                    api_key=key,
                    idempotency_key=idempotency_key,
                    request_digest=digest,
                    position=position,
                    response=body,
                )
        except (IntegrityError, StalePersonError):
            continue  # somebody else recorded this, or met this person, at the same moment
        return Outcome(body, is_replayed=False)
    raise BusyError


def _decide(key: ApiKey, request: str, decision: Decision, now: dt.datetime) -> tuple[int, dict[str, Any]]:
    if not decision.is_opt_in and _eligibility(decision, now).reason == eligibility.ERASED:
        raise ErasedError
    at = _effective_at(decision, now)
    people, subscribers = _meet(decision, at, now)
    countries = dict(Subscriber.objects.filter(pk__in=subscribers).values_list("pk", "country")) | people.countries()
    policy = _policy(decision.brand)
    acts = [
        _act(key, request, decision, subscriber=pk, country=countries[pk], policy=policy, at=at, now=now)
        for pk in subscribers
    ]
    recorded = decisions.record_many(acts, now=now, people=people)
    return recorded[0].position, _body(decision, recorded[0], now)


def _effective_at(decision: Decision, now: dt.datetime) -> dt.datetime:
    """Never later than now (law 3), and an opt-in never later than its evidence: a stop after that must beat it."""
    times = [now, decision.effective_at, decision.obtained_at if decision.is_opt_in else None]
    return min(at for at in times if at)


def _meet(decision: Decision, at: dt.datetime, now: dt.datetime) -> tuple[People, list[int]]:
    """Whom it is about; somebody never seen is created. A user id may be known in several portfolios: an opt-out is
    recorded for each of them, an opt-in is refused."""
    one = decision.identifier
    person = Person(**{one.scheme: one.value})
    sightings = [Sighting.of(person, portfolio, at) for portfolio in _portfolios(decision)]
    people = People(sightings, [], now=now)
    subscribers = list(dict.fromkeys(people.sight(sighting) for sighting in sightings))
    if decision.is_opt_in and len(subscribers) > 1:
        raise AmbiguousError
    return people, subscribers


def _portfolios(decision: Decision) -> list[int]:
    """Where to look for a user id, or where it will be known: the portfolio of the brand's senders."""
    one = decision.identifier
    if one.scheme != "bsuid":
        return [0]
    known = Identity.objects.filter(match_key=one.match_key, scheme=one.scheme)
    scopes = set(known.filter(ended_at=None).values_list("scope", flat=True))
    scopes = scopes or set(known.exclude(ended_at=None).values_list("scope", flat=True))
    if scopes:
        return sorted(scopes)
    senders = (
        decision.sight.senders().filter(provider=Provider.WHATSAPP).order_by(F("brand").asc(nulls_last=True), "pk")
    )
    return [senders.values_list("portfolio_id", flat=True).first() or 0]


def _act(
    key: ApiKey,
    request: str,
    decision: Decision,
    *,
    subscriber: int,
    country: str,
    policy: PolicyVersion | None,
    at: dt.datetime,
    now: dt.datetime,
) -> Act:
    scope = _scope(decision, policy, country=country, at=at)
    notice = decision.told.get("evidence", {}).get("notice_text", "")
    return Act(
        subscriber=subscriber,
        kind=_kind(decision, scope),
        scope=scope,
        effective_at=at,
        received_at=now,
        source=Source.API,
        source_ref=_source_ref(key, request, decision, subscriber, scope),
        policy_version=policy.pk if policy else 0,
        regime_version=regimes.VERSION,
        notice_version=hashlib.sha256(notice.encode()).hexdigest() if notice else "",
        rule=f"api/key-{key.pk}",
        jurisdiction=country,
        legal_basis="consent" if decision.is_opt_in else "",
        expression="explicit",
        evidence=json.dumps({"api_key": key.pk, "told": decision.told}, sort_keys=True, ensure_ascii=False).encode(),
    )


def _kind(decision: Decision, scope: Scope) -> EventKind:
    if decision.is_opt_in:
        return EventKind.OPT_IN
    return EventKind.SALE_OPT_OUT if scope.topic == AD_SHARING else EventKind.STOP


def _policy(brand: Brand | None) -> PolicyVersion | None:
    return PolicyVersion.objects.filter(brand=brand).order_by("-number").first() if brand else None


def _scope(decision: Decision, policy: PolicyVersion | None, *, country: str, at: dt.datetime) -> Scope:
    """An opt-in reaches what it names. An opt-out reaches as far as a reply of the person would (docs/api.md)."""
    brand, channel, topic = decision.brand, decision.channel or ANY, decision.topic or MARKETING
    if brand is None:
        return Scope(channel=channel, topic=topic)
    if not decision.is_opt_in and (
        (policy and policy.reach == Reach.CONTROLLER) or regimes.stop_reaches_controller(country, at)
    ):
        return Scope(controller=brand.controller_id, channel=channel, topic=topic)
    return Scope(brand=brand.pk, channel=channel, topic=topic)


def _source_ref(key: ApiKey, request: str, decision: Decision, subscriber: int, scope: Scope) -> bytes:
    """Which act this is: the program's own reference with what it is about, else the request (its idempotency key and
    digest: answers are forgotten after a while, and then the same key with another request is another act). Keyed,
    because such references are short enough to be guessed."""
    if decision.source_reference:
        about = [decision.is_opt_in, scope.controller, scope.brand, scope.channel, scope.topic]
        name = ["reference", key.pk, decision.source_reference, subscriber, *about]
    else:
        name = ["request", key.pk, request, subscriber]
    return pseudonym(f"decision:{json.dumps(name)}")[1]


def _eligibility(decision: Decision, now: dt.datetime) -> eligibility.Answer:
    channel, topic = _asked(decision)
    return eligibility.check(
        [decision.identifier.value], channel=channel, topic=topic, brands=decision.sight.brands, now=now
    )[0]


def _asked(decision: Decision) -> tuple[str, str]:
    topic = decision.topic if decision.topic != ANY else ""
    return decision.channel or Channel.WHATSAPP.value, topic or MARKETING


def _body(decision: Decision, recorded: Recorded, now: dt.datetime) -> dict[str, Any]:
    """No value of the person stands here: the answer is kept for repeated requests."""
    event = ConsentEvent.objects.get(position=recorded.position)
    answer = _eligibility(decision, now)
    channel, topic = _asked(decision)
    return {
        "position": event.position,
        "recorded_at": iso(event.recorded_at),
        "effective_at": iso(event.effective_at),
        "subscriber": str(event.subscriber),
        "is_new": recorded.is_new,
        "eligibility": {
            "channel": channel,
            "topic": topic,
            "allowed": answer.is_allowed,
            "reason": answer.reason,
            "since": iso(answer.since) if answer.since else None,
            "version": answer.version,
        },
    }
