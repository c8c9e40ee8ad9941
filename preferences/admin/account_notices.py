"""Account notices: what a provider told about accounts, numbers and templates. Only read; alarms say what to do."""

from __future__ import annotations

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from preferences.admin import words
from preferences.admin.base import ChoiceFilter, RecordAdmin
from preferences.models import AccountNotice, Severity

_TONES = {Severity.CRITICAL: words.BAD, Severity.WARNING: words.DOUBT}


class SeverityFilter(ChoiceFilter):
    title = "severity"
    parameter_name = "severity"
    choices_of = [(value, str(label)) for value, label in Severity.choices]


@admin.register(AccountNotice)
class AccountNoticeAdmin(RecordAdmin):
    room = "Account notices"
    nothing_yet = "WhatsApp has told nothing about accounts, numbers and templates yet."
    list_display = ("told", "how_bad", "subject", "text", "sender", "portfolio")
    list_display_links = ("told",)
    list_filter = (SeverityFilter,)
    list_select_related = ("sender", "portfolio")
    ordering = ("-at", "-pk")
    fields = ("told", "how_bad", "subject", "text", "kind", "provider", "portfolio", "sender")
    readonly_fields = ("told", "how_bad")

    @display(description="Told")
    def told(self, notice: AccountNotice) -> SafeString | str:
        return words.when(notice.at, timezone.now())

    @display(description="Severity")
    def how_bad(self, notice: AccountNotice) -> SafeString:
        if notice.is_over:
            return words.badge(words.GOOD, "Over")
        return words.badge(_TONES.get(Severity(notice.severity), words.PLAIN), notice.get_severity_display())
