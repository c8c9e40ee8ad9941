"""The outbox: what is to be told to whom, what became of it, and whether it may be sent again."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from preferences import outbox
from preferences.admin import words
from preferences.admin.base import MOST_AT_ONCE, PERSON, ChoiceFilter, PeopleRecordAdmin, SenderFilter, person_link
from preferences.models import Delivery, DeliveryKind, DeliveryState

#: States whose rows a partial index holds.
_INDEXED = (
    DeliveryState.DUE, DeliveryState.RETRY, DeliveryState.ATTEMPTING, DeliveryState.DEAD, DeliveryState.UNKNOWN,
    DeliveryState.EXPIRED,
)  # fmt: skip
#: Why a delivery is not sent again, of one and of several.
_WHY_NOT = {
    DeliveryState.DUE: ("is on its way already", "are on their way already"),
    DeliveryState.RETRY: ("is on its way already", "are on their way already"),
    DeliveryState.ATTEMPTING: ("is on its way already", "are on their way already"),
    DeliveryState.SENT: ("was sent", "were sent"),
    DeliveryState.UNKNOWN: ("may have been sent already", "may have been sent already"),
    DeliveryState.EXPIRED: ("is too late", "are too late"),
    DeliveryState.DEAD: ("is too late", "are too late"),
    DeliveryState.RECORDED: ("was recorded, as its destination asks", "were recorded, as their destination asks"),
    DeliveryState.NEEDLESS: ("is no longer true", "are no longer true"),
}


def why_not_again(delivery: Delivery, now: dt.datetime) -> tuple[str, str] | None:
    """Why it would be unlawful or useless to send this again, as the end of a sentence about one and about several;
    None if it may be."""
    return None if delivery.may_go_again(now) else _WHY_NOT[DeliveryState(delivery.state)]


class StateFilter(ChoiceFilter):
    title = "state"
    parameter_name = "state"
    choices_of = [(value, str(label)) for value, label in DeliveryState.choices]
    indexed = frozenset(state.value for state in _INDEXED)


class KindFilter(ChoiceFilter):
    title = "kind"
    parameter_name = "kind"
    choices_of = [(value, str(label)) for value, label in DeliveryKind.choices]


@admin.register(Delivery)
class DeliveryAdmin(PeopleRecordAdmin):
    room = "Outbox"
    list_display = ("delivery", "state_in_words", "kind", "person", "created", "attempts", "in_short")
    list_display_links = ("delivery",)
    list_filter = (StateFilter, KindFilter, SenderFilter)
    list_select_related = ("destination", "subscriber__root")
    ordering = ("-pk",)
    search_fields = ("subscriber",)
    search_help_text = "Number in any spelling, last digits, user id, @username, message id or correlation id"
    actions = ("process_again",)
    again = "Send this again"
    nothing_yet = "A first opt-out makes the first delivery: its confirmation."
    fieldsets = (
        (
            None,
            {"fields": ("state_in_words", "in_words", "kind", "person", "destination", "sender", "language", "said")},
        ),
        ("When", {"fields": ("created", "next_attempt", "expires", "finished", "arrived", "seen", "attempts")}),
        ("What came of it", {"fields": ("response_excerpt", "error_code", "template", "event", "correlation_id")}),
    )
    readonly_fields = (
        "state_in_words", "in_words", "person", "said", "created", "next_attempt", "expires", "finished", "arrived", "seen",
        "error_code", "template", "correlation_id",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return Delivery.objects.prefetch_related(*PERSON)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        found = self.found(request)
        return (queryset.filter(subscriber__root__in=found.roots) if found else queryset), False

    def why_not_again(self, obj: Delivery) -> str:
        reason = why_not_again(obj, timezone.now())
        return f"This is not sent again: it {reason[0]}." if reason else ""

    @admin.action(description="Send again where lawful", permissions=["process"])
    def process_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        now = timezone.now()
        chosen = list(queryset.order_by("pk")[:MOST_AT_ONCE])
        reasons = {delivery.pk: why_not_again(delivery, now) for delivery in chosen}
        lawful = [pk for pk, reason in reasons.items() if reason is None]
        count = outbox.process_again(lawful, now=now)
        others = Counter(reason for reason in reasons.values() if reason)
        if count < len(lawful):
            others["changed meanwhile", "changed meanwhile"] = len(lawful) - count
        self.message_user(request, _result(count, len(chosen), others), messages.SUCCESS if count else messages.WARNING)

    @display(description="Delivery")
    def delivery(self, delivery: Delivery) -> SafeString:
        return format_html('<span class="desk-number">Delivery {}</span>', delivery.pk)

    @display(description="State")
    def state_in_words(self, delivery: Delivery) -> SafeString:
        return words.badge(*words.delivery_in_words(delivery))

    @display(description="What happened")
    def in_short(self, delivery: Delivery) -> str:
        text = words.fate_in_words(delivery)
        return text if len(text) <= 160 else f"{text[:159]}…"

    @display(description="In words")
    def in_words(self, delivery: Delivery) -> str:
        return words.fate_in_words(delivery)

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
        return words.when(delivery.created_at, timezone.now())

    @display(description="Next attempt")
    def next_attempt(self, delivery: Delivery) -> SafeString | str:
        return "–" if delivery.finished_at else words.moment(delivery.next_attempt_at)

    @display(description="Too late after")
    def expires(self, delivery: Delivery) -> SafeString | str:
        return words.moment(delivery.expires_at)

    @display(description="Finished")
    def finished(self, delivery: Delivery) -> SafeString | str:
        return words.moment(delivery.finished_at)

    @display(description="Delivered")
    def arrived(self, delivery: Delivery) -> SafeString | str:
        return words.moment(delivery.delivered_at)

    @display(description="Read")
    def seen(self, delivery: Delivery) -> SafeString | str:
        return words.moment(delivery.read_at)


def _result(count: int, of: int, others: Counter[tuple[str, str]]) -> str:
    """For example "2 of 3 will be sent again; one may have been sent already."."""
    rest = [f"one {one}" if number == 1 else f"{number} {many}" for (one, many), number in others.items()]
    return f"{'; '.join([f'{count} of {of} will be sent again', *rest])}."
