"""`GET /api/v1/events/`: the ledger, in the order in which it was written."""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from rest_framework import serializers

from preferences.api import pages
from preferences.api.filters import EventFilters
from preferences.api.lists import HexField, ListView, ScopeSerializer, describe
from preferences.models import ConsentEvent, EventKind, Seal, Source

#: How far the clocks of processes may be apart, and how long one may take from its decision to its commit.
_CLOCKS_APART = dt.timedelta(hours=1)


class EventSerializer(serializers.ModelSerializer[ConsentEvent]):
    """One act. Holds no personal data: people are named by their public id, messages by hashes."""

    position = serializers.IntegerField(help_text="Place in the ledger: without gaps, in the order of commits.")
    subscriber = serializers.UUIDField(
        help_text="Public id of the person at the time; a later `join` event may say that it is another's now."
    )
    kind = serializers.ChoiceField(choices=EventKind.choices, help_text="What happened.")
    scope = ScopeSerializer(source="*", help_text="How far it reaches.")
    status = serializers.CharField(help_text="What it set consent to, empty for what sets none.")
    effective_at = serializers.DateTimeField(help_text="When it counts from: its own time or its receipt, the earlier.")
    received_at = serializers.DateTimeField(help_text="When the desk received it.")
    recorded_at = serializers.DateTimeField(help_text="When the desk decided about it.")
    until = serializers.DateTimeField(allow_null=True, help_text="The end of a pause.")
    source = serializers.ChoiceField(choices=Source.choices, help_text="How the desk learned of it.")  # type: ignore[assignment]
    source_ref = HexField(help_text="Hash of the source's own id of it; an act is recorded once per source and hash.")
    rule = serializers.CharField(help_text="Code of the rule that decided.")
    reason = serializers.CharField(help_text="Code of the reason, where a person gave one.")
    language = serializers.CharField(help_text="Language of a reply.")
    country = serializers.CharField(
        source="jurisdiction", help_text="Whose law applied, ISO 3166 alpha-2; empty: unknown."
    )
    legal_basis = serializers.CharField(help_text="`consent` for an opt-in.")
    expression = serializers.CharField(help_text="implied, expressed or explicit (ISO/IEC TS 27560).")
    actor = serializers.IntegerField(help_text="Id of the member of staff who acted; 0 for nobody.")
    approver = serializers.IntegerField(help_text="Id of the second person who approved; 0 for nobody.")
    voids = serializers.IntegerField(help_text="Position of the event this correction voids; 0 for none.")
    renews = serializers.IntegerField(help_text="Position of the event this one carries over; 0 for none.")
    related = serializers.UUIDField(allow_null=True, help_text="The other person of a join or split.")
    policy_version = serializers.IntegerField(help_text="Id of the brand's policy in force; 0 for none.")
    classifier_version = serializers.IntegerField(help_text="Version of the code that understood a reply; 0 for none.")
    keywords_version = serializers.CharField(help_text="Version of the words it knew.")
    regime_version = serializers.CharField(help_text="Version of the rules of law.")
    notice_version = serializers.CharField(help_text="SHA-256 of the notice the person saw, in hexadecimal.")
    evidence = HexField(help_text="SHA-256 of salt and evidence; zeros without any.")
    prev_hash = HexField(help_text="`row_hash` of this person's previous event.")
    row_hash = HexField(help_text="SHA-256 of the row (docs/ledger.md).")

    class Meta:
        model = ConsentEvent
        fields = (
            "position", "subscriber", "kind", "scope", "status", "effective_at", "received_at", "recorded_at", "until",
            "source", "source_ref", "rule", "reason", "language", "country", "legal_basis", "expression", "actor",
            "approver", "voids", "renews", "related", "policy_version", "classifier_version", "keywords_version",
            "regime_version", "notice_version", "evidence", "prev_hash", "row_hash",
        )  # fmt: skip


@describe(
    "events",
    EventSerializer,
    "The ledger.\n\nEvery act that bears on consent, in the order in which it was written, oldest first. Begin with "
    "`since=0`; ask again with `since` = the last `position`: nothing is missed and nothing comes twice.",
)
class EventsView(ListView):
    scopes = {"GET": "events:read"}
    filterset_class = EventFilters
    serializer_class = EventSerializer
    queryset = ConsentEvent.objects.none()

    def known_parameters(self) -> list[str]:
        return [name for name in super().known_parameters() if name != "cursor"]

    def get_queryset(self) -> QuerySet[ConsentEvent]:
        return ConsentEvent.objects.filter(self.sight.scopes())

    def page(self, turn: pages.Turn) -> pages.Page:
        events = self.filter_queryset(self.get_queryset())
        since = max(turn.since or 0, self._sealed_before())
        rows, position = pages.events_since(
            events, since=since, limit=turn.limit, head=turn.position, is_narrow=self.is_narrow
        )
        return turn.delta(rows, position=max(position, since), head=turn.position)

    def _sealed_before(self) -> int:
        """What was sealed well before `recorded_after` was recorded before it, so there is no need to look at it."""
        at = parse_datetime(self.request.query_params.get("recorded_after", ""))
        if at is None or at.tzinfo is None:
            return 0
        sealed = Seal.objects.filter(sealed_at__lte=at - _CLOCKS_APART).order_by("-number")
        return sealed.values_list("to_position", flat=True).first() or 0
