"""The inbox: webhooks as they came in, what went wrong and what to do. A body is shown on its own page, on record, with
its numbers cut out, to those who may see replies."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from preferences import inbox
from preferences.admin import seeing, words
from preferences.admin.base import MOST_AT_ONCE, ChoiceFilter, RecordAdmin
from preferences.encryption import EncryptionError, unseal
from preferences.models import InboxEntry, InboxState, Lane
from preferences.redaction import redact

_TONES = {InboxState.PENDING: words.PLAIN, InboxState.FAILING: words.BAD, InboxState.DONE: words.GOOD}
#: A webhook that waits longer than this waits for a worker.
_PATIENCE = dt.timedelta(minutes=1)
#: So much of a body is shown.
_LONGEST_BODY = 100_000


class StateFilter(ChoiceFilter):
    title = "state"
    parameter_name = "state"
    choices_of = [(value, str(label)) for value, label in InboxState.choices]
    indexed = frozenset({InboxState.PENDING.value, InboxState.FAILING.value})


class LaneFilter(ChoiceFilter):
    title = "lane"
    parameter_name = "lane"
    choices_of = [(value, str(label)) for value, label in Lane.choices]


@admin.register(InboxEntry)
class InboxEntryAdmin(RecordAdmin):
    room = "Inbox"
    list_display = ("entry", "received", "state_in_words", "lane", "attempts", "in_short")
    list_display_links = ("entry",)
    list_filter = (StateFilter, LaneFilter)
    ordering = ("-pk",)
    actions = ("process_again",)
    again = "Process this webhook again"
    nothing_yet = "Every webhook has been read, and none is kept. New ones appear here the moment they arrive."
    readonly_fields = (
        "state_in_words", "in_words", "received", "processed", "next_attempt", "not_understood", "bytes_of_body",
        "digest_hex", "content", "content_link",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboxEntry]:
        return InboxEntry.objects.defer("body")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        shown: tuple[str, ...] = ()
        if request.user.has_perm("preferences.view_reply"):
            shown = ("content",) if _asks_for_body(request) else ("content_link",)
        return (
            (None, {"fields": ("state_in_words", "in_words", "received", "processed", "attempts", "next_attempt")}),
            ("What went wrong", {"fields": ("error", "not_understood")}),
            ("The webhook", {"fields": ("provider", "lane", "bytes_of_body", "digest_hex", "headers", *shown)}),
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        entry = self.get_object(request, object_id)
        if entry is not None and self.has_view_permission(request, entry) and _asks_for_body(request):
            seeing.viewed_body(request.user, entry.pk)
        response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return response

    @admin.action(description="Process again", permissions=["process"])
    def process_again(self, request: HttpRequest, queryset: QuerySet[InboxEntry]) -> None:
        count = inbox.process_again(queryset.values_list("pk", flat=True)[:MOST_AT_ONCE], now=timezone.now())
        due = "1 entry is due again." if count == 1 else f"{count} entries are due again."
        text = f"{due} The worker reads within a second; what is on record already stays as it is."
        self.message_user(request, text, messages.SUCCESS)

    @display(description="Entry")
    def entry(self, entry: InboxEntry) -> SafeString:
        return format_html('<span class="desk-number">Webhook {}</span>', entry.pk)

    @display(description="State")
    def state_in_words(self, entry: InboxEntry) -> SafeString:
        tone = words.DOUBT if entry.state == InboxState.DONE and entry.unknown else _TONES[InboxState(entry.state)]
        return words.badge(tone, entry.get_state_display())

    @display(description="What happened")
    def in_short(self, entry: InboxEntry) -> str:
        return _what_happened(entry, timezone.now())[0]

    @display(description="In words")
    def in_words(self, entry: InboxEntry) -> str:
        return " ".join(_what_happened(entry, timezone.now()))

    @display(description="Not understood")
    def not_understood(self, entry: InboxEntry) -> str:
        return ", ".join(entry.unknown) or "–"

    @display(description="Size")
    def bytes_of_body(self, entry: InboxEntry) -> str:
        return f"{entry.size:,} bytes"

    @display(description="Received")
    def received(self, entry: InboxEntry) -> SafeString | str:
        return words.when(entry.received_at, timezone.now())

    @display(description="Processed")
    def processed(self, entry: InboxEntry) -> SafeString | str:
        return words.moment(entry.processed_at)

    @display(description="Next attempt")
    def next_attempt(self, entry: InboxEntry) -> SafeString | str:
        return "–" if entry.state == InboxState.DONE else words.moment(entry.next_attempt_at)

    @display(description="SHA-256 of the body")
    def digest_hex(self, entry: InboxEntry) -> SafeString:
        return words.hexadecimal(entry.digest)

    @display(description="What it says")
    def content_link(self, entry: InboxEntry) -> SafeString:
        return format_html(
            '<a class="desk-link" href="?body=1">{}</a> (recorded)', "Show the body, with numbers cut out"
        )

    @display(description="What it says, with numbers and ids cut out")
    def content(self, entry: InboxEntry) -> SafeString:
        return format_html('<pre class="desk-body" dir="auto">{}</pre>', _body_of(entry))


def _asks_for_body(request: HttpRequest) -> bool:
    return "body" in request.GET and request.user.has_perm("preferences.view_reply")


def _body_of(entry: InboxEntry) -> str:
    """The decrypted body, indented, with whatever names a person cut out; or a sentence saying why it cannot be read."""
    try:
        text = unseal("inbox", bytes(entry.body)).decode(errors="replace")
    except EncryptionError as error:
        return f"(This body cannot be read. {error})"
    with contextlib.suppress(ValueError, RecursionError):  # what is no JSON is shown as it came
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    text = redact(text)
    more = len(text) - _LONGEST_BODY
    return text if more <= 0 else f"{text[:_LONGEST_BODY]}\n… and {more:,} characters more"


def _what_happened(entry: InboxEntry, now: dt.datetime) -> tuple[str, str]:
    """What became of a webhook, and what to do, each in a sentence or two."""
    if entry.state == InboxState.FAILING:
        times = "once" if entry.attempts == 1 else f"{entry.attempts} times"
        first = entry.error.partition("\n")[0]
        cause = first if len(first) <= 120 else f"{first[:119]}…"
        return (
            f"Reading it failed {times}: {cause}",
            "Nothing is lost: it is tried again by itself. Once the cause is mended, process it again to have it at once.",
        )
    if entry.state == InboxState.PENDING:
        waited = now - entry.received_at
        if waited < _PATIENCE:
            return "Waits its turn.", "It is read within a second."
        waiting = f"Waits since {words.span(waited.total_seconds())}."
        return waiting, "Look whether the workers run: “manage.py status” says what is missing."
    if entry.unknown == ["unreadable"]:
        return (
            "This is no webhook we can read.",
            "It was signed rightly and is kept; look at who sends to this address.",
        )
    if entry.unknown:
        labels = ", ".join(entry.unknown[:3])
        advice = "What it says of consent was recorded. A newer version of the desk may know the rest."
        return f"Read, but something in it is new to us: {labels}.", advice
    if entry.processed_at is None:
        return "Read.", ""
    return f"Read {words.later(entry.received_at, entry.processed_at)}.", "Nothing to do."
