"""What a business itself wrote: echoes of its WhatsApp Business app, its history there, and the words of its templates.

Only the words are taken over, so that an answer can be read beside what it answers; nothing here is ever an answer.
Shapes: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/smb_message_echoes,
…/history, …/message_template_components_update (2026-05-21)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from preferences.interpretation.json_text import mapping, moment, reference, string
from preferences.interpretation.observations import SenderRef, SentWords, TemplateWords
from preferences.interpretation.whatsapp_change import person_of

_LONGEST_TEXT = 4_096  # WhatsApp's own limit of a text
_LONGEST_NAME = 512
_LONGEST_LABEL = 60
_MOST_BUTTONS = 10
_TEMPLATE_LINES = ("message_template_title", "message_template_element", "message_template_footer")
_NOT_DIGITS = re.compile(r"\D")


def read_texts(value: dict[str, object], *, sender: SenderRef) -> Iterator[SentWords]:
    """The texts and captions in an echo or a piece of history that are the business's own and have an id. Edits and
    deletions are left out: the person may have answered what stood there before."""
    for item in _list(value.get("message_echoes")):
        yield from _words_of(item, sender, to=item.get("to"))
    own = _NOT_DIGITS.sub("", sender.display)
    for piece in _list(value.get("history")):
        for thread in _list(piece.get("threads")):
            for item in _list(thread.get("messages")):
                if own and _NOT_DIGITS.sub("", string(item.get("from"))) == own:
                    yield from _words_of(item, sender, to=item.get("to") or thread.get("id"))


def read_template(value: dict[str, object], *, account: str, at: datetime | None) -> Iterator[TemplateWords]:
    """The words of an edited template, if the value holds them."""
    if "message_template_element" not in value:
        return
    name = string(value.get("message_template_name"))[:_LONGEST_NAME]
    text = "\n".join(line for key in _TEMPLATE_LINES if (line := string(value.get(key)).strip()))
    if not name or not text:
        return
    buttons = _list(value.get("message_template_buttons"))[:_MOST_BUTTONS]
    labels = (string(button.get("message_template_button_text"))[:_LONGEST_LABEL] for button in buttons)
    language = reference(value.get("message_template_language"), longest=12)
    yield TemplateWords(account, name, language, text[:_LONGEST_TEXT], tuple(filter(None, labels)), at)


def _words_of(item: dict[str, object], sender: SenderRef, *, to: object) -> Iterator[SentWords]:
    message_id, text = string(item.get("id")), _text_of(item).strip()
    if message_id and text:
        person = person_of(to, item.get("to_user_id"), item.get("to_parent_user_id"))
        yield SentWords(sender, person, message_id, text[:_LONGEST_TEXT], moment(item.get("timestamp")))


def _text_of(item: dict[str, object]) -> str:
    content = mapping(item.get(string(item.get("type"))))
    body = content.get("body")
    return string(body) or string(mapping(body).get("text")) or string(content.get("caption"))


def _list(value: object) -> list[dict[str, object]]:
    return [mapping(item) for item in value] if isinstance(value, list) else []
