"""What is said: the text of a delivery in the person's language, built from what was really decided, kept as a notice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from preferences import regimes, wording
from preferences.decisions import Desk
from preferences.identifiers import parse_recipient
from preferences.models import ANY, Delivery, DeliveryKind, Notice, Scope, UndoLine, UtilityTemplate
from preferences.models.scopes import AD_SHARING, MARKETING, SERVICE
from preferences.outbox.truth import Situation
from preferences.wording import LONGEST_BODY, NOTHING_OWN, Own, Wording

#: What a tap on the undo button sends back; interpretation reads it as START, in the language behind it.
_UNDO = "optout:undo:v1"
#: What may fill the places of a template (`UtilityTemplate.parameters`).
TEMPLATE_PLACES = ("brand", "scope", "contact")
_WAYS_BACK = frozenset({DeliveryKind.START_CONFIRMATION, DeliveryKind.START_QUESTION})


@dataclass(frozen=True, slots=True)
class Saying:
    """A finished message: its text, the versions of the wordings that speak in it, the language it is really in, and the
    label of the undo button (empty: without one)."""

    text: str
    version: str
    language: str
    button: str = ""

    @property
    def button_id(self) -> str:
        """What the button carries, empty without one."""
        return f"{_UNDO}:{self.language}" if self.button else ""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks, and how. `number` and `contact` may be empty; `seat` is the country of the controller or empty."""

    brand: str
    controller: str
    language: str
    contact: str = ""
    number: str = ""
    seat: str = ""
    undo_line: str = UndoLine.BY_LAW
    own: Own = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a message is about: how far the act reaches, whose law applies (a country or empty), and what else stands.
    `topics` names the brand's own topics."""

    kind: str
    language: str
    scope: Scope = field(default_factory=Scope)
    country: str = ""
    is_stopped_on_platform: bool = False
    topics: Mapping[str, str] = field(default_factory=dict)


def text_of(delivery: Delivery, desk: Desk, situation: Situation) -> Saying:
    """The message of a delivery, from what `situation` knows; no query."""
    return say(*_context(delivery, desk, situation))


def parameters_of(delivery: Delivery, desk: Desk, situation: Situation, template: UtilityTemplate) -> tuple[str, ...]:
    """What fills the places of a template, in the template's language. Raises KeyError for a name nobody knows."""
    occasion, speaker = _context(delivery, desk, situation)
    occasion = replace(occasion, language=template.language)
    voice = _Voice(template.language, speaker)
    values = dict(zip(TEMPLATE_PLACES, (speaker.brand, voice.scope(occasion), voice.contact()), strict=True))
    return tuple(values[name] for name in template.parameters)


def _context(delivery: Delivery, desk: Desk, situation: Situation) -> tuple[Occasion, Speaker]:
    scope, _ = situation.events.get(delivery.event, (Scope(), None))
    brand = desk.brand or 0
    speaker = Speaker(
        brand=desk.brand_name,
        controller=desk.controller_name,
        language=desk.brand_language,
        contact=desk.support_contact,
        number=desk.number,
        seat=desk.seat,
        undo_line=desk.policy.undo_line,
        own=situation.wordings.get(brand, NOTHING_OWN),
    )
    occasion = Occasion(
        kind=delivery.kind,
        language=delivery.language,
        scope=scope,
        country=situation.countries.get(delivery.subscriber_id, ""),
        is_stopped_on_platform=(delivery.subscriber_id, desk.portfolio) in situation.stopped_on_platform,
        topics=situation.topics.get(brand, {}),
    )
    return occasion, speaker


def say(occasion: Occasion, speaker: Speaker) -> Saying:
    """The message for an occasion. Pure.

    A confirmation says what was stopped and, by policy, names the way back as a fact; the button comes only where the law
    allows it. Answers to START name WhatsApp's own stop while it stands, and how the person lifts it; a confirmation of an
    opt-out never does: that would be a hint at coming back.
    """
    voice = _Voice(occasion.language, speaker)
    values = {"brand": speaker.brand, "scope": "", "contact": ""}
    if occasion.kind == DeliveryKind.CONFIRMATION:
        values["scope"] = voice.scope(occasion)
    elif occasion.kind == DeliveryKind.HELP:
        values["contact"] = voice.contact()
    parts = [voice.speak(occasion.kind, values)]
    may_undo = occasion.kind == DeliveryKind.CONFIRMATION and speaker.undo_line != UndoLine.NEVER
    if may_undo and regimes.answer_rules(occasion.country).undo_line:
        parts.append(voice.speak("undo_line"))
    if occasion.kind in _WAYS_BACK and occasion.is_stopped_on_platform:
        parts.append(voice.speak("platform_stop_line", values))
    text = " ".join(parts)
    button = ""
    if may_undo and len(text) <= LONGEST_BODY and regimes.offers_undo_button(occasion.country, seat=speaker.seat):
        button = voice.speak("undo_button")
    return Saying(text, voice.versions, voice.language, button)


class _Voice:
    """Speaks one message in one language and remembers which versions spoke."""

    def __init__(self, language: str, speaker: Speaker) -> None:
        self.language = wording.spoken(language) or wording.spoken(speaker.language) or wording.DEFAULT_LANGUAGE
        self._speaker = speaker
        self._spoken: dict[str, None] = {}

    @property
    def versions(self) -> str:
        return "+".join(self._spoken)

    def speak(self, kind: str, values: Mapping[str, str] | None = None) -> str:
        said: Wording = wording.render(kind, language=self.language, values=values or {}, own=self._speaker.own)
        self._spoken[said.version] = None
        return said.text

    def contact(self) -> str:
        """Where a human is reached: the brand's contact, else the number itself, else in words."""
        return self._speaker.contact or _international(self._speaker.number) or self.speak("contact_chat")

    def scope(self, occasion: Occasion) -> str:
        """What was stopped, as it stands inside the sentence."""
        scope = occasion.scope
        kind = _SCOPES.get(scope.topic, "scope_topic")
        values = {"topic": occasion.topics.get(scope.topic, scope.topic)}
        if kind in _HAVE_CHANNELS and scope.channel != ANY:
            kind = _HAVE_CHANNELS[kind]
            values["channel"] = self.speak(f"channel_{scope.channel}")
        phrase = self.speak(kind, values)
        if not scope.controller:
            return phrase
        return self.speak("scope_controller", {"scope": phrase, "controller": self._speaker.controller})


_SCOPES = {
    ANY: "scope_everything",
    MARKETING: "scope_marketing_any",
    AD_SHARING: "scope_ad_sharing",
    SERVICE: "scope_service",
}
_HAVE_CHANNELS = {
    "scope_everything": "scope_everything_channel",
    "scope_marketing_any": "scope_marketing_channel",
    "scope_topic": "scope_topic_channel",
}


def _international(number: str) -> str:
    """A sender's number as people can dial it, empty if there is none."""
    one = parse_recipient(number)
    return one.value if one and one.scheme == "phone" else number


class Notices:
    """Keeps the exact wording people were shown, one row for each different text."""

    #: How much of `Notice.version` (64 characters) names versions; the rest is left to the hash, which covers all of them.
    _NAMES = 30

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def keep(self, key: str, saying: Saying) -> int:
        """The notice of a message, with its button in brackets. Its version names the release of the desk's texts and the
        brand's own versions that spoke (`w12` is WordingVersion 12), then, as far as it fits in, the SHA-256 of key,
        language, versions, text and button."""
        own = [one for one in saying.version.split("+") if one.startswith("w")]
        names = "+".join([wording.DATA_VERSION[:8], *own])[: self._NAMES]
        content = f"{key}|{saying.language}|{saying.version}|{saying.text}|{saying.button}"
        version = f"{names}:{hashlib.sha256(content.encode()).hexdigest()}"[:64]
        if version not in self._ids:
            text = f"{saying.text}\n[{saying.button}]" if saying.button else saying.text
            notice, _ = Notice.objects.get_or_create(
                version=version, defaults={"key": key, "language": saying.language, "text": text}
            )
            self._ids[version] = notice.pk
        return self._ids[version]
