"""Who speaks: controllers, their brands and senders, the portfolios that hold credentials, and policy versions."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from preferences.models.scopes import RESERVED_TOPICS


class Provider(models.TextChoices):
    WHATSAPP = "whatsapp", "WhatsApp Cloud API"
    TWILIO = "twilio", "Twilio"
    MARKETING_CLOUD = "marketing_cloud", "Marketing Cloud"


class Controller(models.Model):
    """The legal person behind one or more brands; its seat decides which law always applies."""

    name = models.CharField(max_length=200, unique=True)
    seat = models.CharField(max_length=2, blank=True, help_text="Country of establishment, ISO 3166 alpha-2.")
    contact = models.CharField(max_length=200, blank=True, help_text="Data protection contact shown to subscribers.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name


class Brand(models.Model):
    """The business unit that speaks; owns senders, wording and policy."""

    controller = models.ForeignKey(Controller, on_delete=models.PROTECT, related_name="brands")
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    language = models.CharField(max_length=12, default="en", help_text="Used when nothing tells the person's language.")
    support_contact = models.CharField(max_length=200, blank=True, help_text="The human contact named in HELP answers.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name


class Portfolio(models.Model):
    """A Meta business portfolio, or a Twilio or Marketing Cloud account: the scope of BSUIDs and of credentials.

    Webhooks name only account and number, so a portfolio starts provisional with the key `waba:<id>`.
    """

    provider = models.CharField(max_length=20, choices=Provider)
    key = models.CharField(max_length=100, help_text="The provider's id, or waba:<id> while provisional.")
    name = models.CharField(max_length=200, blank=True)
    controller = models.ForeignKey(
        Controller, on_delete=models.PROTECT, null=True, blank=True, related_name="portfolios"
    )
    is_provisional = models.BooleanField(default=True)
    credentials = models.BinaryField(
        null=True, editable=False, help_text="Encrypted. Without it the environment's token serves the first portfolio."
    )
    blocked_until = models.DateTimeField(null=True, editable=False, help_text="Nothing is sent before.")
    blocked_reason = models.CharField(max_length=300, blank=True, editable=False)
    subscription = models.JSONField(
        default=dict, blank=True, editable=False, help_text="What the provider said of our webhook subscription."
    )
    subscription_checked_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "key"], name="portfolio_key_is_unique_per_provider")]

    def __str__(self) -> str:
        return self.name or self.key


class Sender(models.Model):
    """One WhatsApp business number (or Twilio / Marketing Cloud sender) in a portfolio.

    Created on the spot by its first webhook. Until it has a brand its opt-outs bind every brand.
    """

    portfolio = models.ForeignKey(Portfolio, on_delete=models.PROTECT, related_name="senders")
    provider = models.CharField(max_length=20, choices=Provider)
    key = models.CharField(max_length=100, help_text="The provider's id of the number (phone number id).")
    display = models.CharField(max_length=40, blank=True, help_text="The number as people see it.")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, null=True, blank=True, related_name="senders")
    last_webhook_at = models.DateTimeField(null=True, editable=False, help_text="To the minute.")
    last_sent_at = models.DateTimeField(null=True, editable=False, help_text="Our own newest message, to the minute.")
    blocked_until = models.DateTimeField(null=True, editable=False, help_text="Nothing is sent before.")
    blocked_reason = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "key"], name="sender_key_is_unique_per_provider")]

    def __str__(self) -> str:
        return self.display or self.key


class Topic(models.Model):
    """A topic of the brand's own, below `marketing`."""

    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="topics")
    slug = models.SlugField()
    name = models.CharField(max_length=100)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "slug"], name="topic_slug_is_unique_per_brand")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.slug in RESERVED_TOPICS:
            raise ValidationError({"slug": f"“{self.slug}” is a built-in topic. Choose another short name."})


class Reach(models.TextChoices):
    BRAND = "brand", "This brand"
    CONTROLLER = "controller", "All brands of the controller"


class UnknownConsent(models.TextChoices):
    NO_CONSENT = "no_consent", "Do not send"
    NO_OBJECTION = "no_objection", "Send: opt-ins are kept in another system"


class UndoLine(models.TextChoices):
    BY_LAW = "by_law", "Where the person's law allows it"
    NEVER = "never", "Never"


class Approvals(models.TextChoices):
    TWO_PEOPLE = "two_people", "Two people for loosening"
    SOLO = "solo", "One person works here"


class PolicyVersion(models.Model):
    """One version of a brand's policy. Append-only: each decision names the version it used; the newest is in force.

    "Opt-ins are kept in another system" is itself evidence: who declared it, on which legal basis, for which system.
    """

    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="policies")
    number = models.PositiveIntegerField()
    reach = models.CharField(max_length=20, choices=Reach, default=Reach.BRAND)
    unknown_consent = models.CharField(max_length=20, choices=UnknownConsent, default=UnknownConsent.NO_CONSENT)
    opt_ins_kept_in = models.CharField(max_length=200, blank=True)
    opt_ins_legal_basis = models.CharField(max_length=200, blank=True)
    confirms = models.BooleanField(default=True, help_text="Answer an opt-out with one confirmation.")
    undo_line = models.CharField(max_length=20, choices=UndoLine, default=UndoLine.BY_LAW)
    approvals = models.CharField(max_length=20, choices=Approvals, default=Approvals.TWO_PEOPLE)
    languages = models.JSONField(default=list, blank=True, help_text="Languages the brand answers in; empty means all.")
    effective_target_seconds = models.PositiveIntegerField(default=5)
    confirmed_target_seconds = models.PositiveIntegerField(default=60)
    told_target_seconds = models.PositiveIntegerField(default=900)
    alarm_after_seconds = models.PositiveIntegerField(default=86_400)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, editable=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand", "number"], name="policy_number_is_unique_per_brand"),
            models.CheckConstraint(
                condition=models.Q(unknown_consent=UnknownConsent.NO_CONSENT)
                | (~models.Q(opt_ins_kept_in="") & ~models.Q(opt_ins_legal_basis="")),
                name="declared_opt_ins_name_system_and_legal_basis",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.brand} policy {self.number}"


class DoorTick(models.Model):
    """When something that shows a door to be set up right was last seen, such as the provider's handshake."""

    provider = models.CharField(max_length=20, choices=Provider)
    name = models.CharField(max_length=20)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "name"], name="door_tick_is_unique_per_provider")]

    def __str__(self) -> str:
        return f"{self.provider}: {self.name}"


class Severity(models.TextChoices):
    INFO = "info", "For information"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Urgent"


class AccountNotice(models.Model):
    """What a provider told about an account, a number or a template: warnings, limits, pauses, categories.

    Holds no personal data. `subject` is the number, the template or the account it is about.
    """

    provider = models.CharField(max_length=20, choices=Provider)
    portfolio = models.ForeignKey(Portfolio, on_delete=models.PROTECT, null=True, related_name="notices")
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, null=True, related_name="notices")
    kind = models.CharField(
        max_length=60, help_text="The provider's field and event, such as account_update/DISABLED_UPDATE."
    )
    subject = models.CharField(max_length=200, blank=True)
    text = models.CharField(max_length=500, help_text="In words.")
    severity = models.CharField(max_length=10, choices=Severity)
    is_over = models.BooleanField(default=False, help_text="Whether it tells that a trouble of this kind has ended.")
    at = models.DateTimeField()
    digest = models.BinaryField(max_length=32, unique=True, help_text="SHA-256 of the event, so that it stands once.")

    class Meta:
        indexes = [models.Index(fields=["-at", "-id"], name="account_notices_by_time")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}".strip()
