"""What is to be told to whom: destinations, deliveries and the exact wordings that were shown."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import models
from django.utils import timezone

from preferences.models.brands import Brand, Sender
from preferences.models.subscribers import Subscriber


class Notice(models.Model):
    """The exact wording and version a person saw. Append-only; the version is the SHA-256 of the text."""

    key = models.CharField(max_length=40)
    language = models.CharField(max_length=12)
    version = models.CharField(max_length=64, unique=True)
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.key} ({self.language}) {self.version[:8]}"


class ChannelKind(models.TextChoices):
    CONSOLE = "console", "Console (recorded, not sent)"


class Destination(models.Model):
    """Where changes go. The `console` kind records what would have been said."""

    kind = models.CharField(max_length=20, choices=ChannelKind)
    name = models.CharField(max_length=100)
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, null=True, blank=True, related_name="destinations")
    is_paused = models.BooleanField(default=False)
    settings = models.JSONField(default=dict, blank=True)
    secret = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "name"], name="destination_name_is_unique_per_kind")]

    def __str__(self) -> str:
        return self.name


class DeliveryKind(models.TextChoices):
    CONFIRMATION = "confirmation", "Confirmation of an opt-out"
    START_QUESTION = "start_question", "Question before coming back"
    START_CONFIRMATION = "start_confirmation", "Confirmation of coming back"
    HELP = "help", "Help"


class DeliveryState(models.TextChoices):
    DUE = "due", "Due"
    ATTEMPTING = "attempting", "Being sent"
    SENT = "sent", "Sent"
    UNKNOWN = "unknown", "Outcome unknown"
    RETRY = "retry", "Will be retried"
    DEAD = "dead", "Given up"
    EXPIRED = "expired", "Too late, not sent"
    RECORDED = "recorded", "Recorded, not sent"
    NEEDLESS = "needless", "No longer true, not sent"


WAITING_STATES = [DeliveryState.DUE, DeliveryState.RETRY]


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self, now: dt.datetime) -> DeliveryQuerySet:
        return self.filter(state__in=WAITING_STATES, next_attempt_at__lte=now, destination__is_paused=False)

    def failed(self) -> DeliveryQuerySet:
        return self.filter(state__in=[DeliveryState.DEAD, DeliveryState.UNKNOWN, DeliveryState.EXPIRED])


class Delivery(models.Model):
    """One outbox row: what is to be told to one destination. Claimed by conditional UPDATE with a lease."""

    destination = models.ForeignKey(Destination, on_delete=models.PROTECT, related_name="deliveries")
    subscriber = models.ForeignKey(Subscriber, on_delete=models.PROTECT, related_name="deliveries")
    kind = models.CharField(max_length=20, choices=DeliveryKind)
    event = models.BigIntegerField(default=0, help_text="Position of the consent event, 0 for answers without one.")
    reply = models.BinaryField(max_length=32, default=b"", help_text="SHA-256 of the message id it answers.")
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    language = models.CharField(max_length=12)
    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    state = models.CharField(max_length=12, choices=DeliveryState, default=DeliveryState.DUE)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    correlation_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    provider_digest = models.BinaryField(max_length=32, default=b"", editable=False)
    response_excerpt = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["subscriber", "destination", "kind", "event", "reply"], name="delivery_is_unique_per_act"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=models.Q(state__in=["due", "retry", "attempting"]),
                name="outbox_due",
            ),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.pk}"
