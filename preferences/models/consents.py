"""The current state of each subscriber: what the ledger folds to. Only `decisions` writes these rows."""

from __future__ import annotations

from django.db import models

from preferences.models.brands import Portfolio, Provider, Sender
from preferences.models.scopes import ANY, MARKETING, Scope
from preferences.models.subscribers import Subscriber


class ConsentStatus(models.TextChoices):
    UNKNOWN = "unknown", "Unknown"
    OPTED_IN = "opted_in", "Opted in"
    OPTED_OUT = "opted_out", "Opted out"


class ScopedRow(models.Model):
    """The four columns of a scope; `any` is a sentinel, never NULL. Ids are stored plain: a scope outlives its brand."""

    controller = models.BigIntegerField(default=0)
    brand = models.BigIntegerField(default=0)
    channel = models.CharField(max_length=12, default=ANY)
    topic = models.CharField(max_length=50, default=MARKETING)

    class Meta:
        abstract = True

    @property
    def scope(self) -> Scope:
        return Scope(self.controller, self.brand, self.channel, self.topic)


class Consent(ScopedRow):
    """The newest state of one scope. `event` is the ledger position that decided it, `version` grows with each change."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.PROTECT, related_name="consents", db_index=False)
    status = models.CharField(max_length=10, choices=ConsentStatus)
    effective_at = models.DateTimeField()
    event = models.BigIntegerField()
    version = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subscriber", "controller", "brand", "channel", "topic"], name="consent_is_unique_per_scope"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()}: {self.topic} on {self.channel}"


class PlatformStop(models.Model):
    """WhatsApp's own switch (or error 131050). Suppresses the sender's whole portfolio on WhatsApp until the person
    resumes on that sender; nobody else can lift it."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.PROTECT, related_name="platform_stops", db_index=False)
    provider = models.CharField(max_length=20, choices=Provider)
    portfolio = models.ForeignKey(Portfolio, on_delete=models.PROTECT, related_name="+")
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()
    event = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "sender"], name="platform_stop_is_unique_per_sender")
        ]

    def __str__(self) -> str:
        return f"WhatsApp stop on {self.sender_id}"


class Hold(ScopedRow):
    """Marketing held because of one doubtful reply. Only an event ends it, never the clock."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.PROTECT, related_name="holds", db_index=False)
    reply = models.BinaryField(max_length=32, help_text="SHA-256 of the doubtful reply's message id.")
    since = models.DateTimeField()
    event = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscriber", "reply"], name="hold_is_unique_per_reply")]

    def __str__(self) -> str:
        return f"Hold since {self.since:%Y-%m-%d}"


class Pause(ScopedRow):
    """Quiet until a date, asked for by the person."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.PROTECT, related_name="pauses", db_index=False)
    until = models.DateTimeField()
    event = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subscriber", "controller", "brand", "channel", "topic"], name="pause_is_unique_per_scope"
            ),
        ]

    def __str__(self) -> str:
        return f"Paused until {self.until:%Y-%m-%d}"
