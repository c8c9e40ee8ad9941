"""Which texts there are: what each is for, which placeholders it holds, how long it may be and which word it must name.

What law or WhatsApp asks of a text stands beside it with its source; docs/wording.md tells it in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

#: WhatsApp's limits for a message with reply buttons: its text and the label of a button, in characters.
#: https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-reply-buttons-messages
LONGEST_BODY, LONGEST_BUTTON = 1024, 20

PLACES_IN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "brand": "the name of the brand",
        "controller": "the name of the controller",
        "scope": "what was stopped",
        "channel": "the name of the channel",
        "topic": "the name of the topic",
        "contact": "the brand’s human contact",
    }
)


@dataclass(frozen=True, slots=True)
class Text:
    """One text every language has. `places` are the placeholders it must hold, no more and no fewer; `longest` counts
    its characters before they are filled in; `names` is the word people answer with, which must stand in it;
    `asks_for_yes` says that it must name a word that is understood as yes."""

    title: str
    about: str
    longest: int
    places: frozenset[str] = frozenset()
    names: str = ""
    asks_for_yes: bool = False


def _phrase(title: str, about: str, *places: str) -> Text:
    return Text(title, about, 120, frozenset(places))


def _channel(title: str) -> Text:
    return Text(title, "The channel inside the sentence that says what was stopped.", 40)


TEXTS: Mapping[str, Text] = MappingProxyType(
    {
        "confirmation": Text(
            "Confirmation of an opt-out",
            "Sent once, within five minutes. It says what was stopped and nothing that persuades: 47 CFR 64.1200(a)(12).",
            400,
            frozenset({"brand", "scope"}),
        ),
        "undo_line": Text(
            "Sent by mistake?",
            "The factual line behind a confirmation. It names the way back and gives no reason to take it.",
            120,
            names="START",
        ),
        "undo_button": Text(
            "Button that undoes",
            "Under a confirmation where the person’s law is not strict about persuasion.",
            LONGEST_BUTTON,
        ),
        "start_question": Text(
            "Question before coming back",
            "Where law wants written consent (the US, and where the law is unknown). It must name the brand, say that"
            " messages may be automated and that consent is no condition of purchase: 47 CFR 64.1200(f)(9).",
            800,
            frozenset({"brand"}),
            names="STOP",
            asks_for_yes=True,
        ),
        "start_confirmation": Text(
            "Confirmation of coming back",
            "The answer to START, or to YES where that was asked. It says how to stop again.",
            400,
            frozenset({"brand"}),
            names="STOP",
        ),
        "platform_stop_line": Text(
            "WhatsApp’s own switch",
            "Behind the answers to START while the person’s own WhatsApp setting stops marketing: only they can lift it.",
            500,
            frozenset({"brand"}),
        ),
        "help": Text(
            "Help", "The answer to HELP: the brand, a human contact and how to stop.", 400,
            frozenset({"brand", "contact"}), names="STOP",
        ),
        "contact_chat": Text(
            "Contact of a brand without one", "Stands for the contact in Help when neither contact nor number is known.", 120
        ),
        "clarification": Text(
            "Question what was meant",
            "Asked at most once by a reviewer. Silence means stop, and nothing is sent meanwhile: 47 CFR 64.1200(a)(12).",
            600,
            frozenset({"brand"}),
            names="STOP",
        ),
        "scope_marketing_any": _phrase("Stopped: marketing", "Marketing on every channel of the brand."),
        "scope_marketing_channel": _phrase("Stopped: marketing on one channel", "Marketing on one channel.", "channel"),
        "scope_everything": _phrase("Stopped: everything", "Every message, service messages too."),
        "scope_everything_channel": _phrase("Stopped: everything on one channel", "Every message on one channel.", "channel"),
        "scope_topic": _phrase("Stopped: one topic", "One topic on every channel.", "topic"),
        "scope_topic_channel": _phrase("Stopped: one topic on one channel", "One topic on one channel.", "topic", "channel"),
        "scope_ad_sharing": _phrase("Stopped: data for advertising", "The sale or sharing of personal data for advertising."),
        "scope_service": _phrase("Stopped: service messages", "Messages that are no marketing."),
        "scope_controller": _phrase(
            "Stopped for all brands", "Put around what was stopped when every brand of the controller stopped.",
            "scope", "controller",
        ),
        "channel_whatsapp": _channel("Channel: WhatsApp"),
        "channel_sms": _channel("Channel: SMS"),
        "channel_email": _channel("Channel: e-mail"),
        "channel_voice": _channel("Channel: voice"),
        "channel_push": _channel("Channel: push"),
    }
)  # fmt: skip
