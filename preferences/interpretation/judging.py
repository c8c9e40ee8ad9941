"""What a whole message asks for: its words, or the button that was tapped, or the form that was filled in."""

from __future__ import annotations

import json
import re

from preferences.interpretation import normalisation
from preferences.interpretation.classification import DOUBT, classify, doubtful, known_language
from preferences.interpretation.intents import Intent, IntentValue
from preferences.interpretation.observations import InboundMessage, MessageKind
from preferences.interpretation.own_words import NO_OWN_WORDS, OwnWords

# A brand's own payloads: "optout:marketing", "optout:all", "optout:topic:news", "optin:undo", with anything behind.
_PAYLOADS = {"optout": IntentValue.OPT_OUT, "optin": IntentValue.OPT_IN}
# Our own button under a confirmation takes the opt-out back: "optout:undo:v1:<language of the confirmation>".
_UNDO = re.compile(r"optout:undo(?::[^:]*(?::([a-z]{2,3})(?::.*)?)?)?")
_SLUG = re.compile("[a-z0-9][a-z0-9_-]{0,49}")
_FIELDS_OF_OURS = {"flow_token"}  # written by the business and given back by WhatsApp
_SWITCH = {"on": True, "true": True, "yes": True, "opt in": True, "optin": True}
_SWITCH |= {"off": False, "false": False, "no": False, "stop": False, "opt out": False, "optout": False}


def judge(message: InboundMessage, *, language_hint: str | None = None, own_words: OwnWords = NO_OWN_WORDS) -> Intent:
    """Judge one message by its kind. In a group nothing is certain: a stop is reviewed, anything else is let be. The rule
    of what is reviewed names the group, or the other agent's conversation: there nobody is asked what was meant."""
    intent = _judge_kind(message, language_hint, own_words)
    if message.is_group:
        return _in_group(intent)
    is_overheard = message.is_standby and intent.intent is IntentValue.REVIEW
    return intent._replace(rule=f"standby/{intent.rule}") if is_overheard else intent


def _judge_kind(message: InboundMessage, language_hint: str | None, own_words: OwnWords) -> Intent:
    match message.kind:
        case MessageKind.OTHER if not message.text:
            return _says_nothing(message.kind)
        case MessageKind.TEXT | MessageKind.CAPTION | MessageKind.EDIT | MessageKind.OTHER:
            return classify(message.text, language_hint=language_hint, own_words=own_words)
        case MessageKind.TEMPLATE_BUTTON | MessageKind.REPLY_BUTTON | MessageKind.LIST_REPLY:
            return _judge_button(message.text, message.payload, language_hint, own_words)
        case MessageKind.FLOW:
            return _judge_form(message.payload, own_words)
        case MessageKind.UNAVAILABLE:
            # A first message to a number shared with the WhatsApp Business app arrives without its content.
            explanation = "WhatsApp did not pass on what the message says; it may ask to stop."
            return doubtful(Intent(IntentValue.REVIEW, "whatsapp/131060", explanation=explanation))
        case kind:
            return _says_nothing(kind)


def _says_nothing(kind: MessageKind) -> Intent:
    explanation = f"A message of this kind ({kind.value}) says nothing about marketing."
    return Intent(IntentValue.NONE, f"kind/{kind.value}", explanation=explanation)


def _in_group(intent: Intent) -> Intent:
    if intent.intent is IntentValue.NONE and not intent.is_affirmation:
        return intent
    asks_to_stop = intent.intent in {IntentValue.OPT_OUT, IntentValue.REVIEW}
    return intent._replace(
        intent=IntentValue.REVIEW if asks_to_stop else IntentValue.NONE,
        rule=f"group/{intent.rule}",
        confidence=DOUBT,
        explanation=f"Written in a group, so perhaps not to us. {intent.explanation}",
        is_affirmation=False,
    )


def _judge_button(label: str, payload: str, language_hint: str | None, own_words: OwnWords) -> Intent:
    word, scope, slug = (*payload.strip().lower().split(":", 3), "", "")[:3]
    wish = _PAYLOADS.get(word)
    text = label if label.strip() or wish else payload
    by_label = classify(text, language_hint=language_hint, own_words=own_words, is_typed=False)
    if undo := _UNDO.fullmatch(payload.strip().lower()):
        return _undone(by_label, known_language(undo[1] or "") or by_label.language)
    if wish is None:
        # Nobody labels a button "No thanks" and lets it carry STOP by accident.
        by_payload = classify(payload, language_hint=language_hint, own_words=own_words, is_typed=False)
        is_stop = by_payload.intent is IntentValue.OPT_OUT and by_label.intent is IntentValue.NONE
        return by_payload if is_stop else by_label
    if wish is IntentValue.OPT_IN and by_label.intent is IntentValue.OPT_OUT:
        return _contradiction(by_label)
    topic = "any" if scope in {"all", "any"} else "marketing"
    if scope == "topic" and _SLUG.fullmatch(slug):
        topic = slug
    explanation = f'A button was tapped that carries "{word}".'
    return Intent(wish, f"payload/{word}", language=by_label.language, explanation=explanation, topic=topic)


def _undone(by_label: Intent, language: str) -> Intent:
    """A tap on our undo button counts like START, unless its label asks to stop."""
    if by_label.intent is IntentValue.OPT_OUT:
        return _contradiction(by_label)
    explanation = "The undo button under a confirmation was tapped."
    return Intent(IntentValue.OPT_IN, "payload/undo", language=language, explanation=explanation)


def _contradiction(by_label: Intent) -> Intent:
    explanation = "The button's label asks to stop, its payload to start."
    return doubtful(by_label._replace(rule="payload/contradiction", explanation=explanation))


def _judge_form(payload: str, own_words: OwnWords) -> Intent:
    """The answer of a WhatsApp Flow: a switch that is off outweighs others that are on, and so does a word of doubt."""
    try:
        answer = json.loads(payload)
    except (ValueError, RecursionError):
        return Intent(IntentValue.NONE, "flow/unreadable", explanation="The form's answer is not valid JSON.")
    fields = answer if isinstance(answer, dict) else {}
    if any(_switch(value) is False for key, value in fields.items() if _is_about_marketing(key)):
        return Intent(IntentValue.OPT_OUT, "flow/marketing_off", explanation="Marketing was switched off in a form.")
    if doubt := _doubt_in_form(answer, own_words):
        explanation = "A field of the form asks to stop, in words that are not a plain switch."
        return doubtful(doubt._replace(rule=f"flow/{doubt.rule}", explanation=explanation))
    if any(_switch(value) is True for key, value in fields.items() if _opens_whatsapp(key)):
        return Intent(IntentValue.OPT_IN, "flow/marketing_on", explanation="Marketing was switched on in a form.")
    return Intent(IntentValue.NONE, "flow/none", explanation="The form's answer says nothing about marketing.")


def _doubt_in_form(answer: object, own_words: OwnWords) -> Intent | None:
    """What asks to stop in the fields of a form, however deep: "unsubscribe": true, or a comment that says so."""
    rest: list[object] = [answer]
    while rest:
        value = rest.pop()
        if isinstance(value, list):
            rest.extend(value)
        elif isinstance(value, dict):
            rest.extend(inner for key, inner in value.items() if key not in _FIELDS_OF_OURS)
            rest.extend(key for key, inner in value.items() if _switch(inner) is True)
        elif isinstance(value, str):
            found = classify(value, own_words=own_words, is_typed=False)
            if found.intent in {IntentValue.OPT_OUT, IntentValue.REVIEW}:
                return found
    return None


def _is_about_marketing(key: str) -> bool:
    """`marketing`, `marketing_whatsapp`, `marketing_email` …, but not `marketing_opt_out`, which is on to be off."""
    return key.strip().lower().startswith("marketing") and classify(key, is_typed=False).intent is IntentValue.NONE


def _opens_whatsapp(key: str) -> bool:
    return key.strip().lower() in {"marketing", "marketing_whatsapp"}


def _switch(value: object) -> bool | None:
    """On, off, or neither."""
    if isinstance(value, int):
        return bool(value) if value in {0, 1} else None
    return _SWITCH.get(normalisation.normalise(value)) if isinstance(value, str) else None
