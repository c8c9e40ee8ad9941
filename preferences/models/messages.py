"""Messages in and out. Provider ids are personal data, so messages are known by the SHA-256 of their id."""

from __future__ import annotations

from django.db import models

from preferences.models.brands import Portfolio, Sender
from preferences.models.subscribers import Subscriber


class MessageKey(models.Model):
    """Deduplicates messages and routes statuses: which person, and in which month's partition the message is kept."""

    digest = models.BinaryField(max_length=32, primary_key=True)
    subscriber = models.BigIntegerField()
    month = models.DateField()

    def __str__(self) -> str:
        return f"Message {bytes(self.digest)[:4].hex()}"


class ReviewState(models.TextChoices):
    NONE = "", "No review"
    WAITING = "waiting", "Waiting for review"
    SETTLED = "settled", "Settled"


class ReviewOutcome(models.TextChoices):
    NONE = "", "Open"
    OPT_OUT = "opt_out", "Opt-out"
    NOT_OPT_OUT = "not_opt_out", "Not an opt-out"
    DEADLINE = "deadline", "Opt-out by deadline"


class Reply(models.Model):
    """One inbound message and how it was judged. The text is encrypted."""

    digest = models.BinaryField(max_length=32, unique=True)
    subscriber = models.ForeignKey(Subscriber, on_delete=models.PROTECT, related_name="replies")
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=20)
    text = models.BinaryField(help_text="Encrypted.")
    intent = models.CharField(max_length=10)
    rule = models.CharField(max_length=64)
    confidence = models.FloatField()
    language = models.CharField(max_length=12, blank=True)
    topic = models.CharField(max_length=50)
    context = models.BinaryField(max_length=32, default=b"", help_text="SHA-256 of the id of the message answered.")
    sent_at = models.DateTimeField(help_text="Effective time: the earlier of the event's own time and receipt.")
    received_at = models.DateTimeField()
    processed_at = models.DateTimeField()
    inbox_entry = models.BigIntegerField()
    event = models.BigIntegerField(default=0, help_text="Position of the consent event it caused, 0 for none.")
    review_state = models.CharField(max_length=10, choices=ReviewState, blank=True)
    review_outcome = models.CharField(max_length=12, choices=ReviewOutcome, blank=True)
    review_due_at = models.DateTimeField(null=True, blank=True)
    classifier_version = models.PositiveIntegerField(default=0, help_text="The rules that judged it.")
    keywords_version = models.CharField(max_length=12, blank=True, help_text="The words that judged it.")

    class Meta:
        verbose_name_plural = "replies"
        indexes = [
            models.Index(fields=["review_due_at"], condition=models.Q(review_state="waiting"), name="reviews_due"),
            models.Index(fields=["context"], condition=~models.Q(context=b""), name="replies_by_context"),
            # How often each rule was right: read from the index alone.
            models.Index(
                fields=["received_at"],
                include=["intent", "rule", "language", "review_outcome"],
                condition=models.Q(intent__in=["opt_out", "review"]),
                name="replies_that_tightened",
            ),
        ]

    def __str__(self) -> str:
        return f"Reply {self.pk}"


class SentMessage(models.Model):
    """A message of ours or of a campaign tool, learned from statuses. Partitioned by month on PostgreSQL."""

    digest = models.BinaryField(max_length=32, primary_key=True)
    month = models.DateField()
    subscriber = models.BigIntegerField()
    sender = models.BigIntegerField()
    campaign = models.CharField(max_length=100, blank=True)
    template = models.CharField(max_length=100, blank=True)
    category = models.CharField(max_length=40, blank=True)
    correlation_id = models.CharField(max_length=512, blank=True)
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    error_code = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"Sent message {bytes(self.digest)[:4].hex()}"


class SentText(models.Model):
    """The words of a message that somebody at the business wrote, as WhatsApp showed it to us: what people answer.

    The text is encrypted. `subscriber` is 0 where nobody we know was written to. Our own notices have no row here: their
    deliveries keep them (`sent_texts` finds all of them).
    """

    digest = models.BinaryField(max_length=32, primary_key=True)
    text = models.BinaryField(help_text="Encrypted.")
    sent_at = models.DateTimeField()
    sender = models.BigIntegerField()
    subscriber = models.BigIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["sent_at"], name="sent_texts_by_time"),
            models.Index(
                fields=["subscriber", "sent_at"], condition=~models.Q(subscriber=0), name="sent_texts_by_person"
            ),
        ]

    def __str__(self) -> str:
        return f"Text of {bytes(self.digest)[:4].hex()}"


class TemplateText(models.Model):
    """The newest words of a template of a portfolio, as WhatsApp told them when it was edited; places stay {{1}}, {{2}} …"""

    portfolio = models.ForeignKey(Portfolio, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=512)
    language = models.CharField(max_length=12, help_text="WhatsApp's language code, such as en or pt_BR.")
    text = models.TextField(help_text="Header, body and footer, a line each.")
    buttons = models.JSONField(default=list, help_text="The labels of its buttons.")
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["portfolio", "name", "language"], name="template_text_is_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"
