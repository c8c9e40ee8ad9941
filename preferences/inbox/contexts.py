"""What the replies of a batch answer, where that may change what they say.

Only what is known when the reply is read counts: docs/desk.md, “What a reply answers”.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from preferences import sent_texts
from preferences.identifiers import digest
from preferences.inbox.hearing import Seen
from preferences.interpretation import classify
from preferences.interpretation.answered import NOTHING_KNOWN, Answered
from preferences.interpretation.context import in_context, may_depend
from preferences.interpretation.intents import Intent, IntentValue
from preferences.interpretation.observations import InboundMessage, StatusUpdate

#: What WhatsApp calls messages that are no marketing, and those that are (pricing.category of a status, 2026-11).
SERVICE_CATEGORIES = frozenset({"utility", "authentication", "authentication_international", "service"})
MARKETING_CATEGORIES = frozenset({"marketing", "marketing_lite"})

Keys = Mapping[bytes, tuple[int, dt.date]]
Answers = Mapping[bytes, Answered]


def refs(everything: Iterable[Seen]) -> list[bytes]:
    """The messages answered by words that may mean something else than an end of messages, or may mean just that."""
    return [ref for seen in everything if (ref := _answered(seen))]


def answered(everything: Iterable[Seen], keys: Keys) -> dict[bytes, Answered]:
    """What is known of those, from earlier batches or from a status of this one; a fixed number of queries, and none if
    there are no such replies."""
    everything = list(everything)
    wanted = set(refs(everything))
    if not wanted:
        return {}
    statuses = (seen.observation for seen in everything if isinstance(seen.observation, StatusUpdate))
    told = {ref: one.category for one in statuses if one.category and (ref := digest(one.message_id)) in wanted}
    return known(wanted, {ref: keys[ref][1] for ref in wanted if ref in keys}, told)


def known(
    wanted: set[bytes], months: Mapping[bytes, dt.date], told: Mapping[bytes, str] | None = None
) -> dict[bytes, Answered]:
    """What is known of these messages; `months` says where those are kept of which statuses told before, `told` are the
    categories told just now. Our own notices are left out: what is answered to them is read in `questions`."""
    if not wanted:
        return {}
    sent = sent_texts.sent_messages(months)
    texts = sent_texts.texts_of_templates(sent) | sent_texts.texts_of_staff(wanted)
    categories = {ref: one.category for ref, one in sent.items() if one.category}
    categories = {**(told or {}), **categories}
    found = {}
    for ref in categories.keys() | texts.keys():
        text = texts.get(ref)
        is_service = _is_service(categories.get(ref, ""))
        found[ref] = Answered(text.text, text.buttons, is_service) if text else Answered(is_service=is_service)
    return found


def in_light_of(answers: Answers, intent: Intent, message: InboundMessage) -> Intent:
    """The intent of the message in light of what it answers. In a group every stop is doubtful already."""
    if not answers or not may_matter(intent, message):
        return intent
    what = answers.get(digest(message.context_id), NOTHING_KNOWN)
    return in_context(intent, message.text or message.payload, what, is_standby=message.is_standby)


def may_matter(intent: Intent, message: InboundMessage) -> bool:
    """Whether it matters what this message answers. A button whose payload says STOP means it, whatever its label."""
    is_answer = bool(message.context_id) and not message.is_group
    if not is_answer or not may_depend(intent, message.text or message.payload):
        return False
    carried = classify(message.payload, is_typed=False)
    return carried.intent is not IntentValue.OPT_OUT or may_depend(carried, message.payload)


def _is_service(category: str) -> bool | None:
    return True if category in SERVICE_CATEGORIES else False if category in MARKETING_CATEGORIES else None


def _answered(seen: Seen) -> bytes:
    message, heard = seen.observation, seen.heard
    if heard is None or not isinstance(message, InboundMessage):
        return b""
    return digest(message.context_id) if may_matter(heard.intent, message) else b""
