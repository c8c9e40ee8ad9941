"""The set-up page of a new desk: whoever holds the one-time link that `serve` prints makes the owner's account."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.forms import UserCreationForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from optout_admin.first_start import create_owner, is_usable
from preferences.models import User


class OwnerForm(UserCreationForm):  # type: ignore[type-arg]
    class Meta(UserCreationForm.Meta):  # type: ignore[name-defined]
        model = User


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for a user name and a password; the link is dead once an owner exists. Only the embedded desk has this page."""
    if not settings.EMBEDDED or not is_usable(token):
        return _page(request, None, status=404)
    form = OwnerForm(request.POST or None)
    if not form.is_valid():
        return _page(request, form, status=400 if form.is_bound else 200)
    fields = form.cleaned_data
    if not create_owner(token, username=fields["username"], password=fields["password1"]):
        return _page(request, None, status=404)
    return HttpResponseRedirect("/admin/")


def _page(request: HttpRequest, form: OwnerForm | None, *, status: int) -> HttpResponse:
    context: dict[str, Any] = {"form": form}
    return render(request, "setup.html", context, status=status)
