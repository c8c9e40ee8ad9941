"""Utility templates: what WhatsApp has approved for telling people outside the 24 hours after their last message."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import ModelAdmin as DjangoAdmin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from preferences import outbox, wording
from preferences.admin import words
from preferences.admin.base import DeskAdmin
from preferences.models import Portfolio, Provider, TemplateState, UtilityTemplate

_NAME = re.compile(r"[a-z0-9_]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
_TONES = {TemplateState.USABLE: words.GOOD, TemplateState.PAUSED: words.DOUBT}
#: What names the template to WhatsApp: another one of these is another template.
_NAMES_IT = frozenset({"portfolio", "name", "language"})


class TemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    parameters = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="What fills {{1}}, {{2}} … of its body, in this order and with commas between: "
        f"{', '.join(outbox.TEMPLATE_PLACES)}. Empty for a body without places.",
    )

    class Meta:
        model = UtilityTemplate
        fields = ("brand", "portfolio", "kind", "name", "language", "parameters")
        help_texts = {"name": "As it stands in WhatsApp Manager, in the category Utility."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "portfolio" in self.fields:
            self.fields["portfolio"].queryset = Portfolio.objects.filter(provider=Provider.WHATSAPP)  # type: ignore[attr-defined]
        self.initial["parameters"] = ", ".join(self.instance.parameters)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not _NAME.fullmatch(name):
            raise forms.ValidationError("Template names are small letters, digits and underscores.")
        return name

    def clean_language(self) -> str:
        language: str = self.cleaned_data["language"]
        if not _LANGUAGE.fullmatch(language):
            raise forms.ValidationError("Write WhatsApp’s code of the language, such as en or pt_BR.")
        return language

    def clean_parameters(self) -> list[str]:
        written = self.cleaned_data["parameters"]
        places = [one.strip() for one in written.split(",")] if written.strip() else []
        unknown = [one for one in places if one not in outbox.TEMPLATE_PLACES]
        if unknown:
            known = ", ".join(outbox.TEMPLATE_PLACES)
            raise forms.ValidationError(f"Nothing fills “{unknown[0]}”. Choose out of: {known}.")
        return places

    def clean(self) -> dict[str, Any]:
        """What was stopped is said in the template's language, so the desk has to speak it."""
        data = super().clean() or self.cleaned_data
        language = data.get("language", "")
        if "scope" in data.get("parameters", ()) and language and not wording.spoken(language):
            self.add_error(
                "parameters", f"The desk does not speak “{language}”, so it cannot say in it what was stopped."
            )
        return data


@admin.register(UtilityTemplate)
class TemplateAdmin(DeskAdmin):
    """Its state is WhatsApp's: nobody here declares a stopped template usable, but another one may take its place."""

    room = "Templates"
    nothing_yet = (
        "Without one nobody is told outside the 24 hours after their last message. Have a utility template approved in "
        "WhatsApp Manager, then add it here."
    )
    form = TemplateForm
    list_display = ("__str__", "brand", "kind", "state_in_words", "portfolio")
    list_select_related = ("brand", "portfolio")
    list_filter = ("brand", "kind", "state")
    search_fields = ("name",)
    ordering = ("brand__name", "kind", "language", "pk")
    fields = ("brand", "portfolio", "kind", "name", "language", "parameters", "state_in_words", "changed")
    readonly_fields = ("state_in_words", "changed")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else [one for one in self.fields if one not in self.readonly_fields]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A setting, not a record: what was sent with it names it in its notice."""
        return bool(DjangoAdmin.has_delete_permission(self, request, obj))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 (Django's signature)
        """What WhatsApp said of the template before does not bear on another one."""
        if change and _NAMES_IT & set(form.changed_data):
            obj.state, obj.reason, obj.changed_at = TemplateState.USABLE, "", timezone.now()
        super().save_model(request, obj, form, change)

    @display(description="State")
    def state_in_words(self, template: UtilityTemplate) -> SafeString:
        state = words.badge(_TONES.get(TemplateState(template.state), words.BAD), template.get_state_display())
        return words.with_note(state, template.reason)

    @display(description="Since")
    def changed(self, template: UtilityTemplate) -> SafeString | str:
        return words.when(template.changed_at, timezone.now())
