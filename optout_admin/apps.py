"""The project's own app: it stands before unfold, so that our templates and scripts replace a few of the admin's."""

from __future__ import annotations

from django.apps import AppConfig


class DeskConfig(AppConfig):
    name = "optout_admin"
    verbose_name = "Opt-out desk"
