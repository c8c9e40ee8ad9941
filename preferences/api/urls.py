"""Addresses of the API, version 1."""

from __future__ import annotations

from django.urls import path

from preferences.api.eligibility import EligibilityView

urlpatterns = [
    path("eligibility/", EligibilityView.as_view(), name="eligibility"),
]
