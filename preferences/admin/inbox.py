"""The inbox: webhooks as they came in, with what went wrong. Their bodies are never shown."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from preferences import inbox
from preferences.admin import words
from preferences.admin.base import MOST_AT_ONCE, ChoiceFilter, RecordAdmin
from preferences.models import InboxEntry, InboxState, Lane

_TONES = {InboxState.PENDING: words.PLAIN, InboxState.FAILING: words.BAD, InboxState.DONE: words.GOOD}


class StateFilter(ChoiceFilter):
    title = "state"
    parameter_name = "state"
    choices_of = [(value, str(label)) for value, label in InboxState.choices]


class LaneFilter(ChoiceFilter):
    title = "lane"
    parameter_name = "lane"
    choices_of = [(value, str(label)) for value, label in Lane.choices]


@admin.register(InboxEntry)
class InboxEntryAdmin(RecordAdmin):
    room = "Inbox"
    list_display = ("entry", "received", "state_in_words", "lane", "bytes_of_body", "attempts", "what_was_wrong")
    list_display_links = ("entry",)
    list_filter = (StateFilter, LaneFilter)
    ordering = ("-pk",)
    actions = ("process_again",)
    nothing_yet = "Every webhook has been read, and none is kept. New ones appear here the moment they arrive."
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "state_in_words",
                    "received",
                    "processed",
                    "attempts",
                    "next_attempt",
                    "error",
                    "not_understood",
                )
            },
        ),
        ("The webhook", {"fields": ("provider", "lane", "bytes_of_body", "digest_hex", "headers")}),
    )
    readonly_fields = (
        "state_in_words", "received", "processed", "next_attempt", "not_understood", "bytes_of_body", "digest_hex",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboxEntry]:
        return InboxEntry.objects.defer("body")

    @admin.action(description="Process again", permissions=["process"])
    def process_again(self, request: HttpRequest, queryset: QuerySet[InboxEntry]) -> None:
        count = inbox.process_again(queryset.values_list("pk", flat=True)[:MOST_AT_ONCE], now=timezone.now())
        one = "entry is" if count == 1 else "entries are"
        self.message_user(request, f"{count} {one} due again. The worker takes them within a second.", messages.SUCCESS)

    @display(description="Entry")
    def entry(self, entry: InboxEntry) -> SafeString:
        return format_html('<span class="desk-number">Webhook {}</span>', entry.pk)

    @display(description="State")
    def state_in_words(self, entry: InboxEntry) -> SafeString:
        tone = words.DOUBT if entry.state == InboxState.DONE and entry.unknown else _TONES[InboxState(entry.state)]
        return words.badge(tone, entry.get_state_display())

    @display(description="Error")
    def what_was_wrong(self, entry: InboxEntry) -> str:
        if entry.error:
            return entry.error if len(entry.error) <= 80 else f"{entry.error[:79]}…"
        return f"Not understood: {', '.join(entry.unknown[:3])}" if entry.unknown else "–"

    @display(description="Not understood")
    def not_understood(self, entry: InboxEntry) -> str:
        return ", ".join(entry.unknown) or "–"

    @display(description="Size")
    def bytes_of_body(self, entry: InboxEntry) -> str:
        return f"{entry.size:,} bytes"

    @display(description="Received")
    def received(self, entry: InboxEntry) -> SafeString | str:
        return words.moment(entry.received_at)

    @display(description="Processed")
    def processed(self, entry: InboxEntry) -> SafeString | str:
        return words.moment(entry.processed_at)

    @display(description="Next attempt")
    def next_attempt(self, entry: InboxEntry) -> SafeString | str:
        return "–" if entry.state == InboxState.DONE else words.moment(entry.next_attempt_at)

    @display(description="SHA-256 of the body")
    def digest_hex(self, entry: InboxEntry) -> SafeString:
        return words.hexadecimal(entry.digest)
