"""Who looks at which doubtful reply just now: a row for each reply that somebody took."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from preferences.models.messages import Reply, ReviewOutcome


class TurnState(models.TextChoices):
    OPEN = "open", "Being looked at"
    SKIPPED = "skipped", "Left for later"
    ASKED = "asked", "The person was asked"
    DECIDED = "decided", "Decided, may still be undone"


class ReviewTurn(models.Model):
    """A doubtful reply in one reviewer's hands. One row a reply, so that no two reviewers have the same.

    Until `until` nobody else is shown it; afterwards anybody may take it, unless it is decided. A verdict stands here for
    its undo minute and goes into the ledger from here. The row goes when the reply is settled.
    """

    reply = models.OneToOneField(Reply, on_delete=models.CASCADE, related_name="turn")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=TurnState, default=TurnState.OPEN)
    until = models.DateTimeField()
    verdict = models.CharField(max_length=12, choices=ReviewOutcome, blank=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(models.Q(state="decided") & ~models.Q(verdict="") & models.Q(decided_at__isnull=False))
                | (~models.Q(state="decided") & models.Q(verdict="") & models.Q(decided_at__isnull=True)),
                name="a_decided_turn_has_a_verdict",
            )
        ]
        indexes = [
            models.Index(fields=["decided_at"], condition=models.Q(state="decided"), name="turns_to_settle"),
        ]

    def __str__(self) -> str:
        return f"Turn on reply {self.reply_id}"
