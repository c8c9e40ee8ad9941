"""`GET /api/v1/consents/`: what each person has said, as the ledger amounts to it now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet
from rest_framework import serializers

from preferences.api import pages
from preferences.api.filters import ConsentFilters
from preferences.api.lists import ListView, ScopeSerializer, describe
from preferences.api.people import Person, people
from preferences.models import Consent, ConsentStatus


@dataclass(frozen=True, slots=True)
class State:
    """A person and their rows."""

    person: Person
    consents: list[Consent]
    version: int


class ConsentSerializer(serializers.ModelSerializer[Consent]):
    scope = ScopeSerializer(source="*", help_text="How far it reaches.")
    status = serializers.ChoiceField(choices=ConsentStatus.choices, help_text="What was said.")
    effective_at = serializers.DateTimeField(help_text="Since when.")
    event = serializers.IntegerField(help_text="Ledger position of the event that decided.")
    version = serializers.IntegerField(help_text="Newest ledger position that touched this scope; it only grows.")

    class Meta:
        model = Consent
        fields = ("scope", "status", "effective_at", "event", "version")


class PersonConsentsSerializer(serializers.Serializer[State]):
    """Everything a person has said: replace what you had of the person by it."""

    subscriber = serializers.UUIDField(source="person.public_id", help_text="Public id of the person.")
    version = serializers.IntegerField(help_text="Newest ledger position about this person; it only grows.")
    joined_into = serializers.UUIDField(
        source="person.joined_into",
        allow_null=True,
        help_text="The person this one turned out to be; what was said is there.",
    )
    erased_at = serializers.DateTimeField(source="person.erased_at", allow_null=True, help_text="When it was erased.")
    consents = ConsentSerializer(
        many=True,
        help_text="By scope. For one brand, channel and topic the newest row that covers it decides, the opt-out on a tie.",
    )


@describe(
    "consents",
    PersonConsentsSerializer,
    "What people have said.\n\nOne result for each person, with all their rows that pass the filters. Without `since`: "
    "everybody who has such rows. With `since`: everybody something new was recorded about, also those who have no such "
    "rows (any more).",
)
class ConsentsView(ListView):
    scopes = {"GET": "consents:read"}
    filterset_class = ConsentFilters
    serializer_class = PersonConsentsSerializer
    queryset = Consent.objects.none()

    def get_queryset(self) -> QuerySet[Consent]:
        return Consent.objects.filter(self.sight.scopes())

    def page(self, turn: pages.Turn) -> pages.Page:
        rows = self.filter_queryset(self.get_queryset())
        if turn.since is None:
            ids, last = self.stretch(turn, (rows, "subscriber"))
            return turn.full(_states(people(ids).values(), rows), last=last)
        changed, position = self.changed(turn)
        return turn.delta(_states(people(changed).values(), rows), position=position, head=turn.position)


def _states(found: Iterable[Person], rows: QuerySet[Consent]) -> list[State]:
    persons = list(found)
    own: dict[int, list[Consent]] = defaultdict(list)
    for row in rows.filter(subscriber__any={person.pk for person in persons}).order_by("subscriber", "pk"):
        own[row.subscriber_id].append(row)
    return [
        State(person, own[person.pk], max([person.version, *(row.version for row in own[person.pk])]))
        for person in persons
    ]
