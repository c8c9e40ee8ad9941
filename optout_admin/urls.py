"""The URL map of the whole product."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from optout_admin import health, setup
from preferences.webhooks import whatsapp

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("webhooks/whatsapp/", whatsapp.door, name="whatsapp-webhook"),
    path("api/v1/", include("preferences.api.urls")),
    path("setup/<str:token>/", setup.setup, name="setup"),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", health.metrics),
]
