"""`POST /api/v1/eligibility/`: may we send?"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from preferences import eligibility, inbox
from preferences.api.base import ApiView
from preferences.api.refusals import LaggingError
from preferences.api.sight import Sight
from preferences.models import Channel, InboxEntry
from preferences.models.scopes import AD_SHARING, MARKETING, SERVICE
from preferences.moments import iso

MAX_RECIPIENTS = 10_000
#: So many urgent entries that fail one by one are no poison: something is broken, and opt-outs may be among them.
_FAILING_ENTRIES = 100


class QuestionSerializer(serializers.Serializer[Any]):
    """Describes the request; `_read` reads it."""

    brand = serializers.CharField(
        required=False, allow_null=True, max_length=50,
        help_text="Short name. Left out, the strictest of the brands the key may see decides.",
    )  # fmt: skip
    channel = serializers.ChoiceField(
        choices=Channel.choices, default=Channel.WHATSAPP.value, help_text="Where the message would go."
    )
    topic = serializers.CharField(
        default=MARKETING, min_length=1, max_length=50, help_text="What it is about; any name but `any`."
    )
    recipients = serializers.ListField(
        child=serializers.CharField(trim_whitespace=False, allow_blank=True),
        max_length=MAX_RECIPIENTS,
        help_text="Phone numbers in any international spelling, WhatsApp user ids or e-mail addresses.",
    )


_REASONS = (
    eligibility.INVALID, eligibility.ERASED, eligibility.OPTED_OUT, eligibility.PLATFORM_STOP, eligibility.HELD,
    eligibility.PAUSED, eligibility.NO_CONSENT, eligibility.OPTED_IN, eligibility.NO_OBJECTION,
)  # fmt: skip


class ResultSerializer(serializers.Serializer[Any]):
    """The answer for one recipient."""

    recipient = serializers.CharField(help_text="As it was asked.")
    allowed = serializers.BooleanField(help_text="May we message this person?")
    reason = serializers.ChoiceField(choices=_REASONS, help_text="The first that applies, in this order.")
    since = serializers.DateTimeField(allow_null=True, help_text="Since when, where there is a time.")
    version = serializers.IntegerField(
        help_text="Grows with every change of the deciding row; 0 where nothing is known."
    )


class AnswerSerializer(serializers.Serializer[Any]):
    checked_at = serializers.DateTimeField(help_text="When this was answered.")
    complete_until = serializers.DateTimeField(help_text="Every webhook received before this was taken into account.")
    position = serializers.IntegerField(help_text="Ledger position the answer takes into account.")
    results = ResultSerializer(many=True, help_text="One for each recipient, in the same order.")


_ASKED = {"brand": "acme", "channel": "whatsapp", "topic": "marketing", "recipients": ["+12025550143"]}
_ANSWERED = {
    "checked_at": "2026-11-23T18:00:00.000000Z",
    "complete_until": "2026-11-23T18:00:00.000000Z",
    "position": 4711,
    "results": [
        {"recipient": "+12025550143", "allowed": False, "reason": "opted_out", "since": "2026-11-23T15:01:00.000000Z",
         "version": 42},
    ],
}  # fmt: skip


class EligibilityView(ApiView):
    """Answers up to 10,000 recipients in their order, each with one reason.

    `complete_until`: every webhook received before this time has been taken into account. 503 `lagging` when an unread
    urgent webhook is older than LAGGING_AFTER_SECONDS: a sender must then send nothing.
    """

    scopes = {"POST": "eligibility:read"}

    @extend_schema(
        operation_id="check_eligibility",
        tags=["eligibility"],
        summary="May we send?",
        description="Up to 10,000 recipients at once. Send nothing on any error, and above all on 503 `lagging`: opt-outs "
        "may be unread.",
        request=QuestionSerializer,
        responses=AnswerSerializer,
        examples=[
            OpenApiExample("Question", _ASKED, request_only=True),
            OpenApiExample("Answer", _ANSWERED, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request) -> Response:
        recipients, channel, topic, brand = _read(request.data)
        brands = Sight.of(self.key).narrowed(brand).brands
        now = timezone.now()
        oldest = inbox.oldest_unread()
        _refuse_if_lagging(oldest, now)
        complete_until = inbox.complete_until(oldest, now)
        position = eligibility.position()
        answers = eligibility.check(recipients, channel=channel, topic=topic, brands=brands, now=now)
        return Response(
            {
                "checked_at": iso(now),
                "complete_until": iso(complete_until),
                "position": position,
                "results": [
                    {
                        "recipient": recipient,
                        "allowed": reason in eligibility.ALLOWED,
                        "reason": reason,
                        "since": iso(since) if since else None,
                        "version": version,
                    }
                    for recipient, reason, since, version in answers
                ],
            }
        )


def _read(data: Any) -> tuple[list[str], str, str, str | None]:
    """Recipients, channel, topic and brand. Plain checks: a serializer field per recipient would cost more than the answer."""
    if not isinstance(data, dict):
        raise ValidationError({"body": "Send a JSON object with `recipients`."})
    recipients = data.get("recipients")
    if not isinstance(recipients, list) or not all(type(recipient) is str for recipient in recipients):
        raise ValidationError(
            {"recipients": "Send a list of strings: phone numbers, WhatsApp user ids or e-mail addresses."}
        )
    if len(recipients) > MAX_RECIPIENTS:
        raise ValidationError(
            {"recipients": f"Send at most {MAX_RECIPIENTS:,} recipients at once; this is {len(recipients):,}."}
        )
    channel = data.get("channel", Channel.WHATSAPP.value)
    if channel not in Channel.values:
        raise ValidationError({"channel": f"Choose one of: {', '.join(Channel.values)}."})
    topic = data.get("topic", MARKETING)
    if not isinstance(topic, str) or not 0 < len(topic) <= 50 or topic == "any":
        raise ValidationError({"topic": f"Name {MARKETING}, {SERVICE}, {AD_SHARING} or one of the brand's topics."})
    brand = data.get("brand")
    if brand is not None and not isinstance(brand, str):
        raise ValidationError({"brand": "Send the brand's short name as a string, or leave it out."})
    return recipients, channel, topic, brand


def _refuse_if_lagging(oldest: dt.datetime | None, now: dt.datetime) -> None:
    if oldest and now - oldest > dt.timedelta(seconds=settings.LAGGING_AFTER_SECONDS):
        raise LaggingError
    if InboxEntry.objects.failing().urgent()[:_FAILING_ENTRIES].count() >= _FAILING_ENTRIES:
        raise LaggingError
