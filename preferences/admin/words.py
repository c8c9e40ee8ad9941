"""Scopes, states and times in plain words for staff. Pure: nothing here asks the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language_info

from preferences.interpretation.explanations import SAYS
from preferences.interpretation.intents import IntentValue
from preferences.interpretation.lexicon import LEXICON
from preferences.models import ANY, Channel, ConsentEvent, ConsentStatus, Delivery, DeliveryState, EventKind, Scope
from preferences.models.scopes import AD_SHARING, ANY_BRAND, MARKETING, NO_BRAND, SERVICE
from preferences.moments import utc as utc  # noqa: PLC0414 (the pages ask this room for words)

GOOD, BAD, DOUBT, PLAIN = "good", "bad", "doubt", "plain"
ICONS = {GOOD: "check_circle", BAD: "block", DOUBT: "help", PLAIN: "radio_button_unchecked"}

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


def moment(at: dt.datetime | None) -> SafeString | str:
    """A time for a list, exact to the second; the full value is in the element and on hover."""
    if at is None:
        return "–"
    at = at.astimezone(dt.UTC)
    exact = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return format_html('<time datetime="{}" title="{}">{} {} UTC</time>', exact, exact, at.day, f"{at:%b %Y, %H:%M:%S}")


def ago(at: dt.datetime, now: dt.datetime) -> str:
    """A time as people say it: relative when recent, else the day and the minute in UTC."""
    seconds = (now - at).total_seconds()
    if -60 < seconds < 60:
        return "just now"
    if 0 < seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if 0 < seconds < 6 * 3600:
        return f"{int(seconds // 3600)} h ago"
    return utc(at)


def when(at: dt.datetime | None, now: dt.datetime) -> SafeString | str:
    """A time in the viewer's words; exact UTC on hover. A script turns older ones into the viewer's own zone."""
    if at is None:
        return "–"
    exact = at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said = ago(at, now)
    zoned = "" if said != utc(at) else SafeString(" data-zoned")
    return format_html('<time class="desk-when" datetime="{}" title="{}"{}>{}</time>', exact, exact, zoned, said)


def later(start: dt.datetime, end: dt.datetime) -> str:
    """How long after `start` something was, such as "4 seconds later"."""
    seconds = max(int((end - start).total_seconds()), 0)
    return f"{span(seconds)} later" if seconds else "at once"


def span(seconds: float) -> str:
    """A length of time in its largest whole unit."""
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "less than a second"


def badge(tone: str, text: str) -> SafeString:
    """A state: its colour, an icon and a word."""
    return format_html(
        '<span class="desk-state desk-{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</span>',
        tone, ICONS[tone], text,
    )  # fmt: skip


def with_note(state: SafeString, note: str) -> SafeString:
    """A badge and, where there is one, a sentence beside it."""
    return format_html("{} {}", state, note) if note else state


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


#: Rules that no keyword made.
_RULES = {
    "emoji/stop": "a stop sign",
    "flow/marketing_off": "marketing switched off in a form",
    "flow/marketing_on": "marketing switched on in a form",
    "flow/none": "a form that says nothing about marketing",
    "flow/unreadable": "a form that cannot be read",
    "payload/contradiction": "a button whose label and payload contradict each other",
    "review/deadline": "nobody reviewed it in time, so it counts as an opt-out",
    "review/not_opt_out": "a reviewer said it is no opt-out",
    "review/opt_out": "a reviewer said it is an opt-out",
    "sender/assigned": "carried over when the sender got its brand",
    "text/courtesy": "nothing but courtesy",
    "text/none": "no word of the lists",
    "text/too_long": "too long to be sure",
    "whatsapp/131050": "WhatsApp refused to send: the person stopped marketing",
    "whatsapp/user_preferences": "WhatsApp’s own switch",
}
_ENDINGS = {
    "inside": "inside a longer message", "and_start": "together with a wish to come back", "affirmation": "a yes",
    "answer_to_service": "in answer to a service message", "spelling": "in another spelling", "name": "and a name",
    "apart": "in a sentence of its own", "answer_to_choice": "in answer to a message that offers the word",
    "yes_to_stop": "in answer to a message that asks whether messages should end",
    "no_to_messages": "in answer to a message that asks whether messages are wanted",
}  # fmt: skip
_DOUBTS = {
    "question": "in a question", "condition": "under a condition", "limits": "only at times",
    "of_what": "but of what is not clear", "keep_going": "and the opposite", "wants": "and asks for messages",
    "other_language": "but something else in another language",
}  # fmt: skip


def rule_in_words(rule: str) -> str:
    """Which rule decided, such as "the word “stop” (English)"; a rule of another version as it is written."""
    if rule in _RULES or not rule:
        return _RULES.get(rule, "")
    if rule.startswith("group/"):
        return f"{rule_in_words(rule.removeprefix('group/'))}, in a group"
    if rule.startswith("standby/"):
        return f"{rule_in_words(rule.removeprefix('standby/'))}, in another agent’s conversation"
    language, _, rest = rule.partition("/")
    if language == "payload":
        return f"a button that carries “{rest}”"
    word, _, ending = rest.partition("/")
    name = LEXICON.names.get(language, "any language" if language == "any" else "")
    if not name:
        return f"rule {rule}"
    if word == "opinion":
        return f"the second opinion ({name})"
    if word == "sentence":
        return _sentence_in_words(ending, name)
    end = f" {_ENDINGS[ending]}" if ending in _ENDINGS else ""
    if word in _ENDINGS:
        return f"{_ENDINGS[word]} ({name}){end}"
    return f"“{word.replace('_', ' ')}” ({name}){end}"


def _sentence_in_words(pattern: str, language: str) -> str:
    said, _, doubt = pattern.partition("/")
    says = "speaks of something else" if said == "other" else SAYS.get(said, said)
    return f"{says[:1].lower()}{says[1:]} ({language})" + (f", {_DOUBTS.get(doubt, doubt)}" if doubt else "")


def language_in_words(code: str) -> str:
    """For example "English"; a code nobody has a name for as it is written."""
    try:
        return str(get_language_info(code.replace("_", "-").lower())["name"])
    except KeyError:
        return code or "no language"


def times_in_words(sent: dt.datetime, delivered: dt.datetime | None, read: dt.datetime | None) -> str:
    """What became of a message, such as "Delivered 2 seconds later, read 3 minutes later."."""
    parts = [
        f"delivered {later(sent, delivered)}" if delivered else "",
        f"read {later(sent, read)}" if read else "",
    ]
    text = ", ".join(part for part in parts if part)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


_FATES = {
    DeliveryState.DUE: "Waits to be sent.",
    DeliveryState.ATTEMPTING: "Is being sent now.",
    DeliveryState.UNKNOWN: "It may have been sent, so it is never sent again.",
    DeliveryState.RETRY: "Was certainly not sent yet and is tried again.",
    DeliveryState.DEAD: "Was certainly not sent.",
    DeliveryState.EXPIRED: "Was not sent: it would have come too late.",
    DeliveryState.NEEDLESS: "Was not sent: it was no longer true.",
    DeliveryState.RECORDED: "This destination only records what would be said.",
}


def fate_in_words(delivery: Delivery) -> str:
    """What became of a delivery and why, in sentences."""
    state = DeliveryState(delivery.state)
    if state == DeliveryState.SENT:
        start = delivery.finished_at or delivery.created_at
        return times_in_words(start, delivery.delivered_at, delivery.read_at) or "No sign yet that it arrived."
    said = delivery.response_excerpt if state in {DeliveryState.DEAD, DeliveryState.RETRY} else ""
    code = f" Code {delivery.error_code}." if delivery.error_code else ""
    return f"{_FATES[state]}{f' {said}' if said else ''}{code}"


def event_tone(event: ConsentEvent) -> str:
    """Red closes, green opens, amber doubts or waits, grey bears on neither."""
    if event.status == ConsentStatus.OPTED_OUT or event.kind == EventKind.PLATFORM_STOP:
        return BAD
    if event.status == ConsentStatus.OPTED_IN:
        return GOOD
    return DOUBT if event.kind in {EventKind.HOLD, EventKind.PAUSE} else PLAIN
