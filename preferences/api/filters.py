"""The filters of each list. A page looks at a bounded stretch of its table, so each of them costs the same."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django_filters.fields import IsoDateTimeField
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError

from preferences.api import people
from preferences.identifiers import parse_recipient
from preferences.interpretation import IntentValue
from preferences.models import (
    ANY,
    Channel,
    Consent,
    ConsentEvent,
    ConsentStatus,
    EventKind,
    Reply,
    ReviewState,
    Source,
    Subscriber,
)

_CHANNELS = [*Channel.choices, (ANY, "Any channel")]


@extend_schema_field(
    {"type": "string", "enum": ["true", "false"], "description": "Only those who were erased, or not."}
)
class ErasedFilter(django_filters.TypedChoiceFilter):  # type: ignore[misc]
    """`true` or `false`. Django's own takes anything else for "not asked", and would answer too much."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=[("true", "true"), ("false", "false")], coerce="true".__eq__, **options)


class _MomentField(IsoDateTimeField):  # type: ignore[misc]
    """A time at whose edges no offset leads out of the calendar."""

    outside = "Give a time between 1901 and 8999."

    def to_python(self, value: Any) -> dt.datetime | None:
        try:
            at: dt.datetime | None = super().to_python(value)
        except OverflowError:
            raise forms.ValidationError(self.outside) from None
        if at and not 1900 < at.year < 9000:
            raise forms.ValidationError(self.outside)
        return at


class MomentFilter(django_filters.IsoDateTimeFilter):  # type: ignore[misc]
    field_class = _MomentField


class _Filters(django_filters.FilterSet):  # type: ignore[misc]
    """`brand` narrows what the whole view sees (preferences/api/sight.py), so that it is done before anything is read."""

    brand = django_filters.CharFilter(
        method="seen_by_view",
        max_length=50,
        help_text="Short name of a brand: only what concerns it, with what binds every brand.",
    )

    def seen_by_view(self, queryset: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        return queryset


class EventFilters(_Filters):
    subscriber = django_filters.UUIDFilter(method="of_person", help_text="Public id: all events of this person.")
    kind = django_filters.ChoiceFilter(choices=EventKind.choices, help_text="What happened.")
    channel = django_filters.ChoiceFilter(choices=_CHANNELS, help_text="As stored: `any` finds acts on any channel.")
    topic = django_filters.CharFilter(max_length=50, help_text="As stored: `any` finds acts about any topic.")
    status = django_filters.ChoiceFilter(choices=ConsentStatus.choices, help_text="What the act set consent to.")
    source = django_filters.ChoiceFilter(choices=Source.choices, help_text="How the desk learned of it.")
    country = django_filters.CharFilter(
        field_name="jurisdiction", max_length=2, help_text="ISO 3166 alpha-2 of the law that applied."
    )
    recorded_after = MomentFilter(
        field_name="recorded_at", lookup_expr="gte", help_text="Recorded at this time or later."
    )
    recorded_before = MomentFilter(field_name="recorded_at", lookup_expr="lt", help_text="Recorded before this time.")

    class Meta:
        model = ConsentEvent
        fields: list[str] = []

    def of_person(self, queryset: QuerySet[ConsentEvent], name: str, value: uuid.UUID) -> QuerySet[ConsentEvent]:
        return queryset.filter(subscriber__any={member for _, member, _ in people.members_of(value)})


class ConsentFilters(_Filters):
    subscriber = django_filters.UUIDFilter(method="of_person", help_text="Public id: this person alone.")
    channel = django_filters.ChoiceFilter(choices=_CHANNELS, help_text="As stored: `any` finds rows for any channel.")
    topic = django_filters.CharFilter(max_length=50, help_text="As stored: `any` finds rows about any topic.")
    status = django_filters.ChoiceFilter(choices=ConsentStatus.choices, help_text="Opted in or out.")
    effective_after = MomentFilter(
        field_name="effective_at", lookup_expr="gte", help_text="In effect since this time or later."
    )
    effective_before = MomentFilter(
        field_name="effective_at", lookup_expr="lt", help_text="In effect since before this time."
    )

    class Meta:
        model = Consent
        fields: list[str] = []

    def of_person(self, queryset: QuerySet[Consent], name: str, value: uuid.UUID) -> QuerySet[Consent]:
        return queryset.filter(subscriber__any={root for _, _, root in people.members_of(value)})


class SuppressionFilters(_Filters):
    """What is asked (brand, channel, topic) and of whom; none of it is a column of a subscriber."""

    subscriber = django_filters.UUIDFilter(method="of_person", help_text="Public id: this person alone.")
    channel = django_filters.ChoiceFilter(
        choices=Channel.choices, method="seen_by_view", help_text="The channel asked about: `whatsapp` if left out."
    )
    topic = django_filters.CharFilter(
        max_length=50, method="seen_by_view", help_text="The topic asked about: `marketing` if left out."
    )
    reason = django_filters.ChoiceFilter(
        choices=[(reason, reason) for reason in ("opted_out", "platform_stop", "held", "paused")],
        method="seen_by_view",
        help_text="Only those suppressed for this reason; not in a delta, which also tells who is free again.",
    )

    class Meta:
        model = Subscriber
        fields: list[str] = []

    def of_person(self, queryset: QuerySet[Subscriber], name: str, value: uuid.UUID) -> QuerySet[Subscriber]:
        return queryset.filter(pk__any={root for _, _, root in people.members_of(value)})


class SubscriberFilters(_Filters):
    recipient = django_filters.CharFilter(
        method="known_as",
        max_length=320,
        help_text="A phone number in any international spelling, a WhatsApp user id or an e-mail address.",
    )
    country = django_filters.CharFilter(max_length=2, help_text="ISO 3166 alpha-2.")
    is_erased = ErasedFilter(
        field_name="erased_at",
        lookup_expr="isnull",
        exclude=True,
    )
    created_after = MomentFilter(
        field_name="created_at", lookup_expr="gte", help_text="First seen at this time or later."
    )
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt", help_text="First seen before this time.")

    class Meta:
        model = Subscriber
        fields: list[str] = []

    def known_as(self, queryset: QuerySet[Subscriber], name: str, value: str) -> QuerySet[Subscriber]:
        one = parse_recipient(value)
        if one is None:
            raise ValidationError({"recipient": "This is no phone number, WhatsApp user id or e-mail address."})
        return queryset.filter(pk__any=people.known_as(one))


class ReplyFilters(_Filters):
    subscriber = django_filters.UUIDFilter(method="of_person", help_text="Public id: all replies of this person.")
    intent = django_filters.ChoiceFilter(
        choices=[(intent.value, intent.value) for intent in IntentValue], help_text="How the reply was understood."
    )
    language = django_filters.CharFilter(max_length=12, help_text="The language it was understood in.")
    review_state = django_filters.ChoiceFilter(
        choices=[choice for choice in ReviewState.choices if choice[0]],
        help_text="Doubtful replies: waiting or settled.",
    )
    received_after = MomentFilter(
        field_name="received_at", lookup_expr="gte", help_text="Received at this time or later."
    )
    received_before = MomentFilter(field_name="received_at", lookup_expr="lt", help_text="Received before this time.")

    class Meta:
        model = Reply
        fields: list[str] = []

    def of_person(self, queryset: QuerySet[Reply], name: str, value: uuid.UUID) -> QuerySet[Reply]:
        return queryset.filter(subscriber__any={pk for pk, _, _ in people.members_of(value)})
