"""What is to be told to whom: destinations, deliveries and the exact wordings that were shown."""

from __future__ import annotations

import datetime as dt
import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from preferences.models.brands import Brand, Portfolio, Sender
from preferences.models.subscribers import Subscriber


class Notice(models.Model):
    """The exact wording a person saw. Append-only; the version names the wordings that spoke and the SHA-256 of the text
    (see outbox.saying.Notices)."""

    key = models.CharField(max_length=40)
    language = models.CharField(max_length=12)
    version = models.CharField(max_length=64, unique=True)
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.key} ({self.language}) {self.short_version}"

    @property
    def short_version(self) -> str:
        """The wordings that spoke and the beginning of the hash."""
        names, _, digest = self.version.rpartition(":")
        return f"{names}:{digest[:8]}" if names else digest[:8]


class ChannelKind(models.TextChoices):
    WHATSAPP = "whatsapp", "WhatsApp Cloud API"
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
    CLARIFICATION = "clarification", "Question what was meant"


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

    def may_go_again(self, now: dt.datetime) -> DeliveryQuerySet:
        """Those that were certainly not sent and are still in time: what was sent, is unknown, or is too late is never
        repeated. The same rule for one row: `Delivery.may_go_again`."""
        return self.filter(state=DeliveryState.DEAD, expires_at__gt=now)

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
    error_code = models.IntegerField(db_default=0, editable=False, help_text="The provider's code, 0 for none.")
    template = models.CharField(max_length=512, db_default="", blank=True, editable=False)
    delivered_at = models.DateTimeField(null=True, editable=False)
    read_at = models.DateTimeField(null=True, editable=False)
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
            models.Index(
                fields=["-finished_at", "-id"],
                condition=models.Q(state__in=["dead", "unknown", "expired"]),
                name="outbox_failed",
            ),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.pk}"

    def may_go_again(self, now: dt.datetime) -> bool:
        """The rule of `DeliveryQuerySet.may_go_again` for a row that is loaded already."""
        return self.state == DeliveryState.DEAD and self.expires_at is not None and self.expires_at > now


class TemplateState(models.TextChoices):
    USABLE = "usable", "Usable"
    PAUSED = "paused", "Paused by WhatsApp"
    DISABLED = "disabled", "Disabled by WhatsApp"
    RECATEGORISED = "recategorised", "No longer a utility template"


class UtilityTemplate(models.Model):
    """A template WhatsApp has approved for telling people outside the 24 hours after their last message.

    It must stay a utility template: as a marketing template it would be refused for the very people it is for, so one
    that is recategorised is not used any more.
    """

    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="utility_templates")
    portfolio = models.ForeignKey(Portfolio, on_delete=models.PROTECT, related_name="utility_templates")
    kind = models.CharField(max_length=20, choices=DeliveryKind)
    name = models.CharField(max_length=512)
    language = models.CharField(max_length=12, help_text="WhatsApp's language code, such as en or pt_BR.")
    parameters = models.JSONField(
        default=list, blank=True, help_text="What fills {{1}}, {{2}} … of its body, out of: brand, scope, contact."
    )
    state = models.CharField(max_length=15, choices=TemplateState, default=TemplateState.USABLE)
    reason = models.CharField(max_length=200, blank=True, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand", "portfolio", "kind", "language"], name="one_template_for_each_use")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"


class WordingVersion(models.Model):
    """A brand's own version of one text in one language. Append-only; the newest published one is spoken.

    Where a brand has none, the text of `preferences/wording/<language>.json` is.
    """

    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="wordings")
    key = models.CharField(max_length=40)
    language = models.CharField(max_length=12)
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True, help_text="Empty: back to the text that comes with the desk.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, editable=False, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand", "key", "language", "number"], name="wording_number_is_unique")
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.language}) {self.number}"
