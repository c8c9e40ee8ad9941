"""Addresses of the API, version 1."""

from __future__ import annotations

from django.urls import path, re_path

from preferences.api.base import NowhereView
from preferences.api.consents import ConsentsView
from preferences.api.decisions import DecisionsView
from preferences.api.eligibility import EligibilityView
from preferences.api.events import EventsView
from preferences.api.replies import RepliesView
from preferences.api.schema import DocsView, SchemaView
from preferences.api.subscribers import SubscribersView, SubscriberView
from preferences.api.suppressions import SuppressionsView

urlpatterns = [
    path("eligibility/", EligibilityView.as_view(), name="eligibility"),
    path("subscribers/", SubscribersView.as_view(), name="subscribers"),
    path("subscribers/<uuid:public_id>/", SubscriberView.as_view(), name="subscriber"),
    path("consents/", ConsentsView.as_view(), name="consents"),
    path("events/", EventsView.as_view(), name="events"),
    path("replies/", RepliesView.as_view(), name="replies"),
    path("suppressions/", SuppressionsView.as_view(), name="suppressions"),
    path("decisions/", DecisionsView.as_view(), name="decisions"),
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="docs"),
    re_path("", NowhereView.as_view()),
]
