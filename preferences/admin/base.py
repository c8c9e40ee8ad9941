"""What the admin's pages share: deny by default, masked people, exact times, and lists that never count a huge table."""

from __future__ import annotations

import functools
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from preferences.admin import seeing
from preferences.admin.finding import Found, find
from preferences.encryption import EncryptionError, unseal
from preferences.identifiers import mask
from preferences.models import Identity, Reply, Scheme, Sender, Subscriber

#: A list shows at most this many rows; further ones are found by search and filters, not by leafing.
_MOST_ROWS = 10_000
#: An action takes at most this many rows, also when a request asks for all of them.
MOST_AT_ONCE = 1_000
_BEST_KNOWN_BY = (Scheme.PHONE, Scheme.BSUID, Scheme.PARENT_BSUID, Scheme.EMAIL, Scheme.EXTERNAL)


class UncountedPaginator(InfinitePaginator):
    """Pages without COUNT(*), and not so far that OFFSET becomes slow."""

    @functools.cached_property
    def count(self) -> int:
        return _MOST_ROWS


class DeskAdmin(ModelAdmin):
    """An editable table. Rows are never deleted here: what they mean is in the ledger for good."""

    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    empty_value_display = "–"
    warn_unsaved_form = True
    #: What the navigation calls this page, where that is not the name of the model.
    room = ""
    #: Said when the list is empty: how rows come to be.
    nothing_yet = ""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class RecordAdmin(DeskAdmin):
    """Rows that only the product writes: looked at, never added, changed or deleted."""

    show_full_result_count = False
    paginator = UncountedPaginator
    list_disable_select_all = True
    sortable_by = ()
    warn_unsaved_form = False
    change_form_outer_before_template: Any = "admin/preferences/again.html"

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """A list takes its own filters and nothing else: Django would let anybody ask about every column by its URL."""
        filters = {getattr(one, "parameter_name", one) for one in self.list_filter}
        return lookup.partition("__")[0] in filters

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    #: What the button says that processes one row again; none where nothing can be.
    again = ""

    def why_not_again(self, obj: Any) -> str:
        """Why this row cannot be processed again, in a sentence; "" if it can."""
        return ""

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if self.again and self.has_process_permission(request):
            context |= {"again": self.again, "why_not_again": self.why_not_again(kwargs["obj"])}
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def has_process_permission(self, request: HttpRequest) -> bool:
        """Whether this user may have rows processed again; needs Django's "change" permission of the table."""
        return bool(super().has_change_permission(request))


class PeopleRecordAdmin(RecordAdmin):
    """Rows about people, searched by person: what was typed is understood once a request, and the search is recorded."""

    def changelist_view(  # type: ignore[override]  # unfold promises a page, a search may lead to another one
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = self.found(request) if self.has_view_permission(request) else None
        if found and request.method == "GET":
            seeing.searched(request.user, found)
            if only := self.page_of_only_hit(found):
                return HttpResponseRedirect(only)
        return super().changelist_view(request, extra_context)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list knows how the search was understood, for the page that says that nobody was found."""
        changelist: Any = super().get_changelist_instance(request)
        changelist.found = self.found(request)
        return changelist

    def page_of_only_hit(self, found: Found) -> str:
        """Where a search that leaves no question leads at once; "" for the list."""
        return ""

    def found(self, request: HttpRequest) -> Found | None:
        """Who is meant by what was typed; None if nothing was, or if it is no question about people."""
        text = request.GET.get("q", "").strip()
        if not text or not self.is_about_people(text):
            return None
        kept = vars(request)
        if "desk_found" not in kept:
            kept["desk_found"] = find(text)
        found: Found = kept["desk_found"]
        return found

    def is_about_people(self, text: str) -> bool:
        return True


class ChoiceFilter(admin.SimpleListFilter):
    """A filter with fixed choices: unlike Django's own it never reads the table to find them.

    `indexed` are the choices whose rows a partial index holds: they are counted and found wherever they are. Any other
    choice looks through the newest NEWEST rows, so that a rare one never reads a whole table.
    """

    choices_of: list[tuple[str, str]] = []
    indexed: frozenset[str] = frozenset()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = model_admin.model.objects.order_by()
        return [
            (value, f"{label} ({_counted(rows.filter(**{str(self.parameter_name): value}))})")
            if value in self.indexed
            else (value, label)
            for value, label in self.choices_of
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        queryset = queryset.filter(**{str(self.parameter_name): value})
        return queryset if value in self.indexed else among_newest(queryset)


class SenderFilter(ChoiceFilter):
    """By sender. No index leads from a sender to its rows, so this looks through the newest as well."""

    title = "sender"
    parameter_name = "sender"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(sender.pk), str(sender)) for sender in Sender.objects.order_by("display", "pk")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        return super().queryset(request, queryset) if value.isdecimal() else queryset


#: A filter without an index looks through this many rows.
NEWEST = 100_000
#: Counts end here.
_COUNTED = 1_000


def _counted(rows: QuerySet[Any]) -> str:
    number = len(rows.values_list("pk", flat=True)[: _COUNTED + 1])
    return f"{number:,}" if number <= _COUNTED else f"{_COUNTED:,}+"


def among_newest(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Only the newest rows of the table, by primary key."""
    newest = queryset.model._default_manager.order_by("-pk").values_list("pk", flat=True).first() or 0
    return queryset.filter(pk__gt=newest - NEWEST)


#: What `masked_person` needs, on models with a subscriber.
PERSON = ("subscriber__root__identities",)


def masked_person(root: Subscriber) -> str:
    """How staff recognise a person: the masked number, else the next best identity, else the record's own id."""
    identities = best_first(list(root.identities.all()))
    return mask(identities[0].value) if identities else str(root)


def best_first(identities: list[Identity]) -> list[Identity]:
    """Live before ended, phone before user id."""
    return sorted(
        identities, key=lambda one: (one.ended_at is not None, _BEST_KNOWN_BY.index(Scheme(one.scheme)), one.pk)
    )


def person_link(subscriber: Subscriber) -> SafeString:
    """The masked person, linked to their page. `subscriber__root__identities` must be prefetched."""
    url = reverse("admin:preferences_subscriber_change", args=[subscriber.root_id])
    return format_html('<a class="desk-link desk-number" href="{}">{}</a>', url, masked_person(subscriber.root))


def text_of(reply: Reply) -> str:
    """The decrypted text, or a sentence saying why it cannot be read. Not escaped: templates do that."""
    try:
        return unseal("reply", bytes(reply.text)).decode(errors="replace") or "(no text)"
    except EncryptionError as error:
        return f"(This text cannot be read. {error})"
