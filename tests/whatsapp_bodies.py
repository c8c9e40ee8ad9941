"""Bodies of WhatsApp webhooks built by hand for the reader, and the reading of them."""

from __future__ import annotations

import json
from typing import Any

from preferences.interpretation import whatsapp
from preferences.interpretation.observations import MessageKind, Reading
from tests.whatsapp_samples import ALICE_BY_PHONE, message


def change(field: str | None = "messages", **value: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "12025550100", "phone_number_id": "200000000000002"}
    named = {} if field is None else {"field": field}
    return {**named, "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}


def read(*changes: Any) -> Reading:
    entry = {"id": "100000000000001", "changes": list(changes)}
    return whatsapp.read(json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode())


def raw_message(**more: Any) -> dict[str, Any]:
    stop = {"from": "12025550143", "id": "wamid.1", "timestamp": "1795348800", "type": "text", "text": {"body": "STOP"}}
    return {key: value for key, value in (stop | more).items() if value is not None}


def raw_status(**more: Any) -> dict[str, Any]:
    sent = {"id": "wamid.1", "status": "delivered", "timestamp": "1795348800", "recipient_id": "12025550143"}
    return {key: value for key, value in (sent | more).items() if value is not None}


def only(reading: Reading) -> Any:
    assert len(reading.observations) == 1
    return reading.observations[0]


STOP = message("wamid.1", MessageKind.TEXT, ALICE_BY_PHONE, text="STOP")
