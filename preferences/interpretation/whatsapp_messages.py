"""One item of `messages[]` in a WhatsApp webhook: what a person wrote or tapped, or that their number changed.

Shapes: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages (2026-09)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from preferences import identifiers
from preferences.interpretation.json_text import integer, mapping, moment, string
from preferences.interpretation.observations import (
    IdentityChange,
    IdentityLink,
    InboundMessage,
    MessageKind,
    Observation,
    Person,
)
from preferences.interpretation.whatsapp_change import NOBODY, Change, person_of

_UNAVAILABLE_CODE = 131060
_CHANGES_OF_IDENTITY = {"user_changed_number", "user_changed_user_id"}
_MUST_SAY_SOMETHING = {
    MessageKind.TEXT,
    MessageKind.TEMPLATE_BUTTON,
    MessageKind.REPLY_BUTTON,
    MessageKind.LIST_REPLY,
    MessageKind.FLOW,
}


class _Content(NamedTuple):
    kind: MessageKind
    text: str = ""
    payload: str = ""
    context_id: str = ""


def read_message(item: dict[str, object], change: Change) -> None:
    """Add what one message says to the findings; what it lacks becomes a label there, never an exception."""
    if item.get("type") == "system":
        _read_system(item, change)
        return
    person = change.person(item.get("from"), item.get("from_user_id"), item.get("from_parent_user_id"))
    if person is None:
        change.findings.note("message_without_person")
        return
    if person.phone is not None and person.phone == change.own_phone:
        # Our own "Reply STOP …" under a field we do not know must not stop anybody.
        change.findings.note("message_from_ourselves")
        return
    message_id = change.id_of(item, label="message_without_id")
    sent_at = moment(item.get("timestamp"))
    content = _content(item, change)
    found: list[Observation] = change.findings.observations
    found.append(
        InboundMessage(
            sender=change.sender,
            person=person,
            message_id=message_id,
            sent_at=sent_at,
            kind=content.kind,
            text=content.text,
            payload=content.payload,
            context_id=content.context_id or string(mapping(item.get("context")).get("id")),
            is_group=bool(item.get("group_id")),
            is_standby=change.is_standby,
            username=change.contacts.username_of(person),
        )
    )
    if content.kind is MessageKind.CONTACTS and (shared := _shared_person(item, person, change)):
        found.append(IdentityLink(sender=change.sender, person=shared, at=sent_at))


def _content(item: dict[str, object], change: Change) -> _Content:
    kind = item.get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        change.findings.note_word("message_type", kind)
        return _of_unknown_type(item)
    content = reader(item)
    if content.kind is MessageKind.OTHER and kind == "interactive":
        change.findings.note_word("interactive_type", mapping(item.get("interactive")).get("type"))
    elif not content.text and not content.payload and content.kind in _MUST_SAY_SOMETHING:
        change.findings.note(f"message_empty:{kind}")
    return content


def _text(item: dict[str, object]) -> _Content:
    return _Content(MessageKind.TEXT, string(mapping(item.get("text")).get("body")))


def _button(item: dict[str, object]) -> _Content:
    button = mapping(item.get("button"))
    return _Content(MessageKind.TEMPLATE_BUTTON, string(button.get("text")), string(button.get("payload")))


def _interactive(item: dict[str, object]) -> _Content:
    """Read an answer by the key it came under; the `type` beside it only repeats that key."""
    interactive = mapping(item.get("interactive"))
    for key, kind, text_key, payload_key in _ANSWERS:
        if key in interactive:
            answer = mapping(interactive[key])
            text = string(answer.get(text_key)) if text_key else ""
            return _Content(kind, text, string(answer.get(payload_key)))
    unknown = interactive.get("type")
    answer = mapping(interactive.get(unknown)) if isinstance(unknown, str) else {}
    text = string(answer.get("title")) or _any_text(answer) or _any_text(interactive)
    return _Content(MessageKind.OTHER, text, string(answer.get("id")))


def _media(item: dict[str, object]) -> _Content:
    caption = string(mapping(item.get(string(item.get("type")))).get("caption"))
    return _Content(MessageKind.CAPTION if caption else MessageKind.OTHER, caption)


def _edit(item: dict[str, object]) -> _Content:
    edit = mapping(item.get("edit"))
    edited = _of_unknown_type(mapping(edit.get("message")))
    return _Content(MessageKind.EDIT, edited.text, context_id=string(edit.get("original_message_id")))


def _revoke(item: dict[str, object]) -> _Content:
    original = string(mapping(item.get("revoke")).get("original_message_id"))
    return _Content(MessageKind.REVOKE, context_id=original)


def _reaction(item: dict[str, object]) -> _Content:
    reaction = mapping(item.get("reaction"))
    return _Content(MessageKind.REACTION, string(reaction.get("emoji")), context_id=string(reaction.get("message_id")))


def _unsupported(item: dict[str, object]) -> _Content:
    errors = item.get("errors")
    codes = {integer(mapping(error).get("code")) for error in errors} if isinstance(errors, list) else set()
    return _Content(MessageKind.UNAVAILABLE if _UNAVAILABLE_CODE in codes else MessageKind.UNSUPPORTED)


def _without_words(kind: MessageKind) -> Callable[[dict[str, object]], _Content]:
    content = _Content(kind)
    return lambda item: content


def _of_unknown_type(item: dict[str, object]) -> _Content:
    """Return whatever text a message of a type we do not know carries where WhatsApp usually puts it."""
    kind = item.get("type")
    if isinstance(kind, str) and kind in item:
        return _Content(MessageKind.OTHER, _any_text(item[kind]))
    named = next((key for key in ("text", "button", "interactive") if key in item), None)
    content = _READERS[named](item) if named else _Content(MessageKind.OTHER)
    return content if kind is None else content._replace(kind=MessageKind.OTHER)


def _any_text(value: object) -> str:
    if isinstance(value, str):
        return value
    holder = mapping(value)
    return string(holder.get("body")) or string(holder.get("caption")) or string(holder.get("text"))


def _read_system(item: dict[str, object], change: Change) -> None:
    """Read a change of number or user id; `body` says it in words too, but only the fields are safe to use."""
    system = mapping(item.get("system"))
    if system.get("type") not in _CHANGES_OF_IDENTITY:
        change.findings.note_word("system_type", system.get("type"))
        return
    previous = person_of(item.get("from"), system.get("previous_user_id"), system.get("previous_parent_user_id"))
    current = person_of(system.get("wa_id"), system.get("user_id"), system.get("parent_user_id"))
    if NOBODY in {previous, current} or previous == current:
        change.findings.note("identity_change_incomplete")
        return
    change.findings.observations.append(
        IdentityChange(
            sender=change.sender,
            previous=previous,
            current=current,
            at=moment(item.get("timestamp")),
            source_id=change.id_of(item, label="message_without_id"),
        )
    )


def _shared_person(item: dict[str, object], person: Person, change: Change) -> Person | None:
    """Return the sender with the phone they shared when we asked for it, or None.

    Only `origin: contact_request` speaks of the sender; any other card may be somebody else's.
    """
    phones = _requested_phones(item)
    if not phones or not (person.bsuid or person.parent_bsuid):
        return None
    lines = {identifiers.match_key("phone", phone) for phone in phones}
    if person.phone:
        lines.add(identifiers.match_key("phone", person.phone))
    if len(lines) != 1:
        change.findings.note("contact_request_ambiguous")
        return None
    return Person(phones[0], person.bsuid, person.parent_bsuid)


def _requested_phones(item: dict[str, object]) -> list[str]:
    # Meta's pages of 2026-05 put `origin` on the contact in one place and on the message in another.
    cards = item.get("contacts")
    found: list[str] = []
    for card in map(mapping, cards if isinstance(cards, list) else ()):
        listed = card.get("phones")
        if card.get("origin", item.get("origin")) == "contact_request" and isinstance(listed, list):
            found.extend(phone for phone in map(_shared_phone, listed) if phone)
    return found


def _shared_phone(entry: object) -> str | None:
    shared = mapping(entry)
    from_id = identifiers.phone_from_wa_id(string(shared.get("wa_id")))
    written = string(shared.get("phone")).strip()
    if from_id or not written.startswith("+"):
        return from_id
    parsed = identifiers.parse_recipient(written)
    return parsed.value if parsed and parsed.scheme == "phone" else None


_ANSWERS = (
    ("button_reply", MessageKind.REPLY_BUTTON, "title", "id"),
    ("list_reply", MessageKind.LIST_REPLY, "title", "id"),
    # The visible text of a Flow answer is always "Sent": only the JSON says anything.
    ("nfm_reply", MessageKind.FLOW, None, "response_json"),
    ("call_permission_reply", MessageKind.CALL_PERMISSION, None, "response"),
)
_READERS: dict[str, Callable[[dict[str, object]], _Content]] = {
    "text": _text,
    "button": _button,
    "interactive": _interactive,
    "image": _media,
    "video": _media,
    "document": _media,
    "audio": _media,
    "voice": _media,
    "sticker": _media,
    "edit": _edit,
    "revoke": _revoke,
    "reaction": _reaction,
    "contacts": _without_words(MessageKind.CONTACTS),
    "request_welcome": _without_words(MessageKind.WELCOME),
    "unsupported": _unsupported,
    "order": _of_unknown_type,
    "location": _of_unknown_type,
}
