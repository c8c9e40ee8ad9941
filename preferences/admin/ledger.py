"""The ledger, its seals and the exact wordings people saw: looked at, never touched."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from preferences import seals
from preferences.admin import words
from preferences.admin.base import ChoiceFilter, PeopleRecordAdmin, RecordAdmin
from preferences.models import (
    Brand,
    ConsentEvent,
    Controller,
    EventKind,
    Notice,
    Seal,
    Sender,
    Source,
    Subscriber,
)

#: A decimal this short is a position of the ledger, a longer one a number.
_POSITION_DIGITS = 7


class KindFilter(ChoiceFilter):
    title = "kind"
    parameter_name = "kind"
    choices_of = [(value, str(label)) for value, label in EventKind.choices]


class SourceFilter(ChoiceFilter):
    title = "source"
    parameter_name = "source"
    choices_of = [(value, str(label)) for value, label in Source.choices]


@admin.register(ConsentEvent)
class ConsentEventAdmin(PeopleRecordAdmin):
    room = "Ledger"
    list_display = ("at_position", "effective", "what", "reach", "source", "subscriber_link", "short_hash")
    list_display_links = ("at_position",)
    list_filter = (KindFilter, SourceFilter)
    ordering = ("-position",)
    search_fields = ("position",)
    search_help_text = "Position, subscriber id, or number in any spelling"
    nothing_yet = "The first opt-out, opt-in or platform stop makes the first event."
    fieldsets = (
        (None, {"fields": ("at_position", "what", "reach", "subscriber_link", "effective", "received", "recorded", "ends")}),
        ("Proof", {"fields": ("verified", "seal_link", "hash_hex", "previous_hex", "evidence_hex", "source_hex")}),
        ("Who and why", {"fields": (
            "source", "sender_name", "rule_said", "rule", "language", "jurisdiction", "legal_basis", "expression", "actor",
            "approver", "reason", "voids", "renews", "related",
        )}),
        ("Versions", {"fields": (
            "schema_version", "policy_version", "classifier_version", "keywords_version", "regime_version", "notice_version",
        )}),
    )  # fmt: skip
    readonly_fields = (
        "at_position", "what", "reach", "subscriber_link", "effective", "received", "recorded", "ends", "sender_name",
        "hash_hex", "previous_hex", "evidence_hex", "source_hex", "verified", "seal_link", "rule_said",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Events with the names their plain ids stand for; the ledger itself points nowhere."""
        return ConsentEvent.objects.annotate(
            brand_name=Subquery(Brand.objects.filter(pk=OuterRef("brand")).values("name")[:1]),
            controller_name=Subquery(Controller.objects.filter(pk=OuterRef("controller")).values("name")[:1]),
            sender_display=Subquery(Sender.objects.filter(pk=OuterRef("sender")).values("display")[:1]),
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if term.isdecimal() and len(term) < _POSITION_DIGITS:
            return queryset.filter(position=int(term)), False
        found = self.found(request)
        if not found:
            return queryset, False
        members = Subscriber.objects.filter(root__in=found.roots).values_list("public_id", flat=True)
        return queryset.filter(subscriber__in=list(members)), False

    def is_about_people(self, text: str) -> bool:
        """Short numbers are positions."""
        return not (text.isdecimal() and len(text) < _POSITION_DIGITS)

    @display(description="Position")
    def at_position(self, event: ConsentEvent) -> SafeString:
        return format_html('<span class="desk-number">{}</span>', event.position)

    @display(description="Act")
    def what(self, event: ConsentEvent) -> SafeString:
        return words.badge(words.event_tone(event), event.get_kind_display())

    @display(description="Scope")
    def reach(self, event: Any) -> str:
        names = words.Names(
            {event.brand: event.brand_name} if event.brand_name else {},
            {event.controller: event.controller_name} if event.controller_name else {},
        )
        return words.reach_in_words(event, names)

    @display(description="Subscriber")
    def subscriber_link(self, event: ConsentEvent) -> SafeString:
        url = reverse("admin:preferences_subscriber_changelist")
        short = str(event.subscriber)[:8]
        return format_html('<a class="desk-link desk-code" href="{}?q={}">{}</a>', url, event.subscriber, short)

    @display(description="Sender")
    def sender_name(self, event: Any) -> str:
        return event.sender_display or (f"Sender {event.sender}" if event.sender else "–")

    @display(description="Effective")
    def effective(self, event: ConsentEvent) -> SafeString | str:
        return words.moment(event.effective_at)

    @display(description="Received")
    def received(self, event: ConsentEvent) -> SafeString | str:
        return words.moment(event.received_at)

    @display(description="Recorded")
    def recorded(self, event: ConsentEvent) -> SafeString | str:
        return words.moment(event.recorded_at)

    @display(description="Until")
    def ends(self, event: ConsentEvent) -> SafeString | str:
        return words.moment(event.until)

    @display(description="Rule in words")
    def rule_said(self, event: ConsentEvent) -> str:
        return words.rule_in_words(event.rule) or "–"

    @display(description="Verified now")
    def verified(self, event: ConsentEvent) -> SafeString:
        """The event checked while the page is made: its content, its place in the chain, the seal over it."""
        return _proof_in_words(seals.verify_event(event.position))

    @display(description="Sealed under")
    def seal_link(self, event: ConsentEvent) -> SafeString | str:
        seal = seals.seal_of(event.position)
        if seal is None:
            return "No seal yet: seals are made every ten minutes when the ledger has grown."
        url = reverse("admin:preferences_seal_change", args=[seal.pk])
        text = f"Seal {seal.number}, events {seal.from_position} to {seal.to_position}"
        return format_html('<a class="desk-link" href="{}">{}</a>', url, text)

    @display(description="Row hash")
    def short_hash(self, event: ConsentEvent) -> SafeString:
        return format_html(
            '<span class="desk-code desk-number" title="{}">{}…</span>', event.row_hash.hex(), event.row_hash.hex()[:8]
        )

    @display(description="Row hash")
    def hash_hex(self, event: ConsentEvent) -> SafeString:
        return words.hexadecimal(event.row_hash)

    @display(description="Hash of the subscriber’s previous event")
    def previous_hex(self, event: ConsentEvent) -> SafeString:
        return words.hexadecimal(event.prev_hash)

    @display(description="Commitment to the evidence")
    def evidence_hex(self, event: ConsentEvent) -> SafeString:
        return words.hexadecimal(event.evidence)

    @display(description="SHA-256 of the provider’s id")
    def source_hex(self, event: ConsentEvent) -> SafeString:
        return words.hexadecimal(event.source_ref)


def _proof_in_words(proof: seals.EventProof) -> SafeString:
    if proof.problems:
        problems = format_html_join(" ", "{}", ((problem,) for problem in proof.problems))
        return format_html("{} {}", words.badge(words.BAD, "Not sound"), problems)
    follows = (
        f"it follows event {proof.previous} of this subscriber" if proof.previous else "it is this subscriber’s first"
    )
    vouched = (
        f"and seal {proof.seal.number} vouches for it."
        if proof.seal
        else "but nothing outside the chain vouches for it before the next seal."
    )
    text = f"Its content gives its hash, {follows}, {vouched}"
    return format_html("{} {}", words.badge(words.GOOD if proof.seal else words.DOUBT, "Sound"), text)


@admin.register(Seal)
class SealAdmin(RecordAdmin):
    list_display = ("seal", "covers", "sealed", "signed_with")
    list_display_links = ("seal",)
    ordering = ("-number",)
    nothing_yet = "The ledger is sealed every ten minutes when it has grown."
    fieldsets = (
        (None, {"fields": ("seal", "covers", "sealed", "root_hex", "previous_hex", "digest_hex", "signed_with")}),
    )
    readonly_fields = ("seal", "covers", "sealed", "root_hex", "previous_hex", "digest_hex", "signed_with")

    @display(description="Seal")
    def seal(self, seal: Seal) -> str:
        return f"Seal {seal.number}"

    @display(description="Events")
    def covers(self, seal: Seal) -> str:
        return f"{seal.from_position} to {seal.to_position}"

    @display(description="Sealed")
    def sealed(self, seal: Seal) -> SafeString | str:
        return words.moment(seal.sealed_at)

    @display(description="Signed with")
    def signed_with(self, seal: Seal) -> str:
        return f"Key {seal.key_id}" if seal.key_id else "Not signed"

    @display(description="Merkle root")
    def root_hex(self, seal: Seal) -> SafeString:
        return words.hexadecimal(seal.merkle_root)

    @display(description="Previous seal")
    def previous_hex(self, seal: Seal) -> SafeString:
        return words.hexadecimal(seal.previous)

    @display(description="Digest")
    def digest_hex(self, seal: Seal) -> SafeString:
        return words.hexadecimal(seal.digest)


@admin.register(Notice)
class NoticeAdmin(RecordAdmin):
    list_display = ("key", "language", "short_version", "first_used")
    ordering = ("-pk",)
    nothing_yet = "The first message that is sent keeps its exact wording here."
    fieldsets = ((None, {"fields": ("key", "language", "wording", "version", "first_used")}),)
    readonly_fields = ("wording", "first_used")

    @display(description="Version")
    def short_version(self, notice: Notice) -> SafeString:
        return format_html('<span class="desk-code">{}</span>', notice.short_version)

    @display(description="Text")
    def wording(self, notice: Notice) -> SafeString:
        return format_html('<div class="desk-said" dir="auto">{}</div>', notice.text)

    @display(description="First used")
    def first_used(self, notice: Notice) -> SafeString | str:
        return words.moment(notice.created_at)
