"""The audit: who searched, looked and revealed. Read by whoever may, changed by nobody."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from preferences.admin import words
from preferences.admin.base import ChoiceFilter, PeopleRecordAdmin
from preferences.models import AccessAction, AccessRecord, Subscriber, User

_TONES = {AccessAction.REVEAL: words.DOUBT, AccessAction.EXPORT: words.DOUBT}


class ActionFilter(ChoiceFilter):
    title = "action"
    parameter_name = "action"
    choices_of = [(value, str(label)) for value, label in AccessAction.choices]


@admin.register(AccessRecord)
class AccessRecordAdmin(PeopleRecordAdmin):
    room = "Audit"
    list_display = ("moment", "who", "what", "record", "reason", "ticket", "detail")
    list_display_links = ("moment",)
    list_filter = (ActionFilter,)
    list_select_related = ("actor",)
    ordering = ("-at", "-pk")
    search_fields = ("actor",)
    search_help_text = "Member of staff, or a person by number, user id or record"
    nothing_yet = "The first search, view or reveal leaves the first record."
    fieldsets = ((None, {"fields": ("moment", "who", "what", "record", "reason", "ticket", "detail")}),)
    readonly_fields = ("moment", "who", "what", "record")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        actor = _member_of_staff(search_term)
        if actor:
            return queryset.filter(actor=actor), False
        found = self.found(request)
        if not found:
            return queryset, False
        members = Subscriber.objects.filter(root__in=found.roots).values_list("public_id", flat=True)
        return queryset.filter(subscriber__in=list(members)), False

    def is_about_people(self, text: str) -> bool:
        return _member_of_staff(text) is None

    @display(description="When")
    def moment(self, record: AccessRecord) -> SafeString | str:
        return words.when(record.at, timezone.now())

    @display(description="Who")
    def who(self, record: AccessRecord) -> str:
        return record.actor.username

    @display(description="What")
    def what(self, record: AccessRecord) -> SafeString:
        return words.badge(_TONES.get(AccessAction(record.action), words.PLAIN), record.get_action_display())

    @display(description="Person")
    def record(self, record: AccessRecord) -> SafeString | str:
        if record.subscriber is None:
            return "–"
        url = reverse("admin:preferences_subscriber_changelist")
        short = str(record.subscriber)[:8]
        return format_html('<a class="desk-link desk-code" href="{}?q={}">{}</a>', url, record.subscriber, short)


def _member_of_staff(text: str) -> User | None:
    return User.objects.filter(username=text.strip()).first() if text.strip() else None
