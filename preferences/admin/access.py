"""Who may come in: staff, groups and API keys. A key is shown once, on the page that answers its making."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from preferences.admin import words
from preferences.admin.base import DeskAdmin
from preferences.models import API_SCOPES, ApiKey, User

admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, DeskAdmin):  # type: ignore[misc, type-arg]
    """Staff. Accounts are never deleted, since the ledger names them as actors: they are made inactive."""

    room = "Staff"
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "seen")
    list_filter = ("is_active", "is_staff", "is_superuser")
    readonly_fields = ("last_login", "date_joined")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Only a superuser gives rights, so that nobody gives them to themselves."""
        own = tuple(super().get_readonly_fields(request, obj))
        return own if request.user.is_superuser else (*own, "is_superuser", "is_staff", "groups", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if isinstance(obj, User) and obj.is_superuser and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    @display(description="Last login")
    def seen(self, user: User) -> SafeString | str:
        return words.moment(user.last_login)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Groups carry rights, so only a superuser changes them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in sorted(API_SCOPES)],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What the program may read or write.",
    )

    class Meta:
        model = ApiKey
        fields = ("name", "scopes", "brands", "expires_at", "requests_per_minute")
        widgets = {"brands": UnfoldAdminCheckboxSelectMultipleWidget}
        help_texts = {
            "brands": "None ticked means every brand.",
            "requests_per_minute": "More are refused with 429 until the minute is over.",
        }


@admin.register(ApiKey)
class ApiKeyAdmin(DeskAdmin):
    form = ApiKeyForm
    list_display = ("__str__", "state", "scopes_in_words", "requests_per_minute", "created", "used")
    actions = ("revoke",)
    fields = ("name", "scopes", "brands", "expires_at", "requests_per_minute")
    nothing_yet = "A program needs a key to ask whether it may send."

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("name", "scopes", "brands", "expires_at", "requests_per_minute")
        return (
            "name", "requests_per_minute", "state", "prefix", "scopes_in_words", "brands", "created", "expires", "used",
        )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A key's name and pace may change; what it may do is fixed when it is made."""
        if obj is None:
            return ()
        return ("state", "prefix", "scopes_in_words", "brands", "created", "expires", "used")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 (Django's signature)
        if change:
            obj.save(update_fields=["name", "requests_per_minute"])
            return
        data = form.cleaned_data
        key = ApiKey.objects.issue(
            name=data["name"],
            scopes=data["scopes"],
            brands=list(data["brands"]),
            expires_at=data["expires_at"],
            requests_per_minute=data["requests_per_minute"],
        )
        obj.prefix = key.split("_")[1]
        obj.pk = ApiKey.objects.values_list("pk", flat=True).get(prefix=obj.prefix)
        # For response_add of this same request; the key is kept nowhere else.
        obj.issued = key

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """Answer with the key itself rather than redirect: a message across a redirect would be stored on the way."""
        messages.success(request, f"The API key “{obj.name}” was made.")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "New API key",
            "heading": "New API key",
            "name": obj.name,
            "key": obj.issued,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/preferences/apikey/issued.html", context)

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        count = queryset.filter(revoked_at=None).update(revoked_at=timezone.now())
        text = "One key was revoked." if count == 1 else f"{count} keys were revoked."
        self.message_user(request, f"{text} Programs that use it are refused from now on.", messages.SUCCESS)

    @display(description="State")
    def state(self, key: ApiKey) -> SafeString:
        if key.revoked_at:
            return words.badge(words.BAD, "Revoked")
        if key.expires_at and key.expires_at <= timezone.now():
            return words.badge(words.BAD, "Expired")
        return words.badge(words.GOOD, "Usable")

    @display(description="May")
    def scopes_in_words(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description="Created")
    def created(self, key: ApiKey) -> SafeString | str:
        return words.moment(key.created_at)

    @display(description="Expires")
    def expires(self, key: ApiKey) -> SafeString | str:
        return words.moment(key.expires_at)

    @display(description="Last used")
    def used(self, key: ApiKey) -> SafeString | str:
        return words.moment(key.last_used_at)
