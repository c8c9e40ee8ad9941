"""Who speaks: brands, their numbers, their policy and where changes go. Secrets are never shown."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from preferences import credentials, decisions
from preferences.admin import words
from preferences.admin.base import DeskAdmin
from preferences.admin.ticks import CheckedPortfolioAdmin, TickedSenderAdmin
from preferences.encryption import EncryptionError
from preferences.models import (
    Brand,
    Controller,
    Destination,
    PolicyVersion,
    Portfolio,
    Provider,
    Sender,
    Topic,
    UnknownConsent,
)
from preferences.wording import available_languages


def _languages() -> list[tuple[str, str]]:
    return [(code, f"{name} ({code})") for code, name in available_languages().items()]


@admin.register(Controller)
class ControllerAdmin(DeskAdmin):
    list_display = ("name", "seat", "contact")
    search_fields = ("name",)
    fields = ("name", "seat", "contact")


class BrandForm(forms.ModelForm):  # type: ignore[type-arg]
    language = forms.ChoiceField(choices=_languages, widget=UnfoldAdminSelectWidget, initial="en")

    class Meta:
        model = Brand
        fields = ("controller", "name", "slug", "language", "support_contact")


@admin.register(Brand)
class BrandAdmin(DeskAdmin):
    form = BrandForm
    list_display = ("name", "controller", "language", "support_contact")
    list_select_related = ("controller",)
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    fields = ("controller", "name", "slug", "language", "support_contact")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The controller and short name of a brand stand in the ledger's scopes and in other systems: they stay."""
        return ("controller", "slug") if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return {} if obj else self.prepopulated_fields


_TOKEN = re.compile(r"[!-~]+")


class PortfolioForm(forms.ModelForm):  # type: ignore[type-arg]
    """The access token goes in and never comes out: the field is always empty."""

    access_token = forms.CharField(
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Kept encrypted and never shown again. Left empty, what is stored stays.",
    )
    forget_token = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        label="Forget the stored token",
        help_text="The environment’s token serves the first portfolio without its own; others then only record answers.",
    )

    class Meta:
        model = Portfolio
        fields = ("provider", "key", "name", "controller", "is_provisional")
        help_texts = {"key": "The provider’s id, or waba: and the account’s id while provisional."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """A token is taken for a WhatsApp portfolio that exists; a form that does not ask for one must not take it."""
        super().__init__(*args, **kwargs)
        if self.instance.pk is None or self.instance.provider != Provider.WHATSAPP:
            del self.fields["access_token"], self.fields["forget_token"]

    def clean_access_token(self) -> str:
        token: str = self.cleaned_data["access_token"]
        if token and settings.DEMO:
            raise forms.ValidationError("The demo keeps no access token: start without sample data, with DEMO=0.")
        if token and not _TOKEN.fullmatch(token):
            raise forms.ValidationError(
                "An access token has no spaces, line breaks or letters with accents. Copy it again."
            )
        if token:
            try:
                credentials.seal_credentials(credentials.Credentials(token))
            except EncryptionError as error:
                raise forms.ValidationError(f"It cannot be kept. {error}") from error
        return token

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("access_token") and data.get("forget_token"):
            self.add_error("forget_token", "Either give a new token or forget the stored one.")
        return data


@admin.register(Portfolio)
class PortfolioAdmin(CheckedPortfolioAdmin):
    form = PortfolioForm
    list_display = ("__str__", "provider", "key", "controller", "is_provisional", "has_credentials", "subscribed")
    list_select_related = ("controller",)
    list_filter = ("provider",)
    search_fields = ("name", "key")
    fields = ("provider", "key", "name", "controller", "is_provisional", "has_credentials", "subscribed")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        always = ("has_credentials", "subscribed")
        return ("provider", "key", *always) if obj else always

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A token is given to a WhatsApp portfolio that exists, by those who may change it."""
        if obj is None or obj.provider != Provider.WHATSAPP or not self.has_change_permission(request, obj):
            return self.fields
        place = self.fields.index("has_credentials") + 1
        asked = ("access_token", "forget_token") if obj.credentials else ("access_token",)
        return (*self.fields[:place], *asked, *self.fields[place:])

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 (Django's signature)
        super().save_model(request, obj, form, change)
        if token := form.cleaned_data.get("access_token"):
            credentials.give(obj.pk, credentials.Credentials(token))
            self.message_user(
                request, "The access token is stored, encrypted. Answers are sent with it.", messages.SUCCESS
            )
        elif form.cleaned_data.get("forget_token"):
            credentials.give(obj.pk, None)
            self.message_user(request, "The access token is forgotten.", messages.SUCCESS)

    @display(description="Credentials")
    def has_credentials(self, portfolio: Portfolio) -> str:
        return "Stored, encrypted" if portfolio.credentials else "None stored"


@admin.register(Sender)
class SenderAdmin(TickedSenderAdmin):
    list_display = ("__str__", "brand_in_words", "last_webhook", "last_send", "provider", "key", "portfolio")
    list_select_related = ("brand", "portfolio")
    list_filter = ("provider", "brand")
    search_fields = ("key", "display")
    fields = ("live", "portfolio", "provider", "key", "display", "brand")
    nothing_yet = "A sender is created by its first webhook."

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("live", "portfolio", "provider", "key") if obj else ("live",)

    @display(description="Brand")
    def brand_in_words(self, sender: Sender) -> str:
        return (
            sender.brand.name if sender.brand else words.badge(words.DOUBT, "Not assigned: its stops bind every brand")
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 (Django's signature)
        """The brand is assigned by a decision, which carries over what people said to this sender before."""
        brand = obj.brand
        with transaction.atomic():
            if not change:
                obj.brand = None
                super().save_model(request, obj, form, change)
            elif "display" in form.changed_data:
                obj.save(update_fields=["display"])
            if "brand" not in form.changed_data:
                return
            stored = Sender.objects.get(pk=obj.pk)
            carried = decisions.assign_sender(stored, brand, actor=request.user.pk or 0, now=timezone.now())
        obj.brand = brand
        if carried:
            text = (
                f"{carried} consent events were carried over to {brand}."
                if carried > 1
                else (f"One consent event was carried over to {brand}.")
            )
            self.message_user(request, text, messages.INFO)


@admin.register(Topic)
class TopicAdmin(DeskAdmin):
    list_display = ("name", "slug", "brand")
    list_select_related = ("brand",)
    list_filter = ("brand",)
    search_fields = ("name", "slug")
    fields = ("brand", "name", "slug")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Consents name the topic by its short name."""
        return ("brand", "slug") if obj else ()


_DECLARED = {"opt_ins_kept_in": "the system that keeps the opt-ins", "opt_ins_legal_basis": "the legal basis"}


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]
    languages = forms.MultipleChoiceField(
        choices=_languages,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None ticked means all of them.",
    )

    class Meta:
        model = PolicyVersion
        fields = (
            "brand", "reach", "unknown_consent", "opt_ins_kept_in", "opt_ins_legal_basis", "confirms", "undo_line",
            "languages", "approvals", "effective_target_seconds", "confirmed_target_seconds", "told_target_seconds",
            "alarm_after_seconds",
        )  # fmt: skip
        labels = {"opt_ins_kept_in": "Opt-ins are kept in", "opt_ins_legal_basis": "Legal basis of these opt-ins"}

    def clean(self) -> dict[str, Any]:
        """A declaration that opt-ins are kept elsewhere is evidence, so it is complete or not made."""
        data = super().clean() or self.cleaned_data
        if data.get("unknown_consent") == UnknownConsent.NO_OBJECTION:
            for name, what in _DECLARED.items():
                if not data.get(name):
                    self.add_error(name, f"Name {what}: sending without a known opt-in rests on it.")
        return data


@admin.register(PolicyVersion)
class PolicyVersionAdmin(DeskAdmin):
    """Append-only: a new version takes the place of the one before, and every decision names the one it used."""

    room = "Policies"
    form = PolicyForm
    list_display = ("__str__", "reach", "unknown_consent", "confirms", "approvals", "made", "created_by")
    list_select_related = ("brand", "created_by")
    list_filter = ("brand",)
    ordering = ("brand", "-number")
    fieldsets = (
        (None, {"fields": ("brand", "reach", "unknown_consent", "opt_ins_kept_in", "opt_ins_legal_basis")}),
        ("Answers", {"fields": ("confirms", "undo_line", "languages")}),
        ("Work", {"fields": ("approvals",)}),
        ("Targets, in seconds", {"fields": (
            "effective_target_seconds", "confirmed_target_seconds", "told_target_seconds", "alarm_after_seconds",
        )}),
    )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 (Django's signature)
        with transaction.atomic():
            Brand.objects.select_for_update().get(pk=obj.brand_id)
            newest = (
                PolicyVersion.objects.filter(brand=obj.brand)
                .order_by("-number")
                .values_list("number", flat=True)
                .first()
            )
            obj.number = (newest or 0) + 1
            obj.created_by_id = request.user.pk
            super().save_model(request, obj, form, change)

    @display(description="Made")
    def made(self, policy: PolicyVersion) -> str:
        return words.moment(policy.created_at)


@admin.register(Destination)
class DestinationAdmin(DeskAdmin):
    list_display = ("name", "kind", "brand", "is_paused", "has_secret")
    list_select_related = ("brand",)
    search_fields = ("name",)
    fields = ("kind", "name", "brand", "is_paused", "settings", "has_secret")
    readonly_fields = ("has_secret",)

    @display(description="Secret")
    def has_secret(self, destination: Destination) -> str:
        return "Stored, encrypted" if destination.secret else "None stored"
