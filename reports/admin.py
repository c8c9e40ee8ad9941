"""The alarms in the admin: read only, but for one act, saying that somebody has seen one and deals with it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display

from preferences.models import Severity
from reports import alarms, rules
from reports.models import Alarm

#: How a severity looks: the colour and the icon that stand beside its word.
TONES = {Severity.CRITICAL: ("bad", "error"), Severity.WARNING: ("doubt", "warning"), Severity.INFO: ("plain", "info")}


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("over", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> QuerySet[Alarm]:
        if self.value() in {"open", "over"}:
            return queryset.filter(ended_at__isnull=self.value() == "open")
        return queryset


class KindFilter(admin.SimpleListFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in rules.Kind.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> QuerySet[Alarm]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Alarm)
class AlarmAdmin(ModelAdmin):
    room = "Alarms"
    nothing_yet = "Nothing has been wrong so far. What is looked at every 30 seconds is told in docs/operations.md."
    list_display = ("alarm", "state", "text", "began", "over")
    list_display_links = ("alarm",)
    list_filter = (StateFilter, KindFilter)
    list_select_related = ("acknowledged_by",)
    list_per_page = 50
    ordering = ("-since", "-pk")
    sortable_by = ()
    show_facets = admin.ShowFacets.NEVER
    actions = ("acknowledge_chosen",)
    fieldsets = (
        (None, {"fields": ("alarm", "state", "text", "where")}),
        ("When", {"fields": ("began", "last_seen", "over", "mailed", "acknowledged")}),
    )
    readonly_fields = ("alarm", "state", "where", "began", "last_seen", "over", "mailed", "acknowledged")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Alarm | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Alarm | None = None) -> bool:
        return False

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        """Needs Django's "change" permission of alarms, beside the one to view them."""
        return request.user.has_perms(["reports.view_alarm", "reports.change_alarm"])

    def get_urls(self) -> list[URLPattern]:
        one = path(
            "<int:pk>/acknowledge/",
            self.admin_site.admin_view(require_POST(self.acknowledge)),
            name="reports_alarm_acknowledge",
        )
        return [one, *super().get_urls()]

    def acknowledge(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST from the first page, and back to it."""
        if not self.has_acknowledge_permission(request):
            raise PermissionDenied
        if alarms.acknowledge([pk], user_id=int(request.user.pk or 0), now=timezone.now()):
            self.message_user(request, "The alarm stands as yours, until what it is about is over.", messages.SUCCESS)
        else:
            self.message_user(request, "The alarm is over, or somebody was quicker.", messages.WARNING)
        return redirect("admin:index")

    @admin.action(description="Acknowledge", permissions=["acknowledge"])
    def acknowledge_chosen(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> None:
        chosen = list(queryset.values_list("pk", flat=True))
        number = alarms.acknowledge(chosen, user_id=int(request.user.pk or 0), now=timezone.now())
        text = f"{number} of {len(chosen)} stand as yours." + (
            " The others are over, or somebody was quicker." if number < len(chosen) else ""
        )
        self.message_user(request, text, messages.SUCCESS if number else messages.WARNING)

    @display(description="Alarm")
    def alarm(self, alarm: Alarm) -> str:
        return rules.label(alarm.kind)

    @display(description="State")
    def state(self, alarm: Alarm) -> SafeString:
        tone, icon = ("plain", "check_circle") if alarm.ended_at else TONES[Severity(alarm.severity)]
        word = f"Over, was {alarm.get_severity_display().lower()}" if alarm.ended_at else alarm.get_severity_display()
        return format_html(
            '<span class="desk-state desk-{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</span>',
            tone, icon, word,
        )  # fmt: skip

    @display(description="Where to look")
    def where(self, alarm: Alarm) -> SafeString | str:
        return format_html('<a class="desk-link" href="{}">{}</a>', alarm.link, alarm.link) if alarm.link else "–"

    @display(description="Since")
    def began(self, alarm: Alarm) -> SafeString | str:
        return _moment(alarm.since)

    @display(description="Last found")
    def last_seen(self, alarm: Alarm) -> SafeString | str:
        return _moment(alarm.seen_at)

    @display(description="Over")
    def over(self, alarm: Alarm) -> SafeString | str:
        return _moment(alarm.ended_at)

    @display(description="Mailed")
    def mailed(self, alarm: Alarm) -> SafeString | str:
        return _moment(alarm.mailed_at)

    @display(description="Acknowledged")
    def acknowledged(self, alarm: Alarm) -> SafeString | str:
        if alarm.acknowledged_at is None:
            return "–"
        return format_html("{} by {}", _moment(alarm.acknowledged_at), alarm.acknowledged_by)


def _moment(at: dt.datetime | None) -> SafeString | str:
    if at is None:
        return "–"
    at = at.astimezone(dt.UTC)
    exact = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return format_html('<time datetime="{}" title="{}">{} {} UTC</time>', exact, exact, at.day, f"{at:%b %Y, %H:%M}")
