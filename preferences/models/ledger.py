"""The append-only ledger of consent events, its evidence and its seals. Holds no personal data.

`ConsentEvent` rows are written by `decisions` alone; triggers refuse UPDATE, DELETE and TRUNCATE (migration 0003).
Provider ids are personal data (a WhatsApp message id holds the phone number in base64), so only hashes stand here.
"""

from __future__ import annotations

from django.db import models

from preferences.models.scopes import ANY, MARKETING

SCHEMA_VERSION = 1
NO_HASH = bytes(32)


class EventKind(models.TextChoices):
    STOP = "stop", "Opt-out"
    WITHDRAWAL = "withdrawal", "Withdrawal of consent"
    OBJECTION = "objection", "Objection to direct marketing"
    SALE_OPT_OUT = "sale_opt_out", "Opt-out of sale or sharing"
    OPT_IN = "opt_in", "Opt-in"
    OPT_IN_REQUEST = "opt_in_request", "Asked to come back, YES outstanding"
    OPT_IN_ANSWER = "opt_in_answer", "YES to our question"
    CORRECTION = "correction", "Correction"
    HOLD = "hold", "Hold"
    RELEASE = "release", "Hold ended"
    PAUSE = "pause", "Pause"
    PLATFORM_STOP = "platform_stop", "WhatsApp's own stop"
    PLATFORM_RESUME = "platform_resume", "WhatsApp's own resume"
    JOIN = "join", "Joined"
    SPLIT = "split", "Split"
    ERASE = "erase", "Erased"


class Source(models.TextChoices):
    REPLY = "reply", "Reply"
    BUTTON = "button", "Button"
    PLATFORM = "platform", "WhatsApp's own switch"
    SEND_ERROR = "send_error", "Refused send"
    IDENTITY = "identity", "Identity webhook"
    STAFF = "staff", "Staff"
    PAGE = "page", "Preference page"
    API = "api", "API"
    IMPORT = "import", "Import"
    REVIEW = "review", "Review"
    SYSTEM = "system", "System"


class LedgerHead(models.Model):
    """One row: the newest position. Taking it is the last lock of every transaction that writes the ledger."""

    position = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="ledger_has_one_head")]

    def __str__(self) -> str:
        return f"Position {self.position}"


class ConsentEvent(models.Model):
    """One act. `row_hash` is over the canonical bytes of all columns before it (see `decisions.chain`), which hold
    `prev_hash`, the row hash of this subscriber's previous event."""

    position = models.BigIntegerField(primary_key=True)
    schema_version = models.PositiveSmallIntegerField(default=SCHEMA_VERSION)
    subscriber = models.UUIDField()
    kind = models.CharField(max_length=20, choices=EventKind)
    controller = models.BigIntegerField(default=0)
    brand = models.BigIntegerField(default=0)
    channel = models.CharField(max_length=12, default=ANY)
    topic = models.CharField(max_length=50, default=MARKETING)
    status = models.CharField(max_length=10, blank=True)
    effective_at = models.DateTimeField()
    received_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    until = models.DateTimeField(null=True)
    source = models.CharField(max_length=12, choices=Source)
    source_ref = models.BinaryField(max_length=32)
    portfolio = models.BigIntegerField(default=0)
    sender = models.BigIntegerField(default=0)
    policy_version = models.BigIntegerField(default=0)
    classifier_version = models.PositiveIntegerField(default=0)
    keywords_version = models.CharField(max_length=12, blank=True)
    regime_version = models.CharField(max_length=20, blank=True)
    notice_version = models.CharField(max_length=64, blank=True)
    rule = models.CharField(max_length=64, blank=True)
    language = models.CharField(max_length=12, blank=True)
    jurisdiction = models.CharField(max_length=2, blank=True)
    legal_basis = models.CharField(max_length=40, blank=True)
    expression = models.CharField(
        max_length=12, blank=True, help_text="implied, expressed or explicit (ISO/IEC TS 27560)."
    )
    actor = models.BigIntegerField(default=0)
    approver = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=40, blank=True)
    voids = models.BigIntegerField(default=0)
    renews = models.BigIntegerField(default=0)
    related = models.UUIDField(null=True)
    related_hash = models.BinaryField(max_length=32, default=NO_HASH)
    evidence = models.BinaryField(max_length=32, default=NO_HASH)
    prev_hash = models.BinaryField(max_length=32)
    row_hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source_ref", "source"], name="act_is_recorded_once"),
            models.CheckConstraint(condition=models.Q(position__gt=0), name="position_is_positive"),
        ]
        indexes = [models.Index(fields=["subscriber", "position"], name="events_of_subscriber")]

    def __str__(self) -> str:
        return f"Event {self.position}"


class Evidence(models.Model):
    """What proves an event, encrypted. The event holds SHA-256(salt + content); the salt is erased with this row."""

    position = models.BigIntegerField(primary_key=True)
    salt = models.BinaryField(max_length=16)
    content = models.BinaryField()

    class Meta:
        verbose_name_plural = "evidence"

    def __str__(self) -> str:
        return f"Evidence of event {self.position}"


class Seal(models.Model):
    """A Merkle root over (position, row_hash) of a range of the ledger, chained to the seal before it."""

    number = models.BigIntegerField(primary_key=True)
    from_position = models.BigIntegerField()
    to_position = models.BigIntegerField()
    merkle_root = models.BinaryField(max_length=32)
    previous = models.BinaryField(max_length=32)
    digest = models.BinaryField(max_length=32)
    sealed_at = models.DateTimeField()
    key_id = models.CharField(max_length=16, blank=True)
    signature = models.BinaryField(max_length=64, default=b"")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(to_position__gte=models.F("from_position")), name="seal_covers_a_range"
            ),
            models.UniqueConstraint(fields=["from_position"], name="seals_do_not_overlap"),
        ]

    def __str__(self) -> str:
        return f"Seal {self.number}"
