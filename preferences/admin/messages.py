"""Replies: what people wrote and how it was understood. The text is decrypted on the page of one reply only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from preferences import sent_texts
from preferences.admin import seeing, words
from preferences.admin.base import (
    PERSON,
    ChoiceFilter,
    PeopleRecordAdmin,
    SenderFilter,
    among_newest,
    person_link,
    text_of,
)
from preferences.models import Reply, ReviewState


class IntentFilter(ChoiceFilter):
    title = "intent"
    parameter_name = "intent"
    choices_of = words.INTENTS


class ReviewFilter(ChoiceFilter):
    title = "review"
    parameter_name = "review_state"
    choices_of = [(ReviewState.WAITING.value, "Waiting"), (ReviewState.SETTLED.value, "Settled")]
    indexed = frozenset({ReviewState.WAITING.value})


#: How "no language" stands in an address.
NO_LANGUAGE = "-"


class _GivenFilter(ChoiceFilter):
    """A filter that a link sets: too many choices to list, so that only the one that is set is shown."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        value = self.value()
        return [(value, self.said(value))] if value else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return among_newest(queryset.filter(**{str(self.parameter_name): self.stored(value)})) if value else queryset

    def said(self, value: str) -> str:
        """How the value stands on the page."""
        return value

    def stored(self, value: str) -> str:
        """How it stands in the table."""
        return value


class RuleFilter(_GivenFilter):
    title = "rule"
    parameter_name = "rule"

    def said(self, value: str) -> str:
        return words.rule_in_words(value)


class LanguageFilter(_GivenFilter):
    title = "language"
    parameter_name = "language"

    def said(self, value: str) -> str:
        return words.language_in_words(self.stored(value))

    def stored(self, value: str) -> str:
        return "" if value == NO_LANGUAGE else value


@admin.register(Reply)
class ReplyAdmin(PeopleRecordAdmin):
    list_display = ("received", "judged", "person", "language", "rule", "review", "sender")
    list_display_links = ("received",)
    list_filter = (IntentFilter, ReviewFilter, SenderFilter, RuleFilter, LanguageFilter)
    list_select_related = ("sender", "subscriber__root")
    ordering = ("-pk",)
    search_fields = ("subscriber",)
    search_help_text = "Number in any spelling, last digits, user id, @username or message id"
    nothing_yet = "Replies appear here as soon as WhatsApp tells us of one."
    fieldsets = (
        (None, {"fields": ("person", "sent", "received", "said", "answered", "kind", "sender")}),
        ("How it was understood", {"fields": ("judged", "rule", "confidence", "language", "topic", "event")}),
        ("Review", {"fields": ("review", "review_outcome", "due")}),
        ("Where it came from", {"fields": ("inbox_entry", "digest_hex", "processed")}),
    )
    readonly_fields = (
        "person", "sent", "received", "said", "answered", "judged", "review", "due", "digest_hex", "processed",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reply]:
        return Reply.objects.prefetch_related(*PERSON)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Reply], search_term: str
    ) -> tuple[QuerySet[Reply], bool]:
        found = self.found(request)
        return (queryset.filter(subscriber__root__in=found.roots) if found else queryset), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page of one reply shows what the person wrote, so it is a view of the person."""
        reply = self.get_object(request, object_id)
        if reply is not None and self.has_view_permission(request, reply):
            seeing.viewed(request.user, reply.subscriber.root, what=f"Reply {reply.pk}")
        response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return response

    @display(description="Person")
    def person(self, reply: Reply) -> SafeString:
        return person_link(reply.subscriber)

    @display(description="Intent")
    def judged(self, reply: Reply) -> SafeString:
        return words.badge(*words.intent_in_words(reply.intent))

    @display(description="Review")
    def review(self, reply: Reply) -> SafeString | str:
        if reply.review_state == ReviewState.WAITING:
            return words.badge(words.DOUBT, "Waiting")
        return reply.get_review_outcome_display() if reply.review_state else "–"

    @display(description="Text")
    def said(self, reply: Reply) -> SafeString:
        return format_html('<div class="desk-said" dir="auto">{}</div>', text_of(reply))

    @display(description="In answer to")
    def answered(self, reply: Reply) -> SafeString | str:
        ref = bytes(reply.context)
        if not ref:
            return "–"
        known = sent_texts.texts_of([ref]).get(ref)
        if known is None:
            return "A message whose words nobody told us"
        return format_html('<div class="desk-said" dir="auto">{}</div>', known.text)

    @display(description="Written")
    def sent(self, reply: Reply) -> SafeString | str:
        return words.moment(reply.sent_at)

    @display(description="Received")
    def received(self, reply: Reply) -> SafeString | str:
        return words.moment(reply.received_at)

    @display(description="Processed")
    def processed(self, reply: Reply) -> SafeString | str:
        return words.moment(reply.processed_at)

    @display(description="Review due")
    def due(self, reply: Reply) -> SafeString | str:
        return words.moment(reply.review_due_at)

    @display(description="SHA-256 of the message id")
    def digest_hex(self, reply: Reply) -> SafeString:
        return words.hexadecimal(reply.digest)
