"""Bodies of WhatsApp webhooks for tests that need a certain person, text or second; real samples are in fixtures."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

SECOND = dt.timedelta(seconds=1)
HOUR = dt.timedelta(hours=1)

BILAL = "+447700900123"
ALICE = "+12025550143"
GRETA = "+4915112345678"

WABA, NUMBER = "100000000000001", "200000000000002"
_numbers = itertools.count(1)


def body(*values: dict[str, Any], waba: str = WABA, field: str = "messages") -> dict[str, Any]:
    """One webhook with a change per value."""
    changes = [{"field": field, "value": value} for value in values]
    return {"object": "whatsapp_business_account", "entry": [{"id": waba, "changes": changes}]}


def message(
    text: str,
    *,
    at: dt.datetime,
    phone: str = BILAL,
    bsuid: str = "",
    wamid: str = "",
    waba: str = WABA,
    number: str = NUMBER,
    field: str = "messages",
    **extra: Any,
) -> dict[str, Any]:
    """A typed message of one person; each call is another message unless `wamid` says which one it is."""
    one = {
        "id": wamid or f"wamid.test-{next(_numbers)}",
        "timestamp": stamp(at),
        "type": "text",
        "text": {"body": text},
    }
    names = {"from": phone.removeprefix("+"), "from_user_id": bsuid}
    one |= {key: value for key, value in names.items() if value} | extra
    return body({"metadata": _metadata(number), "messages": [one]}, waba=waba, field=field)


def tapped(payload: str, *, at: dt.datetime, phone: str = BILAL) -> dict[str, Any]:
    """A tap on a reply button that carries `payload`."""
    button = {"type": "button_reply", "button_reply": {"id": payload, "title": "Tap"}}
    return message("", at=at, phone=phone, type="interactive", interactive=button)


def switched(value: str, *, at: dt.datetime, phone: str = BILAL) -> dict[str, Any]:
    """WhatsApp's own offers switch, set to stop or resume."""
    one = {
        "wa_id": phone.removeprefix("+"),
        "category": "marketing_messages",
        "value": value,
        "timestamp": int(stamp(at)),
    }
    return body({"metadata": _metadata(NUMBER), "user_preferences": [one]}, field="user_preferences")


def status(*, at: dt.datetime, phone: str = ALICE, code: int | None = None, **extra: Any) -> dict[str, Any]:
    """What became of one message we sent; with `code` it failed."""
    one: dict[str, Any] = {"id": f"wamid.out-{next(_numbers)}", "status": "failed" if code else "delivered"}
    one |= {"timestamp": stamp(at), "recipient_id": phone.removeprefix("+"), **extra}
    if code:
        one["errors"] = [{"code": code, "title": "Refused"}]
    return body({"metadata": _metadata(NUMBER), "statuses": [one]})


def echo(text: str, *, at: dt.datetime, wamid: str, phone: str = BILAL, **extra: Any) -> dict[str, Any]:
    """What somebody at the business wrote to a person in the WhatsApp Business app."""
    one = {"from": "12025550100", "to": phone.removeprefix("+"), "id": wamid, "timestamp": stamp(at), "type": "text"}
    one |= {"text": {"body": text}} | extra
    return body({"metadata": _metadata(NUMBER), "message_echoes": [one]}, field="smb_message_echoes")


def history(*messages: Any, phone: str = BILAL) -> dict[str, Any]:
    """A piece of the history of one conversation in that app."""
    threads = [{"id": phone.removeprefix("+"), "messages": list(messages)}]
    piece = {"metadata": {"phase": 0, "chunk_order": 1, "progress": 100}, "threads": threads}
    return body({"metadata": _metadata(NUMBER), "history": [piece]}, field="history")


def edited(text: str, *, at: dt.datetime, name: str = "booking", language: str = "en", **extra: Any) -> dict[str, Any]:
    """A template was edited: its words from now on."""
    value = {
        "message_template_id": 1, "message_template_name": name, "message_template_language": language,
        "message_template_element": text, **extra,
    }  # fmt: skip
    told = body(value, field="message_template_components_update")
    told["entry"][0]["time"] = int(at.timestamp())
    return told


def stamp(at: dt.datetime) -> str:
    return str(int(at.timestamp()))


def _metadata(number: str) -> dict[str, str]:
    return {"display_phone_number": "12025550100", "phone_number_id": number}
