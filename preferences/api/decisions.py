"""`POST /api/v1/decisions/`: another system tells what a person decided. The wire; what is recorded is in `recording`."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, cast

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework import status as http
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from preferences.api import recording
from preferences.api.base import ApiView
from preferences.api.refusals import ProblemError
from preferences.api.sight import Sight
from preferences.identifiers import parse_recipient
from preferences.models import ANY, Channel, Topic
from preferences.models.scopes import AD_SHARING, MARKETING, SERVICE

_KEY = re.compile(r"[\x21-\x7e]{1,100}")
_OLDEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


class KeyReusedError(ProblemError):
    status_code = http.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_reused"
    title = "This idempotency key was used for another request."
    default_detail = "Send each decision with a key of its own, and the same key only to repeat the same request."


class TextField(serializers.CharField):
    """A string that is one: a number or a truth value is a mistake of the program that sends it."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise ValidationError("Send a string.")
        text: str = super().to_internal_value(data)
        return text


class MomentField(serializers.DateTimeField):
    """A time with an offset or Z, not before 2000."""

    def to_internal_value(self, value: Any) -> dt.datetime:
        if not isinstance(value, str) or not re.search(r"(?:[Zz]|[+-]\d\d:?\d\d)\Z", value):
            raise ValidationError("Send a time with its offset, such as 2026-11-23T15:01:00Z.")
        at: dt.datetime = super().to_internal_value(value)
        if at < _OLDEST:
            raise ValidationError("This was before there was anything to consent to. Send the time it happened.")
        return at


class _StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not have: one that is misspelt would widen what is recorded."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := sorted(str(name) for name in data if name not in self.fields)):
            names = ", ".join(self.fields)
            raise ValidationError({name[:50]: f"There is no such field. Choose of: {names}." for name in unknown[:20]})
        return super().to_internal_value(data)


class EvidenceSerializer(_StrictSerializer):
    """What proves it. Kept encrypted; only its salted hash stands in the ledger."""

    what = TextField(max_length=1000, help_text="What the person agreed to or asked for, in words.")
    obtained_at = MomentField(
        help_text="When the person said so. An opt-in counts from here, so that a later stop beats it."
    )
    how = TextField(max_length=200, help_text="How it was obtained, such as `web form, box ticked by the person`.")
    notice_text = TextField(max_length=10_000, required=False, help_text="The exact wording the person saw.")
    notice_version = TextField(
        max_length=100, required=False, help_text="The version of that wording, if not the wording."
    )
    source_system = TextField(max_length=100, help_text="The system that holds the original.")
    reference = TextField(max_length=500, help_text="URL or record number of the original in it.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("notice_text") and not attrs.get("notice_version"):
            raise ValidationError({"notice_text": "Give the wording the person saw, or its version."})
        return attrs


class DecisionSerializer(_StrictSerializer):
    """What a person decided."""

    recipient = TextField(
        max_length=320, help_text="Phone number in any international spelling, WhatsApp user id or e-mail address."
    )
    action = serializers.ChoiceField(choices=recording.ACTIONS, help_text="What the person decided.")
    brand = TextField(
        required=False, max_length=50,
        help_text="Short name. An opt-in must name it. An opt-out without it binds every brand, or the one brand of the key.",
    )  # fmt: skip
    channel = serializers.ChoiceField(
        choices=Channel.choices,
        required=False,
        help_text="An opt-in must name it. An opt-out without it is for any channel.",
    )
    topic = TextField(
        required=False, max_length=50,
        help_text="An opt-in must name it. An opt-out without it is for `marketing` and everything below; `any` is for no "
        "messages at all.",
    )  # fmt: skip
    effective_at = MomentField(required=False, help_text="When it was decided. A time in the future counts as now.")
    source_reference = TextField(
        required=False, max_length=200, help_text="Your own id of the act. The same act told twice is recorded once."
    )
    evidence = EvidenceSerializer(required=False, help_text="What proves it. An opt-in is refused without.")
    reason = TextField(required=False, max_length=200, help_text="In words, for whoever reads the evidence.")

    def validate_recipient(self, value: str) -> str:
        if parse_recipient(value) is None:
            raise ValidationError("This is no phone number, WhatsApp user id or e-mail address.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["action"] == recording.OPT_IN:
            needed = {
                "brand": "one brand",
                "channel": "one channel",
                "topic": "one topic",
                "evidence": "what proves it",
            }
            missing = {name: f"An opt-in names {what}." for name, what in needed.items() if not attrs.get(name)}
            if attrs.get("topic") in {ANY, SERVICE}:
                missing["topic"] = (
                    f"Nobody opts in to {attrs['topic']}. Name {MARKETING} or a topic of the brand's own."
                )
            if missing:
                raise ValidationError(missing)
        return attrs


class DecidedSerializer(serializers.Serializer[Any]):
    """What became of it. A repeated request gets the same."""

    position = serializers.IntegerField(help_text="Ledger position of the event.")
    recorded_at = serializers.DateTimeField(help_text="When it was recorded.")
    effective_at = serializers.DateTimeField(help_text="When it counts from.")
    subscriber = serializers.UUIDField(help_text="Public id of the person.")
    is_new = serializers.BooleanField(help_text="False: this act was on record already.")
    eligibility = inline_serializer(
        "ResultingEligibility",
        {
            "channel": serializers.CharField(help_text="The channel asked about."),
            "topic": serializers.CharField(help_text="The topic asked about."),
            "allowed": serializers.BooleanField(help_text="May we message this person now?"),
            "reason": serializers.CharField(help_text="Why; an opt-in never lifts a `platform_stop`."),
            "since": serializers.DateTimeField(allow_null=True, help_text="Since when."),
            "version": serializers.IntegerField(help_text="Version of the deciding row."),
        },
        help_text="May we message this person, right after?",
    )


class DecisionsView(ApiView):
    scopes = {"POST": "decisions:write"}

    @extend_schema(
        operation_id="record_decision",
        tags=["decisions"],
        summary="Record an opt-out, or an opt-in with evidence",
        description="Needs `Idempotency-Key`: the same key and body get the same answer (200, `Idempotent-Replayed: true`), "
        "also at the same moment; the same key with another body is refused. A person never seen before is created.",
        parameters=[
            OpenApiParameter(
                "Idempotency-Key", {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[\\x21-\\x7e]{1,100}$"},
                OpenApiParameter.HEADER, required=True, description="A random text of yours, one for each decision.",
            )
        ],
        request=DecisionSerializer,
        responses={
            201: DecidedSerializer,
            200: OpenApiResponse(DecidedSerializer, "On record already."),
        },
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        idempotency_key = request.headers.get("Idempotency-Key", "")
        if not _KEY.fullmatch(idempotency_key):
            raise ValidationError(
                {"Idempotency-Key": "Send this header: 1 to 100 printable characters, new for each decision."}
            )
        serializer = DecisionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        told = serializer.validated_data
        sight = Sight.of(self.key).narrowed(told.get("brand"))
        _check_topic(told.get("topic"), sight)
        decision = recording.Decision(
            identifier=parse_recipient(told["recipient"]),  # type: ignore[arg-type]  # validated above
            is_opt_in=told["action"] == recording.OPT_IN,
            sight=sight,
            channel=told.get("channel", ""),
            topic=told.get("topic", ""),
            effective_at=told.get("effective_at"),
            obtained_at=told["evidence"]["obtained_at"] if told.get("evidence") else None,
            source_reference=told.get("source_reference", ""),
            told=cast("dict[str, Any]", request.data),
        )
        outcome = recording.record(self.key, idempotency_key, decision)
        if outcome is None:
            raise KeyReusedError
        is_created = outcome.body["is_new"] and not outcome.is_replayed
        response = Response(outcome.body, http.HTTP_201_CREATED if is_created else http.HTTP_200_OK)
        if outcome.is_replayed:
            response["Idempotent-Replayed"] = "true"
        return response


def _check_topic(topic: str | None, sight: Sight) -> None:
    """A topic nobody has would close or open nothing."""
    if topic is None or topic in {MARKETING, SERVICE, AD_SHARING, ANY}:
        return
    topics = Topic.objects.filter(slug=topic)
    if sight.brands is not None:
        topics = topics.filter(brand__in=sight.brands)
    if not topics.exists():
        raise ValidationError(
            {
                "topic": f"There is no such topic. Name {MARKETING}, {SERVICE}, {AD_SHARING}, {ANY} or one of the brand's own."
            }
        )
