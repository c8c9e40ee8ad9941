"""What the reports keep for themselves. Alarms: one row from the moment something is wrong until it is not."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from preferences.models import Severity


class Alarm(models.Model):
    """Something that needs a person. There is at most one open alarm of a kind about a subject."""

    kind = models.CharField(max_length=40)
    subject = models.CharField(
        max_length=200, blank=True, help_text="What it is about, such as a sender. No personal data."
    )
    severity = models.CharField(max_length=10, choices=Severity)
    text = models.CharField(max_length=500, help_text="What is wrong, and what to do.")
    link = models.CharField(max_length=300, blank=True, help_text="Where on the desk to look.")
    since = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="When it was last found to be so.")
    ended_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=models.Q(ended_at=None), name="one_open_alarm_of_a_kind"
            )
        ]
        indexes = [models.Index(fields=["-since", "-id"], name="alarms_by_time")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}".strip()
