"""WhatsApp Cloud API webhooks in our words: the envelope, delivery statuses, the offers switch and moved user ids.

Messages are read in whatsapp_messages, what is told about accounts and templates in whatsapp_account, what the business
itself wrote in whatsapp_sent. Bodies of Meta and of providers that pass Meta's JSON on; no clock, no database.
Shapes: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview (2026-09)
"""

from __future__ import annotations

from preferences.interpretation import json_text, whatsapp_account, whatsapp_sent
from preferences.interpretation.json_text import integer, mapping, moment, reference, string
from preferences.interpretation.observations import (
    IdentityChange,
    Person,
    PreferenceChange,
    Reading,
    SenderRef,
    StatusUpdate,
    UnreadableBodyError,
)
from preferences.interpretation.whatsapp_change import NOBODY, Change, Contacts, Findings, person_of
from preferences.interpretation.whatsapp_messages import read_message

_USER_STOPPED_MARKETING = 131050
_STATUSES = {"sent", "delivered", "read", "played", "failed"}

# Echoes are written by the business ("Reply STOP …") and history is long past: neither is a person's answer.
_FIELDS_WITHOUT_ANSWERS = {"smb_message_echoes", "history"}
_FIELDS_WITH_ANSWERS = {"messages", "standby", "user_preferences", "user_id_update"}
_KEYS_WITHOUT_ANSWERS = {
    "messaging_product",
    "metadata",
    "contacts",
    "errors",
    "user_actions",
    "message_echoes",
    "history",
}


def read(body: bytes) -> Reading:
    """Return everything `body` says; raise UnreadableBodyError, and nothing else, if it is no WhatsApp webhook.

    A malformed part becomes a label in `unknown` and disturbs no other part.
    """
    envelope = mapping(json_text.loads(body))
    entries = envelope.get("entry")
    if not isinstance(entries, list):
        raise UnreadableBodyError("no list of entries")
    findings = Findings()
    for entry in entries:
        _read_entry(entry, findings)
    return findings.reading()


def _read_entry(entry: object, findings: Findings) -> None:
    changes = mapping(entry).get("changes")
    if not isinstance(changes, list):
        findings.note("entry_without_changes")
        return
    for change in changes:
        _read_change(mapping(entry), mapping(change), findings)


def _read_change(entry: dict[str, object], raw: dict[str, object], findings: Findings) -> None:
    field, value = raw.get("field"), raw.get("value")
    name = string(field)
    sender = _sender(reference(entry.get("id")), mapping(value))
    if sender.key:
        findings.sent_words += whatsapp_sent.read_texts(mapping(value), sender=sender)
    if name in _FIELDS_WITHOUT_ANSWERS:
        return
    if isinstance(value, dict):
        at = moment(entry.get("time"))
        findings.template_words += whatsapp_sent.read_template(value, account=sender.account, at=at)
        told = whatsapp_account.read(name, value, sender=sender, at=at)
        findings.account_events |= dict.fromkeys(told)
    if whatsapp_account.is_about_accounts(name):
        return
    is_known = name in _FIELDS_WITH_ANSWERS
    if not is_known:
        findings.note_word("field", field)
    if not isinstance(value, dict):
        findings.note(f"value_malformed:{name if is_known else 'unknown'}")
        return
    # Keys decide, not the field: Meta's own pages show the wrong field name beside a value.
    arrays = {key: _array(value, key, findings) for key in _READERS if key in value}
    change = Change(
        findings=findings,
        sender=sender,
        contacts=Contacts(value.get("contacts"), is_about_one=sum(map(len, arrays.values())) == 1),
        is_standby=name == "standby",
    )
    if arrays and not change.sender.key:
        findings.note("sender_missing")
    for key, items in arrays.items():
        _read_items(key, items, change)
    if is_known:
        _note_new_keys(value, findings)


def _array(value: dict[str, object], key: str, findings: Findings) -> list[object]:
    if key != "statuses" and value[key]:
        findings.has_messages = True
    items = value[key]
    if isinstance(items, list):
        return items
    findings.note(f"{key}_malformed")
    return []


def _sender(account: str, value: dict[str, object]) -> SenderRef:
    metadata = mapping(value.get("metadata"))
    return SenderRef(
        account, reference(metadata.get("phone_number_id")), reference(metadata.get("display_phone_number"))
    )


def _read_items(key: str, items: list[object], change: Change) -> None:
    reader = _READERS[key]
    for item in items:
        if isinstance(item, dict):
            reader(item, change)
        else:
            change.findings.note(f"{key}_malformed")


def _note_new_keys(value: dict[str, object], findings: Findings) -> None:
    for key in value:
        if key not in _KEYS_WITHOUT_ANSWERS and key not in _READERS:
            findings.note_word("key", key)


def _read_status(item: dict[str, object], change: Change) -> None:
    status = string(item.get("status"))
    error_code = _error_code(item["errors"]) if "errors" in item else None
    if status not in _STATUSES:
        change.findings.note_word("status", item.get("status"))
        if error_code != _USER_STOPPED_MARKETING:
            return  # but that counts under whatever word it comes
    is_group = item.get("recipient_type") == "group"
    person = _recipient(item, change, is_group=is_group)
    if "errors" in item:
        told = whatsapp_account.read_refusals(item["errors"], sender=change.sender, at=moment(item.get("timestamp")))
        change.findings.account_events |= dict.fromkeys(told)
    change.findings.observations.append(
        StatusUpdate(
            sender=change.sender,
            person=person,
            message_id=change.id_of(item, label="status_without_id"),
            status=status,
            at=moment(item.get("timestamp")),
            error_code=error_code,
            category=_category(item),
            correlation_id=string(item.get("biz_opaque_callback_data")),
            is_group=is_group,
            username=change.contacts.username_of(person),
        )
    )


def _recipient(item: dict[str, object], change: Change, *, is_group: bool) -> Person:
    """Return who received a message; NOBODY if the status does not say, since its ids still settle a delivery."""
    user_id, parent_user_id = item.get("recipient_user_id"), item.get("recipient_parent_user_id")
    if is_group:
        # Here `recipient_id` is the group, and a contact listed beside it may be any of its members.
        return person_of(item.get("recipient_participant_id"), user_id, parent_user_id)
    person = change.person(item.get("recipient_id"), user_id, parent_user_id)
    if person is None:
        change.findings.note("status_without_person")
    return person or NOBODY


def _error_code(errors: object) -> int | None:
    """Return the first code, except that "the user stopped marketing" counts wherever it stands."""
    codes = [integer(mapping(error).get("code")) for error in errors] if isinstance(errors, list) else []
    if _USER_STOPPED_MARKETING in codes:
        return _USER_STOPPED_MARKETING
    return next((code for code in codes if code is not None), None)


def _category(item: dict[str, object]) -> str:
    category = reference(mapping(item.get("pricing")).get("category"))
    if category or "conversation" not in item:
        return category
    return reference(mapping(mapping(item["conversation"]).get("origin")).get("type"))


def _read_preference(item: dict[str, object], change: Change) -> None:
    value = item.get("value")
    if item.get("category") != "marketing_messages":
        change.findings.note_word("preference_category", item.get("category"))
        return
    if value not in ("stop", "resume"):
        change.findings.note_word("preference_value", value)
        return
    person = change.person(item.get("wa_id"), item.get("user_id"), item.get("parent_user_id"))
    if person is None:
        change.findings.note("preference_without_person")
        return
    change.findings.observations.append(
        PreferenceChange(
            sender=change.sender,
            person=person,
            is_stop=value == "stop",
            at=moment(item.get("timestamp")),
            # WhatsApp gives these changes no id of their own.
            source_id=f"pref:{change.sender.key}:{_user_key(person)}:{value}:{reference(item.get('timestamp'))}",
            username=change.contacts.username_of(person),
        )
    )


def _read_user_id_update(item: dict[str, object], change: Change) -> None:
    """Read the form Meta documented from March to July 2026 and withdrew; some providers still pass it on."""
    user, parent = mapping(item.get("user_id")), mapping(item.get("parent_user_id"))
    previous = person_of(None, user.get("previous"), parent.get("previous"))
    current = person_of(item.get("wa_id"), user.get("current"), parent.get("current"))
    if NOBODY in {previous, current} or previous == current:
        change.findings.note("identity_change_incomplete")
        return
    moved = f"{_user_key(previous)}:{_user_key(current)}:{reference(item.get('timestamp'))}"
    change.findings.observations.append(
        IdentityChange(
            sender=change.sender,
            previous=previous,
            current=current,
            at=moment(item.get("timestamp")),
            source_id=f"user_id_update:{change.sender.key}:{moved}",
        )
    )


def _user_key(person: Person) -> str:
    return person.bsuid or (person.phone or "").removeprefix("+") or person.parent_bsuid or ""


_READERS = {
    "messages": read_message,
    "statuses": _read_status,
    "user_preferences": _read_preference,
    "user_id_update": _read_user_id_update,
}
