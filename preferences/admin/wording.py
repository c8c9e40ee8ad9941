"""Wording: what people are told, text by text and language by language, with the brand's own versions and a preview."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from preferences import wordings
from preferences.admin.base import DeskAdmin
from preferences.admin.wording_examples import Example, examples
from preferences.models import Brand, WordingVersion
from preferences.wording import PLACES_IN_WORDS, TEXTS, Text, available_languages, desk_text, direction
from preferences.wordings import WordingRefusedError

_GROUPS = (
    ("Messages", ("confirmation", "undo_line", "undo_button", "start_question", "start_confirmation",
                  "platform_stop_line", "help", "contact_chat", "clarification")),
    ("Phrases inside a confirmation", tuple(key for key in TEXTS if key.startswith(("scope_", "channel_")))),
)  # fmt: skip
_MOST_VERSIONS = 50


@dataclass(frozen=True, slots=True)
class Standing:
    """A version that is spoken or waits, in the language of this name."""

    name: str
    url: str
    version: WordingVersion

    @property
    def tone(self) -> str:
        return "good" if self.version.published_at else "doubt"

    @property
    def text(self) -> str:
        what = f"version {self.version.number}" if self.version.text else "back to the desk’s text"
        return f"{self.name}: {what}{'' if self.version.published_at else ' waits'}"


@dataclass(frozen=True, slots=True)
class Row:
    """One text in the list of a brand."""

    text: Text
    url: str
    standings: list[Standing]


@dataclass(slots=True)
class TextPage:
    """Everything the page of one text in one language shows. `draft` is what stands in the form."""

    brand: Brand
    key: str
    text: Text
    language: str
    direction: str
    spoken: str
    spoken_version: WordingVersion | None
    waiting: WordingVersion | None
    needs_two: bool
    draft: str
    complaints: list[str]
    examples: list[Example]
    versions: list[WordingVersion] = field(default_factory=list)

    @property
    def places(self) -> list[tuple[str, str]]:
        return [(f"{{{place}}}", PLACES_IN_WORDS[place]) for place in sorted(self.text.places)]

    @property
    def is_own(self) -> bool:
        return bool(self.spoken_version and self.spoken_version.text)

    @property
    def may_go_back(self) -> bool:
        return bool(self.versions and self.versions[0].text)

    @property
    def is_out_of_date(self) -> bool:
        """A published version that no longer fits the rules, so that the desk's text is spoken instead."""
        newest = next((one for one in self.versions if one.published_at), None)
        return bool(newest and newest.text and not wordings.is_fit(newest))


@admin.register(WordingVersion)
class WordingAdmin(DeskAdmin):
    """Versions are never changed or deleted: to write one needs "add", to publish one "change"."""

    room = "Wording"

    def get_urls(self) -> list[URLPattern]:
        """Only the two pages of this room: there is nothing to edit in place."""
        return [
            path("", self.admin_site.admin_view(self.overview), name="preferences_wordingversion_changelist"),
            path(
                "<slug:slug>/<slug:key>/", self.admin_site.admin_view(self.text), name="preferences_wordingversion_text"
            ),
        ]

    # The list -----------------------------------------------------------------------------------------------------------

    def overview(self, request: HttpRequest) -> HttpResponse:
        self._must(self.has_view_permission(request))
        brands = list(Brand.objects.order_by("name", "pk"))
        slug = request.GET.get("brand", "")
        brand = next((one for one in brands if one.slug == slug), brands[0] if brands else None)
        if slug and (brand is None or brand.slug != slug):
            raise Http404(f"There is no brand {slug}.")
        context: dict[str, Any] = {"brands": brands, "brand": brand}
        if brand:
            spoken = list(wordings.newest_published().filter(brand=brand).exclude(text=""))
            waiting = list(wordings.newest().filter(brand=brand, published_at=None))
            context |= {
                "groups": [(title, [_row(brand, key, spoken + waiting) for key in keys]) for title, keys in _GROUPS],
                "waiting": waiting,
                "needs_two": wordings.needs_two_people(brand),
                "languages": len(available_languages()),
            }
        return self._page(request, "overview", self.room, context)

    # One text -----------------------------------------------------------------------------------------------------------

    def text(self, request: HttpRequest, slug: str, key: str) -> HttpResponse:
        self._must(self.has_view_permission(request))
        brand = get_object_or_404(Brand.objects.select_related("controller"), slug=slug)
        language = request.GET.get("language") or brand.language
        if key not in TEXTS or language not in available_languages():
            raise Http404("There is no such text, or the desk does not speak that language.")
        if request.method != "POST":
            return self._show(request, brand, key, language)
        draft = wordings.tidy(request.POST.get("text", ""))
        act = request.POST.get("act", "")
        if act == "preview" and "HX-Request" in request.headers:
            page = _text_page(brand, key, language, draft=draft, complaints=None)
            return TemplateResponse(request, "admin/preferences/wordingversion/preview.html", {"page": page})
        if act == "preview":
            return self._show(request, brand, key, language, draft=draft)
        if act not in {"write", "back", "publish"}:
            raise Http404("There is no such act.")
        self._must(self.has_change_permission(request) if act == "publish" else self.has_add_permission(request))
        try:
            done = self._do(request, act, brand, key, language)
        except WordingRefusedError as refusal:
            if act == "write":
                return self._show(request, brand, key, language, draft=draft, complaints=list(refusal.reasons))
            messages.error(request, str(refusal))
        else:
            messages.success(request, done)
        return HttpResponseRedirect(_url(brand, key, language))

    def _do(self, request: HttpRequest, act: str, brand: Brand, key: str, language: str) -> str:
        user: Any = request.user
        now = timezone.now()
        if act == "publish":
            version = get_object_or_404(
                _versions(brand, key, language), number=_number(request.POST.get("version", ""))
            )
            wordings.publish(version, publisher=user, now=now)
        elif act == "back":
            version = wordings.go_back(brand, key, language, author=user, now=now)
        else:
            version = wordings.write(brand, key, language, text=request.POST.get("text", ""), author=user, now=now)
        if version.published_at:
            return f"Version {version.number} is spoken from now on."
        return f"Version {version.number} waits until somebody else publishes it."

    def _show(
        self,
        request: HttpRequest,
        brand: Brand,
        key: str,
        language: str,
        *,
        draft: str | None = None,
        complaints: list[str] | None = None,
    ) -> HttpResponse:
        page = _text_page(brand, key, language, draft=draft, complaints=complaints)
        context = {
            "page": page,
            "languages": [
                {"code": code, "name": name, "chosen": code == language} for code, name in available_languages().items()
            ],
            "may_write": self.has_add_permission(request),
            "may_publish": self.has_change_permission(request),
            "is_author": bool(page.waiting and page.waiting.created_by_id == request.user.pk),
            "list_url": f"{reverse('admin:preferences_wordingversion_changelist')}?brand={brand.slug}",
        }
        status = 422 if complaints else 200
        return self._page(request, "text", page.text.title, context, status=status)

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
        template = f"admin/preferences/wordingversion/{name}.html"
        return TemplateResponse(request, template, context, status=status)

    @staticmethod
    def _must(is_allowed: bool) -> None:  # noqa: FBT001 (one question, one answer)
        if not is_allowed:
            raise PermissionDenied


def _url(brand: Brand, key: str, language: str) -> str:
    return f"{reverse('admin:preferences_wordingversion_text', args=[brand.slug, key])}?language={language}"


def _row(brand: Brand, key: str, versions: list[WordingVersion]) -> Row:
    names = available_languages()
    own = sorted((one for one in versions if one.key == key and one.language in names), key=lambda one: one.language)
    standings = [Standing(names[one.language], _url(brand, key, one.language), one) for one in own]
    return Row(TEXTS[key], _url(brand, key, brand.language), standings)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


def _versions(brand: Brand, key: str, language: str) -> QuerySet[WordingVersion]:
    of_one = WordingVersion.objects.filter(brand=brand, key=key, language=language)
    return of_one.select_related("brand", "created_by", "published_by")


def _text_page(brand: Brand, key: str, language: str, *, draft: str | None, complaints: list[str] | None) -> TextPage:
    versions = list(_versions(brand, key, language).order_by("-number")[:_MOST_VERSIONS])
    published = next((one for one in versions if one.published_at), None)
    own = published if published and published.text and wordings.is_fit(published) else None
    waiting = versions[0] if versions and not versions[0].published_at else None
    spoken = own.text if own else desk_text(key, language).text
    draft = (waiting.text if waiting and waiting.text else spoken) if draft is None else draft
    wrong = wordings.complaints(key, language, draft) if complaints is None else complaints
    can_show = not wordings.complaints(key, language, draft)
    return TextPage(
        brand=brand,
        key=key,
        text=TEXTS[key],
        language=language,
        direction=direction(language),
        spoken=spoken,
        spoken_version=own,
        waiting=waiting,
        needs_two=wordings.needs_two_people(brand),
        draft=draft,
        complaints=wrong,
        examples=examples(brand, key, language, draft=draft) if can_show else [],
        versions=versions,
    )
