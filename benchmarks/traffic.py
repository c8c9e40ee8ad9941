"""What people and WhatsApp send: made-up webhooks in the shape of the Cloud API, the same for the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

ACCOUNT = "100000000000001"
SENDER = "200000000000002"
_DISPLAY = "12025550100"
_SEED = 20261123

# How the numbers of a country begin, and how many digits follow.
_COUNTRIES = (
    ("US", "1202", 7), ("US", "1312", 7), ("BR", "5511", 9), ("MX", "5255", 8), ("DE", "49151", 8), ("ES", "346", 8),
    ("FR", "336", 8), ("IT", "3934", 8), ("GB", "44770", 7), ("IN", "9198", 8), ("ID", "62812", 8), ("TR", "90532", 7),
)  # fmt: skip
# Sixty in a hundred replies want to stop; the others say something else. (weight, text)
STOPS = (
    (24, "STOP"), (6, "Stop"), (4, "stop."), (4, "Unsubscribe"), (3, "STOP ALL"), (3, "Stop promotions"),
    (3, "Detener promociones"), (3, "baja"), (2, "Parar"), (2, "Cancelar"), (2, "Arrêt"), (1, "arrêter les promotions"),
    (1, "Abmelden"), (1, "berhenti"), (1, "🛑"),
)  # fmt: skip
OTHERS = (
    (9, "Hello, when does my order arrive?"), (5, "Thanks!"), (4, "¿A qué hora abren mañana?"), (3, "Obrigada 😊"),
    (3, "ok"), (3, "Is the blue one still available in size M? I would like to pick it up on Saturday."),
    (2, "Danke, alles gut"), (2, "yes"), (2, "START"), (2, "help"), (1, "मेरा ऑर्डर कहाँ है?"), (1, "where is your shop"),
    (2, "please stop sending me these messages every day"), (1, "I will stop by tomorrow"),
)  # fmt: skip
_FILL = "The quick brown fox jumps over the lazy dog while the parcel is on its way to you. "


class Somebody(NamedTuple):
    """One made-up person."""

    phone: str
    bsuid: str


def somebody(index: int) -> Somebody:
    country, prefix, digits = _COUNTRIES[index % len(_COUNTRIES)]
    return Somebody(f"{prefix}{2_000_000 + index:0{digits}d}", f"{country}.{7_000_000_000_000_000 + index}")


def is_known(index: int) -> bool:
    """Half of the people are known before they write; a fifth of those by phone alone (`is_known_by_phone`)."""
    return index % 2 == 0


def is_known_by_phone(index: int) -> bool:
    return index % 10 == 0


def replies(count: int, *, at: int) -> Iterator[dict[str, Any]]:
    """Single replies of `people_of(count)` people; some write twice."""
    source = random.Random(_SEED)
    weighted = (*STOPS, *OTHERS)
    texts = source.choices([text for _, text in weighted], [weight for weight, _ in weighted], k=count)
    people = people_of(count)
    writers = [*range(people), *(source.randrange(people) for _ in range(count - people))]
    source.shuffle(writers)
    for number, (index, text) in enumerate(zip(writers, texts, strict=True)):
        yield reply(somebody(index), text, message_id=f"wamid.reply{number:012d}", at=at)


def people_of(count: int) -> int:
    """How many people write `count` replies."""
    return max(1, count * 9 // 10)


def statuses(count: int, *, at: int) -> Iterator[dict[str, Any]]:
    """Single statuses of known people: each message is sent, soon delivered, and read after many others."""
    waits = {"sent": 0, "delivered": 2_000, "read": 20_000}
    source = random.Random(_SEED)
    due = [
        (number + waits[word] * source.random() * 2, number, word)
        for number in range(-(-count // len(waits)))
        for word in waits
    ]
    people = max(1, count // 6)
    for _, number, word in sorted(due)[:count]:
        yield status(somebody(number % people), word, message_id=f"wamid.sent{number:012d}", at=at)


def reply(person: Somebody, text: str, *, message_id: str, at: int) -> dict[str, Any]:
    message = {
        "from": person.phone, "from_user_id": person.bsuid, "id": message_id, "timestamp": str(at), "type": "text",
        "text": {"body": text},
    }  # fmt: skip
    return _envelope({"contacts": [_contact(person)], "messages": [message]})


def status(person: Somebody, word: str, *, message_id: str, at: int) -> dict[str, Any]:
    item = {
        "id": message_id, "status": word, "timestamp": str(at), "recipient_id": person.phone,
        "recipient_user_id": person.bsuid,
        "pricing": {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "marketing"},
    }  # fmt: skip
    return _envelope({"contacts": [_contact(person)], "statuses": [item]})


def padded(number: int, *, size: int, at: int) -> bytes:
    """A reply of exactly `size` bytes, different for each number."""
    empty = encoded(reply(somebody(number), "", message_id=f"wamid.door{number:012d}", at=at))
    text = (_FILL * (size // len(_FILL) + 1))[: size - len(empty)]
    return encoded(reply(somebody(number), text, message_id=f"wamid.door{number:012d}", at=at))


def encoded(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _contact(person: Somebody) -> dict[str, Any]:
    return {"profile": {"name": "Alice Fiction"}, "wa_id": person.phone, "user_id": person.bsuid}


def _envelope(value: dict[str, Any]) -> dict[str, Any]:
    metadata = {"display_phone_number": _DISPLAY, "phone_number_id": SENDER}
    value = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": ACCOUNT, "changes": [{"value": value, "field": "messages"}]}],
    }
