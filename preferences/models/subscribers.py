"""One person and how the person is known. E.164 numbers stand in clear in `Identity` and nowhere else."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from preferences.identifiers import mask


class JurisdictionSource(models.TextChoices):
    UNKNOWN = "", "Unknown"
    PHONE = "phone", "Calling code"
    BSUID = "bsuid", "Country of the user id"
    STAFF = "staff", "Set by staff"
    PERSON = "person", "Declared by the person"


class Subscriber(models.Model):
    """One person. Two records that turn out to be one person are joined by pointing to one `root`; nothing is merged,
    so every join can be split. `root` of a subscriber who was never joined is the subscriber."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    root = models.ForeignKey("self", on_delete=models.PROTECT, related_name="members")
    locale = models.CharField(max_length=12, blank=True, help_text="The person's own choice of language.")
    country = models.CharField(max_length=2, blank=True)
    jurisdiction_source = models.CharField(max_length=10, choices=JurisdictionSource, blank=True)
    jurisdiction_confidence = models.CharField(max_length=1, blank=True, help_text="H, M or L.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    erased_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Subscriber {str(self.public_id)[:8]}"


class Scheme(models.TextChoices):
    PHONE = "phone", "Phone"
    BSUID = "bsuid", "WhatsApp user id"
    PARENT_BSUID = "parent_bsuid", "WhatsApp parent user id"
    EMAIL = "email", "E-mail"
    EXTERNAL = "external", "External key"


class Identity(models.Model):
    """How a subscriber is or was known.

    `scope` is the portfolio of a BSUID and 0 for identifiers that mean the same everywhere. `match_key` folds spellings
    that are one line. `subscriber` never changes; `root` follows joins and splits. An ended row is history: it says who
    held the number in `[since, ended_at)`.
    """

    scheme = models.CharField(max_length=12, choices=Scheme)
    scope = models.BigIntegerField(default=0)
    value = models.CharField(max_length=320)
    match_key = models.CharField(max_length=320)
    last4 = models.CharField(max_length=4, blank=True)
    subscriber = models.ForeignKey(Subscriber, on_delete=models.PROTECT, related_name="+", db_index=False)
    root = models.ForeignKey(Subscriber, on_delete=models.PROTECT, related_name="identities")
    since = models.DateTimeField()
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "identities"
        constraints = [
            models.UniqueConstraint(
                fields=["match_key", "scheme", "scope"],
                condition=models.Q(ended_at=None),
                name="live_identity_is_unique",
            ),
        ]
        indexes = [
            models.Index(fields=["match_key", "scheme"], condition=~models.Q(ended_at=None), name="identity_history"),
            models.Index(fields=["last4"], condition=models.Q(scheme="phone"), name="identity_last_digits"),
        ]

    def __str__(self) -> str:
        return mask(self.value)


class Username(models.Model):
    """The newest WhatsApp username of a subscriber. People change it as they like, so it finds a person and proves
    nothing: it is no identity."""

    subscriber = models.OneToOneField(Subscriber, on_delete=models.PROTECT, primary_key=True, related_name="username")
    name = models.CharField(max_length=64, db_index=True, help_text="Lower case, without a leading @.")
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Username of {self.subscriber_id}"


class Tombstone(models.Model):
    """What remains of an erased identity: a keyed HMAC, so that the number still finds its proof and stays suppressed."""

    key_id = models.CharField(max_length=16)
    digest = models.BinaryField(max_length=32)
    scheme = models.CharField(max_length=12, choices=Scheme)
    scope = models.BigIntegerField(default=0)
    public_id = models.UUIDField()
    erased_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key_id", "digest"], name="tombstone_is_unique_per_key")]

    def __str__(self) -> str:
        return f"Tombstone of {str(self.public_id)[:8]}"
