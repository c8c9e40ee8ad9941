"""Scopes, states and times in plain words for staff. Pure: nothing here asks the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.html import format_html
from django.utils.safestring import SafeString

from preferences.interpretation.intents import IntentValue
from preferences.models import ANY, Channel, ConsentEvent, ConsentStatus, Delivery, DeliveryState, EventKind, Scope
from preferences.models.scopes import AD_SHARING, ANY_BRAND, MARKETING, NO_BRAND, SERVICE

GOOD, BAD, DOUBT, PLAIN = "good", "bad", "doubt", "plain"
_ICONS = {GOOD: "check_circle", BAD: "block", DOUBT: "help", PLAIN: "radio_button_unchecked"}

_CHANNELS = {
    ANY: "on any channel",
    Channel.WHATSAPP: "on WhatsApp",
    Channel.SMS: "by SMS",
    Channel.EMAIL: "by e-mail",
    Channel.VOICE: "by voice call",
    Channel.PUSH: "by push message",
}
_TOPICS = {
    ANY: "anything",
    MARKETING: "marketing",
    SERVICE: "service messages",
    AD_SHARING: "personal data for advertising",
}


@dataclass(frozen=True, slots=True)
class Names:
    """What the ids in scopes are called; an id without a name is shown as its number."""

    brands: Mapping[int, str] = field(default_factory=dict)
    controllers: Mapping[int, str] = field(default_factory=dict)


def utc(at: dt.datetime) -> str:
    """A time as people say it, exact to the minute and in UTC."""
    at = at.astimezone(dt.UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def moment(at: dt.datetime | None) -> SafeString | str:
    """A time for a list, exact to the second; the full value is in the element and on hover."""
    if at is None:
        return "–"
    at = at.astimezone(dt.UTC)
    exact = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return format_html('<time datetime="{}" title="{}">{} {} UTC</time>', exact, exact, at.day, f"{at:%b %Y, %H:%M:%S}")


def badge(tone: str, text: str) -> SafeString:
    """A state: its colour, an icon and a word."""
    return format_html(
        '<span class="desk-state desk-{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</span>',
        tone, _ICONS[tone], text,
    )  # fmt: skip


def hexadecimal(value: bytes | memoryview) -> SafeString:
    return format_html('<span class="desk-code">{}</span>', bytes(value).hex() or "–")


def scope_in_words(scope: Scope, names: Names) -> str:
    """For example "marketing on any channel of Acme"."""
    topic = _TOPICS.get(scope.topic, f"messages about “{scope.topic}”")
    return f"{topic} {_CHANNELS.get(scope.channel, scope.channel)} of {_whose(scope, names)}"


def reach_in_words(event: ConsentEvent, names: Names) -> str:
    """How far an event reaches, as the start of a sentence."""
    if event.kind in {EventKind.JOIN, EventKind.SPLIT, EventKind.ERASE}:
        return "The whole person"
    text = scope_in_words(Scope(event.controller, event.brand, event.channel, event.topic), names)
    return f"{text[0].upper()}{text[1:]}"


def _whose(scope: Scope, names: Names) -> str:
    if scope.brand > 0:
        return names.brands.get(scope.brand, f"brand {scope.brand}")
    if scope.brand == NO_BRAND:
        return "no brand yet: nobody has assigned the sender"
    if scope.brand == ANY_BRAND and scope.controller:
        return f"any brand of {names.controllers.get(scope.controller, f'controller {scope.controller}')}"
    return "any brand"


def consent_in_words(status: str, scope: Scope, names: Names) -> str:
    """For example "Do not send marketing on any channel of Acme."."""
    words = scope_in_words(scope, names)
    verb = "sell or share" if scope.topic == AD_SHARING else "send"
    if status == ConsentStatus.OPTED_OUT:
        return f"Do not {verb} {words}."
    if status == ConsentStatus.OPTED_IN:
        return f"May {verb} {words}."
    return f"Unknown: {words}."


_INTENTS = {
    IntentValue.OPT_OUT: (BAD, "Opt-out"),
    IntentValue.OPT_IN: (GOOD, "Opt-in"),
    IntentValue.HELP: (PLAIN, "Asked for help"),
    IntentValue.REVIEW: (DOUBT, "Doubtful"),
    IntentValue.NONE: (PLAIN, "Not about consent"),
}
INTENTS = [(str(intent), name) for intent, (_, name) in _INTENTS.items()]
_DELIVERY_TONES = {
    DeliveryState.SENT: GOOD,
    DeliveryState.DEAD: BAD,
    DeliveryState.EXPIRED: BAD,
    DeliveryState.UNKNOWN: DOUBT,
    DeliveryState.RETRY: DOUBT,
}


def intent_in_words(intent: str) -> tuple[str, str]:
    """Tone and words of a reply's intent."""
    return _INTENTS[IntentValue(intent)]


def delivery_in_words(delivery: Delivery) -> tuple[str, str]:
    """Tone and words of a delivery's state."""
    return _DELIVERY_TONES.get(DeliveryState(delivery.state), PLAIN), delivery.get_state_display()


def event_tone(event: ConsentEvent) -> str:
    """Red closes, green opens, amber doubts or waits, grey bears on neither."""
    if event.status == ConsentStatus.OPTED_OUT or event.kind == EventKind.PLATFORM_STOP:
        return BAD
    if event.status == ConsentStatus.OPTED_IN:
        return GOOD
    return DOUBT if event.kind in {EventKind.HOLD, EventKind.PAUSE} else PLAIN
