"""`GET /api/v1/replies/`: what people wrote, decrypted, and how it was understood."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from preferences.api import pages
from preferences.api.filters import ReplyFilters
from preferences.api.lists import ListView, describe
from preferences.encryption import EncryptionError, unseal
from preferences.interpretation import IntentValue
from preferences.models import Reply, ReviewOutcome, ReviewState, Sender


class ReplySenderSerializer(serializers.ModelSerializer[Sender]):
    id = serializers.IntegerField(help_text="Id of the sender at the desk.")
    display = serializers.CharField(help_text="The business's number, as people see it.")
    brand: serializers.Field[Any, Any, Any, Any] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True, allow_null=True, help_text="Short name of its brand, if it has one."
    )

    class Meta:
        model = Sender
        fields = ("id", "display", "brand")


class ReplySerializer(serializers.ModelSerializer[Reply]):
    """One message of a person. Ids of the provider are never told: they contain the number."""

    id = serializers.IntegerField(help_text="Id of the reply at the desk.")
    subscriber = serializers.SerializerMethodField(help_text="Public id of the person.")
    sender = ReplySenderSerializer(help_text="Whom it was written to.")
    kind = serializers.CharField(help_text="text, button, interactive …")
    text = serializers.SerializerMethodField(help_text="What was written or tapped; null when it no longer opens.")
    intent = serializers.ChoiceField(
        choices=[(one.value, one.value) for one in IntentValue], help_text="What it was taken for."
    )
    rule = serializers.CharField(help_text="Code of the rule that decided.")
    confidence = serializers.FloatField(help_text="0 to 1.")
    language = serializers.CharField(help_text="The language it was understood in; empty: none.")
    topic = serializers.CharField(help_text="What it was about; empty: everything.")
    sent_at = serializers.DateTimeField(help_text="When it was written, or received if that was earlier.")
    received_at = serializers.DateTimeField(help_text="When the desk received it.")
    processed_at = serializers.DateTimeField(help_text="When the desk understood it.")
    event = serializers.IntegerField(help_text="Ledger position of the event it caused; 0 for none.")
    review_state = serializers.ChoiceField(choices=ReviewState.choices, help_text="waiting, settled, or empty.")
    review_outcome = serializers.ChoiceField(choices=ReviewOutcome.choices, help_text="How the review ended; or empty.")
    review_due_at = serializers.DateTimeField(
        allow_null=True, help_text="When it counts as an opt-out if nobody settles it."
    )

    class Meta:
        model = Reply
        fields = (
            "id", "subscriber", "sender", "kind", "text", "intent", "rule", "confidence", "language", "topic", "sent_at",
            "received_at", "processed_at", "event", "review_state", "review_outcome", "review_due_at",
        )  # fmt: skip

    def get_subscriber(self, reply: Reply) -> uuid.UUID:
        return reply.subscriber.root.public_id

    @extend_schema_field({"type": ["string", "null"]})
    def get_text(self, reply: Reply) -> str | None:
        try:
            return unseal("reply", bytes(reply.text)).decode("utf-8", "replace")
        except EncryptionError:
            return None  # said so in the field: erased, or the key is gone


@describe(
    "replies",
    ReplySerializer,
    "What people wrote.\n\nNewest first. To follow what is new, read `events/` with `source=reply` and `button`, and "
    "fetch the replies of the people it names.",
    has_delta=False,
)
class RepliesView(ListView):
    scopes = {"GET": "replies:read"}
    filterset_class = ReplyFilters
    serializer_class = ReplySerializer
    queryset = Reply.objects.none()
    has_delta = False

    def get_queryset(self) -> QuerySet[Reply]:
        replies = Reply.objects.select_related("subscriber__root", "sender__brand")
        return replies if self.sight.brands is None else replies.filter(sender__in=self.sight.senders())

    def page(self, turn: pages.Turn) -> pages.Page:
        """Newest first. Ids are given before the commit, so a list by id is no way to follow what is new."""
        before = turn.after or (Reply.objects.order_by("-pk").values_list("pk", flat=True).first() or 0) + 1
        least = 0 if self.is_narrow else max(before - pages.WINDOW, 0)
        replies = self.filter_queryset(self.get_queryset()).filter(pk__lt=before, pk__gte=least)
        rows = list(replies.order_by("-pk")[: turn.limit])
        last = rows[-1].pk if len(rows) == turn.limit else least
        return turn.full(rows, last=last or None)
