"""What people will read: messages in which a text stands, filled with the brand's real values. Nothing is sent here."""

from __future__ import annotations

from dataclasses import dataclass, replace

from preferences import wordings
from preferences.models import ANY, Brand, Channel, DeliveryKind, PolicyVersion, Scope, Sender, Topic, UndoLine
from preferences.models.scopes import AD_SHARING, SERVICE
from preferences.outbox.saying import Occasion, Saying, Speaker, say
from preferences.wording import Template

#: A country whose law is strict about persuasion (unknown counts as such), and one where nothing was found against a button.
_STRICT, _OTHERS = "", "BR"
_SOME_TOPIC = "news"


@dataclass(frozen=True, slots=True)
class Example:
    """One message as a person will see it, and when they do."""

    when: str
    saying: Saying


def examples(brand: Brand, key: str, language: str, *, draft: str) -> list[Example]:
    """The messages in which the text `key` stands, with `draft` in its place. `draft` must hold the right placeholders.

    Asks the database for the brand's controller, policy, number, topic and own texts.
    """
    speaker = _speaker(brand)
    own = {**speaker.own, (key, language): Template(draft, "draft")}
    speaker = replace(speaker, own=own)
    if key == "contact_chat":
        speaker = replace(speaker, contact="", number="")
    topic = Topic.objects.filter(brand=brand).order_by("pk").values_list("slug", "name").first()
    slug, name = topic or (_SOME_TOPIC, "News")
    found: list[Example] = []
    for when, occasion in _occasions(key, language, brand, slug):
        saying = say(replace(occasion, topics={slug: name}), speaker)
        if all(saying != one.saying for one in found):
            found.append(Example(when, saying))
    return found


def _speaker(brand: Brand) -> Speaker:
    policy = PolicyVersion.objects.filter(brand=brand).order_by("-number").first()
    number = Sender.objects.filter(brand=brand).exclude(display="").order_by("pk").values_list("display", flat=True)
    return Speaker(
        brand=brand.name,
        controller=brand.controller.name,
        language=brand.language,
        contact=brand.support_contact,
        number=number.first() or "",
        seat=brand.controller.seat,
        undo_line=policy.undo_line if policy else UndoLine.BY_LAW,
        own=wordings.own_texts_of(brand.pk),
    )


def _occasions(key: str, language: str, brand: Brand, topic: str) -> list[tuple[str, Occasion]]:
    if key in {"confirmation", "undo_line", "undo_button"}:
        scope = Scope(brand=brand.pk)
        return [
            ("Where the law is strict or unknown", Occasion("confirmation", language, scope, _STRICT)),
            ("Elsewhere", Occasion("confirmation", language, scope, _OTHERS)),
        ]
    if key in {"help", "contact_chat"}:
        return [("After HELP", Occasion(DeliveryKind.HELP, language))]
    if key == "clarification":
        return [("When a reviewer asks", Occasion(DeliveryKind.CLARIFICATION, language))]
    if key in {"start_question", "start_confirmation"}:
        return [
            ("After START", Occasion(key, language)),
            ("While WhatsApp’s own switch is off", Occasion(key, language, is_stopped_on_platform=True)),
        ]
    if key == "platform_stop_line":
        occasion = Occasion(DeliveryKind.START_CONFIRMATION, language, is_stopped_on_platform=True)
        return [("After START, while WhatsApp’s own switch is off", occasion)]
    scope = _scope(key, brand, topic)
    return [("In a confirmation", Occasion(DeliveryKind.CONFIRMATION, language, scope, _STRICT))]


def _scope(key: str, brand: Brand, topic: str) -> Scope:
    """A scope in whose words the phrase `key` stands."""
    if key.startswith("channel_"):
        return Scope(brand=brand.pk, channel=key.removeprefix("channel_"))
    if key == "scope_controller":
        return Scope(controller=brand.controller_id)
    topics = {"scope_everything": ANY, "scope_topic": topic, "scope_ad_sharing": AD_SHARING, "scope_service": SERVICE}
    scope = Scope(brand=brand.pk)
    if found := topics.get(key.removesuffix("_channel")):
        scope = scope._replace(topic=found)
    return scope._replace(channel=Channel.WHATSAPP) if key.endswith("_channel") else scope
