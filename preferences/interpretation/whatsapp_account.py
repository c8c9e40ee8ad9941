"""What WhatsApp tells about accounts, numbers and templates: warnings, limits, pauses, categories, errors. No answers.

Keys decide, the field only where they do not: Meta's own pages show the wrong field name beside a value. Only words and
codes are taken over, never sentences. Shapes: https://developers.facebook.com/documentation/business-messaging/whatsapp/
webhooks/reference/account_update, …/message_template_status_update, …/template_category_update (2025-11 to 2026-09)
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from datetime import datetime

from preferences.interpretation.json_text import integer, mapping, reference, string
from preferences.interpretation.observations import AccountEvent, AccountTopic, SenderRef

#: Codes of a refused send that are about our account or number, and not about the one who was written to: spam limit,
#: wrongly categorised templates, locked, payment, registration (twice), policy (provider's error codes, 2026-09-11).
ACCOUNT_CODES = frozenset({131048, 131064, 131031, 131042, 131045, 133010, 368})
#: `detail` of a category that WhatsApp only announces, a day ahead.
SOON = "SOON"

_FIELDS = frozenset({AccountTopic.ACCOUNT, AccountTopic.NUMBER, AccountTopic.TEMPLATE_CATEGORY})
_ACCOUNT_KEYS = ("ban_info", "violation_info", "restriction_info")
_NUMBER_KEYS = ("max_daily_conversations_per_business", "current_limit")
_NOT_IN_WORDS = re.compile(r"[^A-Z0-9_]+")
_LONGEST_WORD = 40
_LONGEST_NAME = 512
_MOST_ERRORS = 20


def is_about_accounts(field: str) -> bool:
    """Whether nothing a person said can be in this field."""
    return field in _FIELDS or field.startswith("message_template_")


def read(field: str, value: dict[str, object], *, sender: SenderRef, at: datetime | None) -> Iterator[AccountEvent]:
    """What the value of one change tells about an account, number or template; nothing if it tells of messages only.

    `sender` is what the change names, `at` the time of its entry.
    """
    topic = _topic(field, value)
    if topic is not None:
        event = _EVENTS[topic](value, sender, at)
        if event.event:
            yield event
    if "errors" in value:
        yield from _errors(value["errors"], sender, at)


def read_refusals(errors: object, *, sender: SenderRef, at: datetime | None) -> Iterator[AccountEvent]:
    """What the errors of one failed message tell about our own account."""
    return (event for event in _errors(errors, sender, at) if int(event.event) in ACCOUNT_CODES)


def _topic(field: str, value: dict[str, object]) -> AccountTopic | None:
    if "new_quality_score" in value:
        return AccountTopic.TEMPLATE_QUALITY
    if "message_template_name" in value or "message_template_id" in value:
        is_category = "new_category" in value or "correct_category" in value
        return AccountTopic.TEMPLATE_CATEGORY if is_category else AccountTopic.TEMPLATE
    if field == AccountTopic.NUMBER or any(key in value for key in _NUMBER_KEYS):
        return AccountTopic.NUMBER
    if field == AccountTopic.ACCOUNT or any(key in value for key in _ACCOUNT_KEYS):
        return AccountTopic.ACCOUNT
    return None


def _account(value: dict[str, object], sender: SenderRef, at: datetime | None) -> AccountEvent:
    details = (
        mapping(value.get("ban_info")).get("waba_ban_state"),
        mapping(value.get("violation_info")).get("violation_type"),
        *_restrictions(value.get("restriction_info")),
    )
    detail = next((word for one in details if (word := _word(one))), "")
    return AccountEvent(sender, AccountTopic.ACCOUNT, _word(value.get("event")), at, detail=detail)


def _restrictions(info: object) -> list[object]:
    items = info if isinstance(info, list) else [info]
    return [mapping(item).get("restriction_type") for item in items]


def _number(value: dict[str, object], sender: SenderRef, at: datetime | None) -> AccountEvent:
    named = sender._replace(display=reference(value.get("display_phone_number")) or sender.display)
    limit = _word(value.get("max_daily_conversations_per_business")) or _word(value.get("current_limit"))
    before = _word(value.get("old_limit"))
    return AccountEvent(named, AccountTopic.NUMBER, _word(value.get("event")), at, detail=limit, before=before)


def _template(value: dict[str, object], sender: SenderRef, at: datetime | None) -> AccountEvent:
    reason = _word(value.get("reason")).removeprefix("NONE")
    return AccountEvent(
        sender,
        AccountTopic.TEMPLATE,
        _word(value.get("event")),
        at,
        detail=_word(mapping(value.get("other_info")).get("title")) or reason,
        template=_name(value),
        language=reference(value.get("message_template_language"), longest=12),
        category=_word(value.get("message_template_category")),
    )


def _template_quality(value: dict[str, object], sender: SenderRef, at: datetime | None) -> AccountEvent:
    quality = dataclasses.replace(
        _template(value, sender, at), topic=AccountTopic.TEMPLATE_QUALITY, event=_word(value["new_quality_score"])
    )
    return dataclasses.replace(quality, detail="", before=_word(value.get("previous_quality_score")))


def _template_category(value: dict[str, object], sender: SenderRef, at: datetime | None) -> AccountEvent:
    """A change that has happened; or, with `correct_category`, one that is announced: `new_category` is today's then."""
    today, soon = _word(value.get("new_category")), _word(value.get("correct_category"))
    is_announced = bool(soon) and soon != today
    return dataclasses.replace(
        _template(value, sender, at),
        topic=AccountTopic.TEMPLATE_CATEGORY,
        event=soon if is_announced else today or soon,
        detail=SOON if is_announced else "",
        before=today if is_announced else _word(value.get("previous_category")),
        category=today if is_announced else today or soon,
    )


def _errors(errors: object, sender: SenderRef, at: datetime | None) -> Iterator[AccountEvent]:
    for error in errors[:_MOST_ERRORS] if isinstance(errors, list) else ():
        code = integer(mapping(error).get("code"))
        if code is not None:
            yield AccountEvent(sender, AccountTopic.ERROR, str(code), at)


def _name(value: dict[str, object]) -> str:
    return string(value.get("message_template_name"))[:_LONGEST_NAME] or reference(value.get("message_template_id"))


def _word(value: object) -> str:
    """A word of the provider's vocabulary; what else is in it could be anything and is left out."""
    return _NOT_IN_WORDS.sub("_", string(value).upper())[:_LONGEST_WORD]


_EVENTS = {
    AccountTopic.ACCOUNT: _account,
    AccountTopic.NUMBER: _number,
    AccountTopic.TEMPLATE: _template,
    AccountTopic.TEMPLATE_QUALITY: _template_quality,
    AccountTopic.TEMPLATE_CATEGORY: _template_category,
}
