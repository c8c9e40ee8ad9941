"""`GET /api/v1/suppressions/`: whom not to message, with the numbers, for senders that scrub their own lists."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from preferences import eligibility
from preferences.api import pages
from preferences.api.filters import SuppressionFilters
from preferences.api.lists import ListView, describe
from preferences.api.people import Person, people
from preferences.identifiers import spellings
from preferences.models import (
    ANY,
    Channel,
    Consent,
    ConsentStatus,
    Hold,
    Identity,
    Pause,
    PlatformStop,
    Scheme,
    Subscriber,
)
from preferences.models.scopes import MARKETING

_SUPPRESSING = frozenset({
    eligibility.ERASED, eligibility.OPTED_OUT, eligibility.PLATFORM_STOP, eligibility.HELD, eligibility.PAUSED,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Suppression:
    """Whether one person is on the list, and what they are addressed by."""

    person: Person
    recipients: list[str]
    reason: str
    since: dt.datetime | None
    version: int

    @property
    def is_suppressed(self) -> bool:
        return self.reason in _SUPPRESSING


class SuppressionSerializer(serializers.Serializer[Suppression]):
    """One person: replace what you had of the person by it."""

    subscriber = serializers.UUIDField(source="person.public_id", help_text="Public id of the person.")
    recipients = serializers.ListField(
        child=serializers.CharField(),
        help_text="Every value this person may stand under in a list: E.164 numbers in each spelling of the same line, "
        "WhatsApp user ids, e-mail addresses, keys of other systems.",
    )
    is_suppressed = serializers.BooleanField(
        help_text="Do not message. False only in a delta: the person is free again."
    )
    reason = serializers.CharField(help_text="As in eligibility; empty for a person who was joined into another one.")
    since = serializers.DateTimeField(allow_null=True, help_text="Since when.")
    version = serializers.IntegerField(help_text="Newest ledger position about this person; it only grows.")
    joined_into = serializers.UUIDField(
        source="person.joined_into", allow_null=True, help_text="The person this one turned out to be; look there."
    )
    erased_at = serializers.DateTimeField(
        source="person.erased_at",
        allow_null=True,
        help_text="When the person was erased: keep suppressing what you have.",
    )


@describe(
    "suppressions",
    SuppressionSerializer,
    "Whom not to message.\n\nOptions: `brand`, `channel` (whatsapp), `topic` (marketing); without `brand` the strictest "
    "of the brands the key may see decides, as in eligibility. Without `since`: everybody who is suppressed: opted out, "
    "stopped on the platform, held for review or paused. With `since`: everybody something new was recorded about, "
    "suppressed or free again. A list is as old as its `position`: ask `eligibility/` right before sending.",
)
class SuppressionsView(ListView):
    scopes = {"GET": "suppressions:read"}
    filterset_class = SuppressionFilters
    serializer_class = SuppressionSerializer
    queryset = Subscriber.objects.none()

    def get_queryset(self) -> QuerySet[Subscriber]:
        return Subscriber.objects.all()

    def page(self, turn: pages.Turn) -> pages.Page:
        chosen = self.filter_queryset(self.get_queryset())
        reason = self.request.query_params.get("reason")
        if self._topic() == ANY:
            raise ValidationError({"topic": "Ask about one topic: what is closed differs from one to the other."})
        if turn.since is None:
            ids, last = self.stretch(turn, *self._candidates(chosen))
            found = [one for one in self._look(ids) if one.is_suppressed and reason in {None, one.reason}]
            return turn.full(found, last=last)
        if reason:
            raise ValidationError({"reason": "A delta tells everything that changed: leave out `reason`."})
        changed, position = self.changed(turn)
        return turn.delta(self._look(changed), position=position, head=turn.position)

    def _candidates(self, chosen: QuerySet[Subscriber]) -> list[tuple[QuerySet[Any], str]]:
        """Who may be on the list: anybody with a row that closes something on this channel."""
        channel = self._channel()
        tables: list[QuerySet[Any]] = [
            Consent.objects.filter(self.sight.scopes(), status=ConsentStatus.OPTED_OUT, channel__in=[channel, ANY]),
            Hold.objects.filter(self.sight.scopes(), channel__in=[channel, ANY]),
            Pause.objects.filter(self.sight.scopes(), channel__in=[channel, ANY]),
        ]
        if channel == Channel.WHATSAPP:
            tables.append(PlatformStop.objects.all())
        if self.is_narrow:
            tables = [table.filter(subscriber__in=chosen) for table in tables]
        return [(table, "subscriber") for table in tables]

    def _channel(self) -> str:
        return self.request.query_params.get("channel", Channel.WHATSAPP.value)

    def _topic(self) -> str:
        return self.request.query_params.get("topic", MARKETING)

    def _look(self, ids: Iterable[int]) -> list[Suppression]:
        found = people(ids)
        roots = {pk for pk, person in found.items() if person.joined_into is None}
        addresses = _addresses(roots)
        answers = eligibility.check_people(
            roots,
            channel=self._channel(),
            topic=self._topic(),
            brands=self.sight.brands,
            now=timezone.now(),
        )
        return [_suppression(person, addresses[pk], answers.get(pk)) for pk, person in found.items()]


def _suppression(
    person: Person, recipients: list[str], answer: tuple[str, dt.datetime | None, int] | None
) -> Suppression:
    reason, since, version = answer or ("", None, 0)
    if person.erased_at and not person.joined_into:
        reason, since = eligibility.ERASED, person.erased_at
    return Suppression(person, recipients, reason, since, max(version, person.version))


def _addresses(roots: set[int]) -> dict[int, list[str]]:
    """Every value people are addressed by. A number that was given up may be somebody else's; a user id never is."""
    identities = Identity.objects.filter(root__any=roots).exclude(scheme=Scheme.PHONE, ended_at__isnull=False)
    found: dict[int, list[str]] = defaultdict(list)
    for root, scheme, value in identities.order_by("pk").values_list("root_id", "scheme", "value"):
        values = (value, *spellings(value)) if scheme == Scheme.PHONE else (value,)
        found[root].extend(one for one in values if one not in found[root])
    return found
