"""People: found by anything staff have at hand, shown masked, changed nowhere here. A number is revealed for a reason."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from preferences.admin import seeing, words
from preferences.admin.base import PeopleRecordAdmin, best_first, masked_person
from preferences.admin.finding import Found
from preferences.admin.person import page_of
from preferences.admin.timeline import cursor_from
from preferences.identifiers import mask
from preferences.models import AccessRecord, Identity, Reply, Subscriber


class RevealForm(forms.Form):
    reason = forms.CharField(
        max_length=AccessRecord._meta.get_field("reason").max_length,
        required=False,
        label="What is the number needed for?",
        help_text="Kept on record with your name. Once for each ticket.",
        widget=UnfoldAdminTextInputWidget,
    )
    ticket = forms.CharField(
        max_length=AccessRecord._meta.get_field("ticket").max_length,
        required=False,
        label="Ticket",
        widget=UnfoldAdminTextInputWidget,
    )


@admin.register(Subscriber)
class SubscriberAdmin(PeopleRecordAdmin):
    room = "People"
    list_display = ("person", "known_as", "country", "wrote", "joined", "created", "record")
    list_display_links = ("person",)
    list_select_related = ("root",)
    ordering = ("-pk",)
    search_fields = ("public_id",)
    search_help_text = "Number in any spelling, last digits, user id, @username, message id or e-mail address"
    nothing_yet = "The first webhook about a person creates their record."

    def get_urls(self) -> list[URLPattern]:
        reveal = self.admin_site.admin_view(self.reveal)
        return [
            path("<path:object_id>/reveal/", reveal, name="preferences_subscriber_reveal"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the time of the newest reply, which tells apart people whose numbers end alike."""
        newest = Reply.objects.filter(subscriber=OuterRef("pk")).order_by("-pk").values("sent_at")[:1]
        return Subscriber.objects.annotate(wrote_at=Subquery(newest))

    def page_of_only_hit(self, found: Found) -> str:
        if len(found.roots) != 1:
            return ""
        (root,) = found.roots
        return reverse("admin:preferences_subscriber_change", args=[root])

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        found = self.found(request)
        if found:
            queryset = queryset.filter(root__in=found.roots)
        return queryset.prefetch_related("root__identities"), False

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
        joined = format_html_join(SafeString("<br>"), '{} <span class="desk-number">{}</span>{}', lines)
        return format_html("<span>{}</span>", joined)

    @display(description="Newest reply")
    def wrote(self, subscriber: Any) -> SafeString | str:
        return words.when(subscriber.wrote_at, timezone.now())

    @display(description="Joined")
    def joined(self, subscriber: Subscriber) -> str:
        if subscriber.root_id == subscriber.pk:
            return "–"
        return f"Into {masked_person(subscriber.root)}"

    @display(description="First seen")
    def created(self, subscriber: Subscriber) -> SafeString | str:
        return words.when(subscriber.created_at, timezone.now())

    @display(description="Record")
    def record(self, subscriber: Subscriber) -> SafeString:
        return format_html('<span class="desk-code">{}</span>', str(subscriber.public_id)[:8])

    # The page of one person ------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page of one person, instead of a form: there is nothing to fill in here."""
        subscriber = self.get_object(request, object_id)
        if not self.has_view_permission(request, subscriber) or request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        if subscriber is None:
            raise Http404
        # Before the page is read, so that a view which is shown is a view on record.
        seeing.viewed(request.user, subscriber.root)
        return self._person(request, subscriber, RevealForm())

    def reveal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The same page with the numbers in clear. Only POST, so that no link and no reload shows a number by itself."""
        subscriber = self.get_object(request, object_id)
        if not self.has_view_permission(request, subscriber) or not request.user.has_perm(seeing.MAY_REVEAL):
            raise PermissionDenied
        if subscriber is None:
            raise Http404
        if request.method != "POST":
            return HttpResponseRedirect(reverse("admin:preferences_subscriber_change", args=[object_id]))
        form = RevealForm(request.POST)
        revealed: list[Identity] = []
        if form.is_valid():
            try:
                revealed = seeing.reveal(request.user, subscriber.root, **form.cleaned_data)
            except seeing.NoReasonError as error:
                form.add_error("reason", str(error))
        return self._person(request, subscriber, form, revealed)

    def _person(
        self, request: HttpRequest, subscriber: Subscriber, form: RevealForm, revealed: list[Identity] | None = None
    ) -> HttpResponse:
        page = page_of(
            subscriber,
            user=request.user,
            now=timezone.now(),
            show=request.GET.get("show", "all"),
            before=cursor_from(request.GET.get("before", "")),
            revealed=best_first(revealed or []),
        )
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "adminform": {"model_admin": self},
            "page": page,
            "heading": page.name,
            "title": page.name,
            "reveal_form": form,
            "may_reveal": request.user.has_perm(seeing.MAY_REVEAL),
        }
        return TemplateResponse(request, "admin/preferences/subscriber/person.html", context)
