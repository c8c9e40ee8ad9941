"""Own words: what a brand added to the words that come with the desk, tried on what people wrote, saved and published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from preferences import own_words, wordings
from preferences.admin import own_words_page, seeing
from preferences.admin.base import DeskAdmin
from preferences.admin.own_words_page import Draft, Trial, Version
from preferences.interpretation import OwnWord, OwnWords
from preferences.interpretation.lexicon import LEXICON
from preferences.models import Brand, BrandWords, WordMeaning
from preferences.own_words import WordsRefusedError

_MAY_READ_REPLIES = ("preferences.view_reply", "preferences.change_reply")
_ACTS = {"rows", "try", "write", "write_and_publish", "publish"}
_TRY_FIRST = "The words changed since they were tried. Look at what they would do, then save."


@admin.register(BrandWords)
class OwnWordsAdmin(DeskAdmin):
    """Versions are never changed or deleted: to write one needs "add", to publish one "change"."""

    room = "Own words"

    def get_urls(self) -> list[URLPattern]:
        """Only the two pages of this room: there is nothing to edit in place."""
        return [
            path("", self.admin_site.admin_view(self.overview), name="preferences_brandwords_changelist"),
            path("<slug:slug>/", self.admin_site.admin_view(self.words), name="preferences_brandwords_words"),
        ]

    def overview(self, request: HttpRequest) -> HttpResponse:
        self._must(self.has_view_permission(request))
        numbers = {row.brand_id: len(row.words) for row in own_words.newest_published()}
        waiting = {row.brand_id: row.number for row in own_words.newest().filter(published_at=None)}
        brands = [
            {"brand": brand, "url": _url(brand), "number": numbers.get(brand.pk, 0), "waiting": waiting.get(brand.pk)}
            for brand in Brand.objects.order_by("name", "pk")
        ]
        context = {"brands": brands, "built_in": f"{len(LEXICON.keywords):,}", "languages": len(LEXICON.names)}
        return self._page(request, "overview", self.room, context)

    # One brand ----------------------------------------------------------------------------------------------------------

    def words(self, request: HttpRequest, slug: str) -> HttpResponse:
        self._must(self.has_view_permission(request))
        brand = get_object_or_404(Brand, slug=slug)
        if request.method != "POST":
            return self._show(request, brand)
        act = request.POST.get("act", "")
        if act not in _ACTS:
            raise Http404("There is no such act.")
        self._must_for(request, act)
        if act == "publish":
            return self._publish(request, brand)
        known = own_words.words_of(own_words.in_force(brand))
        draft = own_words_page.draft_posted(request.POST, known, brand=brand, more_rows=act == "rows")
        if act == "rows":
            return self._show(request, brand, draft)
        trial = _tried(brand, draft, known)
        if act == "try" or trial.complaints:
            return self._show(request, brand, draft, trial)
        if request.POST.get("tried") != draft.fingerprint:
            return self._show(request, brand, draft, trial, asked=_TRY_FIRST)
        return self._write(request, brand, draft, trial, is_published=act == "write_and_publish")

    def _must_for(self, request: HttpRequest, act: str) -> None:
        may_write, may_publish = self.has_add_permission(request), self.has_change_permission(request)
        self._must({
            # Whoever publishes what somebody else wrote must see what it would do.
            "rows": may_write, "try": may_write or may_publish, "write": may_write,
            "write_and_publish": may_write and may_publish, "publish": may_publish,
        }[act])  # fmt: skip

    def _write(
        self, request: HttpRequest, brand: Brand, draft: Draft, trial: Trial, *, is_published: bool
    ) -> HttpResponse:
        user: Any = request.user
        now = timezone.now()
        try:
            with transaction.atomic():
                version = own_words.write(brand, draft.words, note=draft.note, author=user, now=now)
                if is_published:
                    own_words.publish(version, publisher=user, now=now)
        except WordsRefusedError as refusal:
            trial.complaints.extend(refusal.reasons)
            return self._show(request, brand, draft, trial)
        messages.success(request, _done(version))
        return HttpResponseRedirect(_url(brand))

    def _publish(self, request: HttpRequest, brand: Brand) -> HttpResponse:
        user: Any = request.user
        number = request.POST.get("version", "")
        wanted = int(number) if number.isascii() and number.isdecimal() and len(number) < 9 else 0
        version = get_object_or_404(BrandWords.objects.select_related("brand"), brand=brand, number=wanted)
        try:
            own_words.publish(version, publisher=user, now=timezone.now())
        except WordsRefusedError as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _done(version))
        return HttpResponseRedirect(_url(brand))

    def _show(
        self,
        request: HttpRequest,
        brand: Brand,
        draft: Draft | None = None,
        trial: Trial | None = None,
        *,
        asked: str = "",
    ) -> HttpResponse:
        versions = own_words_page.versions_of(brand)
        in_force = next((one for one in versions if one.row.published_at), None)
        waiting = versions[0] if versions and not versions[0].row.published_at else None
        known = own_words.words_of(in_force.row if in_force else None)
        newest = own_words.words_of(waiting.row) if waiting else known
        may_read = any(map(request.user.has_perm, _MAY_READ_REPLIES))
        if trial and may_read:
            trial.shown, people = own_words_page.show(trial.backtest.changed)
            seeing.viewed_many(request.user, people, what="Replies in a back-test of words")
        needs_two = wordings.needs_two_people(brand)
        context = {
            "brand": brand,
            "versions": versions,
            "in_force": in_force,
            "waiting": waiting,
            "draft": draft or own_words_page.draft_of(newest, known, brand=brand),
            "trial": trial,
            "asked": asked,
            "languages": own_words_page.languages(),
            "meanings": own_words_page.meanings(),
            "sizes": own_words_page.sizes(),
            "most": own_words.MOST_WORDS,
            "needs_two": needs_two,
            "may_write": self.has_add_permission(request),
            "may_publish": self.has_change_permission(request),
            "may_read": may_read,
            "is_blocked": needs_two and _is_own_and_loosens(waiting, request.user),
            "may_publish_now": not (needs_two and trial and trial.change.loosens),
            "list_url": reverse("admin:preferences_brandwords_changelist"),
        }
        # To try is to ask, whatever the answer; to save is refused.
        is_refused = asked or (trial and trial.complaints and request.POST.get("act") != "try")
        return self._page(request, "words", f"Own words of {brand.name}", context, status=422 if is_refused else 200)

    def _page(
        self, request: HttpRequest, name: str, title: str, context: Mapping[str, Any], *, status: int = 200
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "room": self.room,
            "title": title,
            **context,
        }
        return TemplateResponse(request, f"admin/preferences/brandwords/{name}.html", context, status=status)

    @staticmethod
    def _must(is_allowed: bool) -> None:  # noqa: FBT001 (one question, one answer)
        if not is_allowed:
            raise PermissionDenied


def _tried(brand: Brand, draft: Draft, known: tuple[OwnWord, ...]) -> Trial:
    """What the draft would do, and why it cannot be saved; the newest replies are read once for both."""
    past = own_words.newest_replies(brand)
    # Words that cannot even be compared are among the complaints.
    sound = [word for word in draft.words if word.words and word.meaning in WordMeaning.values]
    backtest = own_words.compare(past[: draft.size], before=OwnWords.of(0, known), after=OwnWords.of(0, sound))
    complaints = own_words.check(draft.words, known=known, past=past)
    return Trial(complaints, backtest, own_words.difference(known, draft.words))


def _is_own_and_loosens(version: Version | None, user: Any) -> bool:
    return bool(version and version.row.created_by_id == user.pk and version.change and version.change.loosens)


def _done(version: BrandWords) -> str:
    if version.published_at:
        return f"Replies are judged with version {version.number} from now on."
    return f"Version {version.number} is saved. It counts once it is published."


def _url(brand: Brand) -> str:
    return reverse("admin:preferences_brandwords_words", args=[brand.slug])
