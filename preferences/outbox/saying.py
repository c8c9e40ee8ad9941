"""What is said: the text of a delivery in the person's language, built from what was really decided, kept as a notice."""

from __future__ import annotations

import hashlib

from preferences import wording
from preferences.decisions import Desk
from preferences.models import ANY, Delivery, DeliveryKind, Notice, Scope, UndoLine, UtilityTemplate
from preferences.models.scopes import MARKETING
from preferences.outbox.truth import Situation


def text_of(delivery: Delivery, desk: Desk, situation: Situation) -> tuple[str, str, str]:
    """The text, the version of its wording and the language it is really in."""
    values = {
        "brand": desk.brand_name,
        "contact": desk.support_contact or desk.display,
        "scope": "",
    }
    language = delivery.language
    if delivery.kind == DeliveryKind.CONFIRMATION:
        scope, _ = situation.events.get(delivery.event, (Scope(), None))
        values["scope"] = _scope_in_words(scope, desk, language)
    main = wording.render(delivery.kind, language=language, values=values, default_language=desk.brand_language)
    parts = [main]
    if delivery.kind == DeliveryKind.CONFIRMATION and desk.policy.undo_line != UndoLine.NEVER:
        parts.append(wording.render("undo_line", language=main.language, values={}))
    if (delivery.subscriber_id, desk.portfolio) in situation.stopped_on_platform and delivery.kind in _WAYS_BACK:
        parts.append(wording.render("platform_stop_line", language=main.language, values=values))
    versions = "+".join(part.version for part in parts)
    return " ".join(part.text for part in parts), versions, main.language


def parameters_of(delivery: Delivery, desk: Desk, situation: Situation, template: UtilityTemplate) -> tuple[str, ...]:
    """What fills the places of a template, in the template's language. Raises KeyError for a name nobody knows."""
    scope, _ = situation.events.get(delivery.event, (Scope(), None))
    values = {
        "brand": desk.brand_name,
        "contact": desk.support_contact or desk.display,
        "scope": _scope_in_words(scope, desk, template.language),
    }
    return tuple(values[name] for name in template.parameters)


_WAYS_BACK = frozenset({DeliveryKind.START_CONFIRMATION, DeliveryKind.START_QUESTION})


def _scope_in_words(scope: Scope, desk: Desk, language: str) -> str:
    values = {"channel": "WhatsApp", "controller": desk.controller_name, "topic": scope.topic}
    if scope.topic == ANY:
        kind = "scope_everything"
    elif scope.topic != MARKETING:
        kind = "scope_topic"
    elif scope.controller:
        kind = "scope_marketing_controller"
    else:
        kind = "scope_marketing_any" if scope.channel == ANY else "scope_marketing_channel"
    return wording.render(kind, language=language, values=values, default_language=desk.brand_language).text


class Notices:
    """Keeps the exact wording people were shown, one row for each different text."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def keep(self, key: str, language: str, version: str, text: str) -> int:
        name = hashlib.sha256(f"{key}|{language}|{version}|{text}".encode()).hexdigest()
        if name not in self._ids:
            notice, _ = Notice.objects.get_or_create(
                version=name, defaults={"key": key, "language": language, "text": text}
            )
            self._ids[name] = notice.pk
        return self._ids[name]
