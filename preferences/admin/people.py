"""People: found by any spelling of a number, its last four digits or a user id; shown masked, changed nowhere here."""

from __future__ import annotations

import re
import uuid
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from preferences.admin import words
from preferences.admin.base import RecordAdmin, best_first, masked_person
from preferences.admin.person import page_of
from preferences.identifiers import mask, parse_recipient
from preferences.models import Identity, Scheme, Subscriber

#: Four digits belong to one in ten thousand numbers; nobody reads through more people than this.
_MOST_PEOPLE = 500
_MASKED = re.compile(r"[+•…*\d\s]*[•…*][•…*\s]*(\d{4})")


def find(text: str) -> set[int]:
    """The roots of the people that `text` may mean, by index only; also those who had the number in the past.

    `text` is a number in any spelling (also a national one), its last four digits, a masked number, a user id, an e-mail
    address or a record's own id.
    """
    text = text.strip()
    masked = _MASKED.fullmatch(text)
    if masked or (len(text) == 4 and text.isdecimal()):
        return _by_last_digits(masked[1] if masked else text)
    try:
        found = Subscriber.objects.filter(public_id=uuid.UUID(text)).values_list("root_id", flat=True)
        return set(found)
    except ValueError:
        pass
    one = parse_recipient(text)
    return (_by_key(one.scheme, one.match_key) if one else set()) or _by_national_number(text)


def _by_key(scheme: str, match_key: str) -> set[int]:
    identities = Identity.objects.filter(match_key=match_key, scheme=scheme)
    # Two questions, because there is an index for live identities and another for ended ones.
    live = identities.filter(ended_at=None).values_list("root_id", flat=True)
    ended = identities.filter(~Q(ended_at=None)).values_list("root_id", flat=True)
    return {*live[:_MOST_PEOPLE], *ended[:_MOST_PEOPLE]}


def _by_last_digits(digits: str, ending: str = "") -> set[int]:
    identities = Identity.objects.filter(scheme=Scheme.PHONE, last4=digits, value__endswith=ending or digits)
    return set(identities.values_list("root_id", flat=True)[:_MOST_PEOPLE])


def _by_national_number(text: str) -> set[int]:
    """A number without its country: those with the same last four digits whose number ends like it."""
    digits = "".join(char for char in text if char.isdecimal()).lstrip("0")
    has_letters = any(char.isalpha() for char in text)
    return set() if len(digits) < 7 or has_letters else _by_last_digits(digits[-4:], digits)


@admin.register(Subscriber)
class SubscriberAdmin(RecordAdmin):
    room = "People"
    list_display = ("person", "known_as", "country", "joined", "created")
    list_display_links = ("person",)
    list_select_related = ("root",)
    ordering = ("-pk",)
    search_fields = ("public_id",)
    search_help_text = "Number in any spelling, last four digits, or WhatsApp user id"
    nothing_yet = "The first webhook about a person creates their record."
    change_form_template = "admin/preferences/subscriber/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscriber]:
        return Subscriber.objects.all()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Subscriber], search_term: str
    ) -> tuple[QuerySet[Subscriber], bool]:
        if not search_term.strip():
            return queryset.prefetch_related("root__identities"), False
        roots = find(search_term)
        return queryset.filter(root__in=roots).prefetch_related("root__identities"), False

    @display(description="Person")
    def person(self, subscriber: Subscriber) -> str:
        own = [one for one in subscriber.root.identities.all() if one.subscriber_id == subscriber.pk]
        if subscriber.erased_at:
            return "Erased"
        if subscriber.root_id != subscriber.pk:
            return mask(best_first(own)[0].value) if own else str(subscriber)
        return masked_person(subscriber.root)

    @display(description="Known as")
    def known_as(self, subscriber: Subscriber) -> SafeString:
        identities = best_first(list(subscriber.root.identities.all()))
        lines = (
            (one.get_scheme_display(), mask(one.value), " (ended)" if one.ended_at else "") for one in identities[:5]
        )
        return format_html_join(SafeString("<br>"), '{} <span class="desk-number">{}</span>{}', lines)

    @display(description="Joined")
    def joined(self, subscriber: Subscriber) -> str:
        if subscriber.root_id == subscriber.pk:
            return "–"
        return f"Into {masked_person(subscriber.root)}"

    @display(description="Created")
    def created(self, subscriber: Subscriber) -> SafeString | str:
        return words.moment(subscriber.created_at)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The page of one person, instead of a form: there is nothing to fill in here."""
        page = page_of(kwargs["obj"], user=request.user, now=timezone.now())
        context |= {"page": page, "heading": page.name, "title": page.name}
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response
