"""Builds webhook bodies like WhatsApp's, about people who do not exist, for the demo, `simulate` and benchmarks. Pure.

Numbers come from ranges that regulators keep free for fiction.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from typing import Any

_AREAS = ("202", "206", "212", "303", "312", "404", "415", "503", "617", "702")
ACCOUNT, SENDER, SENDER_NUMBER = "100000000000001", "200000000000002", "12025550100"


@dataclass(frozen=True, slots=True)
class Fictional:
    """A person of the simulation; without a number they are seen by their user id alone."""

    name: str
    number: str
    country: str

    @property
    def bsuid(self) -> str:
        return (
            f"{self.country}.{int(hashlib.sha256(f'{self.name}{self.number}'.encode()).hexdigest(), 16) % 10**17:017d}"
        )

    @property
    def username(self) -> str:
        """What people who show no number are called by."""
        return self.name.lower().replace(" ", "_")

    @property
    def recipient(self) -> str:
        """How this person is asked about."""
        return f"+{self.number}" if self.number else self.bsuid


def american(index: int) -> Fictional:
    """One of a thousand people with a number in +1 xxx 555 01xx, the first hundred in Washington."""
    area = _AREAS[index // 100 % len(_AREAS)]
    return Fictional(f"Sample A{index:02d}", f"1{area}55501{index % 100:02d}", "US")


def british(index: int) -> Fictional:
    """One of a thousand people with a number in +44 7700 900xxx."""
    return Fictional(f"Sample B{index:03d}", f"447700900{index % 1000:03d}", "GB")


def french(index: int) -> Fictional:
    """One of ten thousand people with a number in +33 6 39 98 xx xx."""
    return Fictional(f"Sample F{index:04d}", f"3363998{index % 10_000:04d}", "FR")


def nameless(index: int, country: str) -> Fictional:
    """Somebody who uses a username and shows no number."""
    return Fictional(f"Sample U{index:03d}", "", country)


def text(person: Fictional, body: str, at: dt.datetime, *, answers: str = "") -> bytes:
    """Somebody typed a message."""
    return _message(person, at, {"type": "text", "text": {"body": body}}, body, answers)


def button(person: Fictional, label: str, at: dt.datetime, *, payload: str = "", answers: str = "") -> bytes:
    """Somebody tapped a quick-reply button of a template."""
    content = {"type": "button", "button": {"payload": payload or label, "text": label}}
    return _message(person, at, content, label, answers)


def switch(person: Fictional, at: dt.datetime, *, is_stop: bool) -> bytes:
    """Somebody used WhatsApp's own "Offers and announcements" switch."""
    value = "stop" if is_stop else "resume"
    one: dict[str, Any] = {**_ids(person, "wa_id", "user_id"), "category": "marketing_messages", "value": value}
    one |= {"detail": f"User requested to {value} marketing messages", "timestamp": int(at.timestamp())}
    return _body("user_preferences", {"contacts": [_contact(person)], "user_preferences": [one]})


def moved(person: Fictional, to: Fictional, at: dt.datetime) -> bytes:
    """Somebody changed their number, and with it their user id."""
    one: dict[str, Any] = {"from": person.number, "timestamp": _stamp(at), "type": "system"}
    one["id"] = message_id("moved", person.number, to.number, at.timestamp())
    one["system"] = {
        "body": f"User {person.name} changed from {person.number} to {to.number}",
        "type": "user_changed_number",
        "wa_id": to.number,
        "user_id": to.bsuid,
        "previous_user_id": person.bsuid,
    }
    return _body("messages", {"messages": [one]})


def status(person: Fictional, message_id: str, what: str, at: dt.datetime, *, error: int = 0) -> bytes:
    """What became of a marketing message."""
    one: dict[str, Any] = {"id": message_id, "status": what, "timestamp": _stamp(at)}
    one |= _ids(person, "recipient_id", "recipient_user_id")
    if error:
        one["errors"] = [{"code": error, "title": "Simulated"}]
    else:
        one["pricing"] = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "marketing"}
    return _body("messages", {"statuses": [one]})


def message_id(*parts: object) -> str:
    """A provider's message id, the same for the same parts."""
    return "wamid." + hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:32]


def _message(person: Fictional, at: dt.datetime, content: dict[str, Any], said: str, answers: str) -> bytes:
    one = {**_ids(person, "from", "from_user_id"), **content, "timestamp": _stamp(at)}
    one["id"] = message_id(person.recipient, at.timestamp(), said)
    if answers:
        one["context"] = {"from": SENDER_NUMBER, "id": answers}
    return _body("messages", {"contacts": [_contact(person)], "messages": [one]})


def _body(field: str, value: dict[str, Any]) -> bytes:
    metadata = {"display_phone_number": SENDER_NUMBER, "phone_number_id": SENDER}
    change = {"value": {"messaging_product": "whatsapp", "metadata": metadata, **value}, "field": field}
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": ACCOUNT, "changes": [change]}]}).encode()


def _contact(person: Fictional) -> dict[str, Any]:
    profile = {"name": person.name}
    if not person.number:
        profile["username"] = person.username
    return {"profile": profile, **_ids(person, "wa_id", "user_id")}


def _ids(person: Fictional, number_key: str, bsuid_key: str) -> dict[str, str]:
    ids = {number_key: person.number} if person.number else {}
    return {**ids, bsuid_key: person.bsuid}


def _stamp(at: dt.datetime) -> str:
    return str(int(at.timestamp()))
