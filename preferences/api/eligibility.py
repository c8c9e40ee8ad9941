"""`POST /api/v1/eligibility/`: may we send?"""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

from django.conf import settings
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from preferences import eligibility, inbox
from preferences.api.problems import Lagging
from preferences.models import ApiKey, Brand, Channel, InboxEntry
from preferences.models.scopes import AD_SHARING, MARKETING, SERVICE

MAX_RECIPIENTS = 10_000
#: So many urgent entries that fail one by one are no poison: something is broken, and opt-outs may be among them.
_FAILING_ENTRIES = 100


class EligibilityView(APIView):
    """Answers up to 10,000 recipients in their order, each with one reason.

    `complete_until`: every webhook received before this time has been taken into account. 503 `lagging` when an unread
    urgent webhook is older than LAGGING_AFTER_SECONDS: a sender must then send nothing.
    """

    scopes = {"POST": "eligibility:read"}

    def post(self, request: Request) -> Response:
        recipients, channel, topic, brand = _read(request.data)
        brands = _brands(cast("ApiKey", request.auth), brand)
        now = timezone.now()
        oldest = inbox.oldest_unread()
        _refuse_if_lagging(oldest, now)
        complete_until = inbox.complete_until(oldest, now)
        position = eligibility.position()
        answers = eligibility.check(recipients, channel=channel, topic=topic, brands=brands, now=now)
        return Response(
            {
                "checked_at": _iso(now),
                "complete_until": _iso(complete_until),
                "position": position,
                "results": [
                    {
                        "recipient": recipient,
                        "allowed": reason in eligibility.ALLOWED,
                        "reason": reason,
                        "since": _iso(since) if since else None,
                        "version": version,
                    }
                    for recipient, reason, since, version in answers
                ],
            }
        )


def _read(data: Any) -> tuple[list[str], str, str, Any]:
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
    return recipients, channel, topic, data.get("brand")


def _brands(key: ApiKey, slug: Any) -> list[Brand] | None:
    """The brands whose strictest answer decides; None is every brand there is. A key never learns of other brands."""
    allowed = list(key.brands.all())
    if slug is None:
        return allowed or None
    if not isinstance(slug, str) or not slug.isprintable():
        raise ValidationError({"brand": "Send the brand's short name as a string, or leave it out."})
    found = [brand for brand in (allowed or Brand.objects.filter(slug=slug)) if brand.slug == slug]
    if not found:
        raise ValidationError({"brand": "This key knows no such brand."})
    return found


def _refuse_if_lagging(oldest: dt.datetime | None, now: dt.datetime) -> None:
    if oldest and now - oldest > dt.timedelta(seconds=settings.LAGGING_AFTER_SECONDS):
        raise Lagging
    if InboxEntry.objects.failing().urgent()[:_FAILING_ENTRIES].count() >= _FAILING_ENTRIES:
        raise Lagging


def _iso(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
