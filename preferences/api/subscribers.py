"""`GET /api/v1/subscribers/`: who people are. The one place where numbers are told in full, beside the list to scrub with."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from preferences.api import pages
from preferences.api.filters import SubscriberFilters
from preferences.api.lists import ListView, describe
from preferences.api.people import Person, people
from preferences.models import Identity, JurisdictionSource, Portfolio, Scheme, Subscriber


@dataclass(frozen=True, slots=True)
class Known:
    """A subscriber's record with the person it belongs to."""

    record: Subscriber
    person: Person


class IdentitySerializer(serializers.ModelSerializer[Identity]):
    scheme = serializers.ChoiceField(choices=Scheme.choices, help_text="What kind of identifier it is.")
    value = serializers.CharField(help_text="In full: E.164 for a phone.")
    portfolio = serializers.SerializerMethodField(help_text="Key of the portfolio a WhatsApp user id belongs to.")
    since = serializers.DateTimeField(help_text="First seen with this person.")
    seen_at = serializers.DateTimeField(help_text="Last seen with this person, to the day.")
    ended_at = serializers.DateTimeField(allow_null=True, help_text="When the person gave it up.")

    class Meta:
        model = Identity
        fields = ("scheme", "value", "portfolio", "since", "seen_at", "ended_at")

    def get_portfolio(self, identity: Identity) -> str | None:
        keys: dict[int, str] = self.context["portfolios"]
        return keys.get(identity.scope)


class SubscriberSerializer(serializers.Serializer[Known]):
    """One record of a person.

    Two records that turn out to be one person are joined: the identities are at the one that was joined into.
    """

    subscriber = serializers.UUIDField(source="record.public_id", help_text="Public id.")
    version = serializers.IntegerField(source="person.version", help_text="Newest ledger position about this person.")
    joined_into = serializers.UUIDField(
        source="person.joined_into", allow_null=True, help_text="The record that stands for this person now."
    )
    members = serializers.ListField(
        source="person.members", child=serializers.UUIDField(), help_text="Other records joined into this one."
    )
    language = serializers.CharField(source="record.locale", help_text="The person's own choice; empty: unknown.")
    country = serializers.CharField(source="record.country", help_text="ISO 3166 alpha-2; empty: unknown.")
    country_source = serializers.ChoiceField(
        source="record.jurisdiction_source", choices=JurisdictionSource.choices, help_text="How the country is known."
    )
    country_confidence = serializers.CharField(
        source="record.jurisdiction_confidence", help_text="H, M or L; or empty."
    )
    created_at = serializers.DateTimeField(source="record.created_at", help_text="When the record was made.")
    erased_at = serializers.DateTimeField(
        source="record.erased_at", allow_null=True, help_text="When the person was erased: nothing but this is left."
    )
    username = serializers.SerializerMethodField(
        help_text="Newest WhatsApp username; finds a person and proves nothing."
    )
    identities = IdentitySerializer(source="record.identities", many=True, help_text="How the person is or was known.")

    def get_username(self, known: Known) -> str | None:
        username = getattr(known.record, "username", None)
        return username.name if username else None


class _SubscriberView(ListView):
    scopes = {"GET": "subscribers:read"}
    filterset_class = SubscriberFilters
    serializer_class = SubscriberSerializer
    queryset = Subscriber.objects.none()
    narrow = ("recipient",)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "portfolios": dict(Portfolio.objects.values_list("pk", "key"))}

    def known(self, records: QuerySet[Subscriber]) -> list[Known]:
        identities = Prefetch("identities", Identity.objects.order_by("scheme", "pk"))
        rows = list(records.select_related("username").prefetch_related(identities).order_by("pk"))
        persons = people({row.pk for row in rows})
        return [Known(row, persons[row.pk]) for row in rows]


@describe(
    "subscribers",
    SubscriberSerializer,
    "People.\n\nFind one with `recipient`. With `since`: everybody the ledger says something new about (acts, joins, "
    "splits, erasure). A number that is learned without any act is not in the ledger, so it is not in the delta.",
)
class SubscribersView(_SubscriberView):
    def get_queryset(self) -> QuerySet[Subscriber]:
        return Subscriber.objects.all()

    def page(self, turn: pages.Turn) -> pages.Page:
        records = self.filter_queryset(self.get_queryset())
        if turn.since is None:
            ids, last = self.stretch(turn, *self._candidates(records))
            return turn.full(self.known(records.filter(pk__any=set(ids))), last=last)
        changed, position = self.changed(turn)
        return turn.delta(self.known(records.filter(pk__any=changed)), position=position, head=turn.position)

    def _candidates(self, records: QuerySet[Subscriber]) -> list[tuple[QuerySet[Any], str]]:
        """Who may be shown. What concerns a brand stands in other tables, each of which has an index by person."""
        if self.sight.brands is None:
            return [(records, "pk")]
        if not self.is_narrow:
            return self.sight.traces()
        roots = set(records.values_list("root_id", flat=True)[: pages.MAX_LIMIT])
        return [(records.filter(pk__any=self.sight.seen(roots)), "pk")]


class SubscriberView(_SubscriberView):
    def known_parameters(self) -> list[str]:
        return ["brand"]

    @extend_schema(
        operation_id="get_subscriber",
        tags=["subscribers"],
        summary="One person",
        description="By public id. 404 for a person who has had nothing to do with the brands of the key.",
        responses=SubscriberSerializer,
    )
    def get(self, request: Request, public_id: uuid.UUID) -> Response:  # type: ignore[override]
        record = Subscriber.objects.filter(public_id=public_id)
        root = record.values_list("root_id", flat=True).first()
        if root is None or not self.sight.seen({root}):
            raise Http404
        return Response(self.get_serializer(self.known(record)[0]).data)
