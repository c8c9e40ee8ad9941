"""The outbox: what is to be told to whom, and what became of it."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from preferences import outbox
from preferences.admin import words
from preferences.admin.base import MOST_AT_ONCE, PERSON, ChoiceFilter, PeopleRecordAdmin, person_link
from preferences.models import Delivery, DeliveryKind, DeliveryState


class StateFilter(ChoiceFilter):
    title = "state"
    parameter_name = "state"
    choices_of = [(value, str(label)) for value, label in DeliveryState.choices]


class KindFilter(ChoiceFilter):
    title = "kind"
    parameter_name = "kind"
    choices_of = [(value, str(label)) for value, label in DeliveryKind.choices]


@admin.register(Delivery)
class DeliveryAdmin(PeopleRecordAdmin):
    room = "Outbox"
    list_display = ("delivery", "state_in_words", "kind", "person", "created", "expires", "destination")
    list_display_links = ("delivery",)
    list_filter = (StateFilter, KindFilter)
    list_select_related = ("destination", "subscriber__root")
    ordering = ("-pk",)
    search_fields = ("subscriber",)
    search_help_text = "Number in any spelling, last four digits, or WhatsApp user id"
    actions = ("process_again",)
    nothing_yet = "A first opt-out makes the first delivery: its confirmation."
    fieldsets = (
        (None, {"fields": ("state_in_words", "kind", "person", "destination", "sender", "language", "said")}),
        ("When", {"fields": ("created", "next_attempt", "expires", "finished", "attempts")}),
        ("What came of it", {"fields": ("response_excerpt", "event", "correlation_id")}),
    )
    readonly_fields = (
        "state_in_words", "person", "said", "created", "next_attempt", "expires", "finished", "correlation_id",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return Delivery.objects.prefetch_related(*PERSON)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        found = self.found(request)
        return (queryset.filter(subscriber__root__in=found.roots) if found else queryset), False

    @admin.action(description="Process again", permissions=["process"])
    def process_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        chosen = list(queryset.values_list("pk", flat=True)[:MOST_AT_ONCE])
        count = outbox.process_again(chosen, now=timezone.now())
        left = len(chosen) - count
        text = f"{count} of {len(chosen)} will be tried again."
        if left:
            text += " The others were sent, may have been sent, or are too late: those are never repeated."
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)

    @display(description="Delivery")
    def delivery(self, delivery: Delivery) -> SafeString:
        return format_html('<span class="desk-number">Delivery {}</span>', delivery.pk)

    @display(description="State")
    def state_in_words(self, delivery: Delivery) -> SafeString:
        return words.badge(*words.delivery_in_words(delivery))

    @display(description="Person")
    def person(self, delivery: Delivery) -> SafeString:
        return person_link(delivery.subscriber)

    @display(description="Wording")
    def said(self, delivery: Delivery) -> SafeString | str:
        if delivery.notice is None:
            return "–"
        return format_html('<div class="desk-said" dir="auto">{}</div>', delivery.notice.text)

    @display(description="Created")
    def created(self, delivery: Delivery) -> SafeString | str:
        return words.moment(delivery.created_at)

    @display(description="Next attempt")
    def next_attempt(self, delivery: Delivery) -> SafeString | str:
        return "–" if delivery.finished_at else words.moment(delivery.next_attempt_at)

    @display(description="Too late after")
    def expires(self, delivery: Delivery) -> SafeString | str:
        return words.moment(delivery.expires_at)

    @display(description="Finished")
    def finished(self, delivery: Delivery) -> SafeString | str:
        return words.moment(delivery.finished_at)
