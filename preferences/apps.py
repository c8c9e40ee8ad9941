"""The app that holds subscribers, their consent and everything that changes it."""

from __future__ import annotations

from django.apps import AppConfig


class PreferencesConfig(AppConfig):
    name = "preferences"
    verbose_name = "Preferences"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        __import__("preferences.checks")
