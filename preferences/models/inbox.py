"""Raw webhooks as they came in, encrypted, until they are read. Partitioned by day on PostgreSQL."""

from __future__ import annotations

import datetime as dt

from django.db import models

from preferences.models.brands import Provider


class Lane(models.TextChoices):
    URGENT = "urgent", "Urgent"
    STATUS = "status", "Status"


class InboxState(models.TextChoices):
    PENDING = "pending", "Waiting"
    FAILING = "failing", "Failing, will be retried"
    DONE = "done", "Done"


class InboxEntryQuerySet(models.QuerySet["InboxEntry"]):
    def unread(self) -> InboxEntryQuerySet:
        return self.filter(state=InboxState.PENDING)

    def failing(self) -> InboxEntryQuerySet:
        return self.filter(state=InboxState.FAILING)

    def urgent(self) -> InboxEntryQuerySet:
        return self.filter(lane=Lane.URGENT)

    def due(self, now: dt.datetime) -> InboxEntryQuerySet:
        return self.filter(state__in=[InboxState.PENDING, InboxState.FAILING], next_attempt_at__lte=now)


class InboxEntry(models.Model):
    """One webhook body. Nothing points here with a foreign key: partitions are dropped whole."""

    provider = models.CharField(max_length=20, choices=Provider)
    lane = models.CharField(max_length=10, choices=Lane)
    body = models.BinaryField(help_text="The raw bytes, encrypted.")
    size = models.PositiveIntegerField(help_text="Bytes of the raw body.")
    digest = models.BinaryField(max_length=32, help_text="SHA-256 of the raw body.")
    headers = models.JSONField(default=dict)
    received_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=InboxState, default=InboxState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    unknown = models.JSONField(default=list, help_text="Labels of what nobody understood, never content.")

    objects = InboxEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "inbox entries"
        indexes = [
            models.Index(fields=["lane", "next_attempt_at", "id"], condition=~models.Q(state="done"), name="inbox_due"),
            models.Index(fields=["received_at"], condition=models.Q(state="failing"), name="inbox_failing"),
        ]

    def __str__(self) -> str:
        return f"Inbox entry {self.pk}"
