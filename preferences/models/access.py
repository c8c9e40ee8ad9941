"""Who may come in: staff accounts and API keys. And who is alive: heartbeats of the background processes."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone

from preferences.models.brands import Brand

RESOURCES = (
    "eligibility", "subscribers", "consents", "events", "replies", "suppressions", "decisions", "scrubs", "imports",
    "exports", "data-requests",
)  # fmt: skip
API_SCOPES = frozenset(f"{resource}:{verb}" for resource in RESOURCES for verb in ("read", "write"))
#: How often a new key may ask.
REQUESTS_PER_MINUTE = 600


class User(AbstractUser):
    """A member of staff."""


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self, now: dt.datetime) -> ApiKeyQuerySet:
        return self.filter(revoked_at=None).exclude(expires_at__lte=now)


class ApiKeyManager(models.Manager.from_queryset(ApiKeyQuerySet)):  # type: ignore[misc]
    def issue(
        self,
        *,
        name: str,
        scopes: list[str],
        brands: list[Brand],
        expires_at: dt.datetime | None = None,
        requests_per_minute: int = REQUESTS_PER_MINUTE,
    ) -> str:
        """Make a key and return it; this is the only time it can be seen.

        Raises ValueError naming the first scope that does not exist.
        """
        for scope in scopes:
            if scope not in API_SCOPES:
                raise ValueError(f"“{scope}” is not a scope. Scopes are <resource>:read or <resource>:write, "
                                 f"with a resource out of: {', '.join(RESOURCES)}.")  # fmt: skip
        secret = secrets.token_urlsafe(32)
        prefix = secrets.token_hex(4)
        key = f"optout_{prefix}_{secret}"
        row = self.create(
            name=name,
            prefix=prefix,
            digest=digest_of(key),
            scopes=sorted(set(scopes)),
            expires_at=expires_at,
            requests_per_minute=requests_per_minute,
        )
        row.brands.set(brands)
        return key


class ApiKey(models.Model):
    """A program's way in. Stored as a SHA-256 of 32 random bytes; no brands means every brand."""

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.BinaryField(max_length=32)
    scopes = models.JSONField(default=list)
    brands = models.ManyToManyField(Brand, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    requests_per_minute = models.PositiveIntegerField(default=REQUESTS_PER_MINUTE)

    objects = ApiKeyManager()

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} (optout_{self.prefix}_…)"


def digest_of(key: str) -> bytes:
    """32 random bytes need no slow hash: there is nothing to guess."""
    return hashlib.sha256(key.encode()).digest()


class Heartbeat(models.Model):
    """When a background process was last seen alive."""

    name = models.CharField(max_length=40, primary_key=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class RecordedDecision(models.Model):
    """One `POST /api/v1/decisions/` with its idempotency key, so that a repeated request gets the same answer."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="decisions")
    idempotency_key = models.CharField(max_length=100)
    request_digest = models.BinaryField(max_length=32, help_text="SHA-256 of the request, to refuse another one.")
    position = models.BigIntegerField(help_text="Of the consent event.")
    response = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["api_key", "idempotency_key"], name="idempotency_key_is_used_once")
        ]

    def __str__(self) -> str:
        return f"Decision at {self.position}"


class AccessAction(models.TextChoices):
    REVEAL = "reveal", "Revealed a number"
    VIEW = "view", "Looked at a person"
    SEARCH = "search", "Searched"
    EXPORT = "export", "Exported"


class AccessRecord(models.Model):
    """Who saw whose personal data, when and why. Written by the desk itself, changed by nobody."""

    actor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=10, choices=AccessAction)
    subscriber = models.UUIDField(null=True, help_text="Public id of the person; none for a search.")
    reason = models.CharField(max_length=200, blank=True)
    ticket = models.CharField(max_length=60, blank=True, help_text="The case it was needed for.")
    detail = models.CharField(
        max_length=200, blank=True, help_text="How many were found, or what was shown. No values."
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["-at", "-id"], name="access_by_time"),
            models.Index(fields=["subscriber", "-at"], name="access_by_subscriber"),
            models.Index(fields=["actor", "-at"], name="access_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}, record {self.pk}"
