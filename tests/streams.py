"""Streams of webhooks for property tests: a few people who write, tap, switch and move, in bodies that can be merged."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import strategies as st

START = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
WABA, NUMBER = "100000000000001", "200000000000002"
OTHER_WABA, OTHER_NUMBER = "100000000000099", "200000000000099"

#: Phone and BSUID of people who may be seen with either or both: two in the UK, one in the US.
PEOPLE = {
    "bilal": ("447700900123", "GB.7000000000000000123"),
    "dora": ("447700900124", "GB.7000000000000000124"),
    "alice": ("12025550143", "US.7000000000000000143"),
}
TEXTS = ["STOP", "Stop promotions", "START", "YES", "HELP", "hello", "if this goes on I will unsubscribe"]
#: What a tapped button carries, or what a form answers.
TAPS = ["yes", "optout:all", "optout:topic:news", "optin:topic:news"]
FORMS = ['{"marketing": "on"}', '{"marketing": "off"}', '{"comment": "stop"}']


def _envelope(field: str, value: dict[str, Any], *, is_other: bool = False) -> dict[str, Any]:
    waba, number = (OTHER_WABA, OTHER_NUMBER) if is_other else (WABA, NUMBER)
    metadata = {"display_phone_number": "12025550100", "phone_number_id": number}
    return {"id": waba, "changes": [{"field": field, "value": {"metadata": metadata, **value}}]}


def _named(person: str, shape: str, *, phone_key: str, bsuid_key: str) -> dict[str, str]:
    phone, bsuid = PEOPLE[person]
    names = {}
    if shape in {"phone", "both"}:
        names[phone_key] = phone
    if shape in {"bsuid", "both"}:
        names[bsuid_key] = bsuid
    return names


def message(
    index: int, person: str, shape: str, second: int, text: str, *, is_other: bool = False, answers: str = "",
    is_group: bool = False,
) -> dict[str, Any]:  # fmt: skip
    names = _named(person, shape, phone_key="from", bsuid_key="from_user_id")
    one: dict[str, Any] = {**names, "id": f"wamid.{index}", "timestamp": _stamp(second), **_content(text)}
    if answers:
        one["context"] = {"id": answers}
    if is_group:
        one["group_id"] = "120363000000000001"
    return _envelope("messages", {"messages": [one]}, is_other=is_other)


def _content(text: str) -> dict[str, Any]:
    if text in TAPS:
        answer = {"type": "button_reply", "button_reply": {"id": text, "title": "Yes" if text == "yes" else "Tap"}}
    elif text in FORMS:
        answer = {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": text}}
    else:
        return {"type": "text", "text": {"body": text}}
    return {"type": "interactive", "interactive": answer}


def preference(person: str, shape: str, second: int, value: str) -> dict[str, Any]:
    names = _named(person, shape, phone_key="wa_id", bsuid_key="user_id")
    one = {**names, "category": "marketing_messages", "value": value, "timestamp": int(_stamp(second))}
    return _envelope("user_preferences", {"user_preferences": [one]})


def refused(index: int, person: str, shape: str, second: int) -> dict[str, Any]:
    names = _named(person, shape, phone_key="recipient_id", bsuid_key="recipient_user_id")
    one = {**names, "id": f"wamid.out.{index}", "status": "failed", "timestamp": _stamp(second)}
    return _envelope("messages", {"statuses": [{**one, "errors": [{"code": 131050}]}]})


def delivered(person: str, shape: str, second: int) -> dict[str, Any]:
    """A campaign's message to this person, the one they answer."""
    names = _named(person, shape, phone_key="recipient_id", bsuid_key="recipient_user_id")
    one = {**names, "id": f"wamid.campaign.{person}", "status": "delivered", "timestamp": _stamp(second)}
    return _envelope("messages", {"statuses": [one]})


def moved(index: int, second: int, old: tuple[str, str], new: tuple[str, str]) -> dict[str, Any]:
    system = {"type": "user_changed_number", "wa_id": new[0], "user_id": new[1], "previous_user_id": old[1]}
    one = {"id": f"wamid.sys.{index}", "from": old[0], "timestamp": _stamp(second), "type": "system", "system": system}
    return _envelope("messages", {"messages": [one]})


def _stamp(second: int) -> str:
    return str(int(START.timestamp()) + second)


@st.composite
def returns(draw: st.DrawFn) -> list[dict[str, Any]]:
    """An American who stops, comes back and answers, seen by number, by user id or by both."""
    shapes = st.sampled_from(["both", "phone", "bsuid"])
    seconds = st.integers(0, 5)
    found = []
    for index, text in enumerate(draw(st.lists(st.sampled_from(["START", "YES", "START", "YES", "STOP"]), max_size=6))):
        is_other = draw(st.integers(0, 4)) == 0
        found.append(message(500 + index, "alice", draw(shapes), draw(seconds) * 5, text, is_other=is_other))
    return found


@st.composite
def entries(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to a dozen observations about three people, on two senders, within a minute (so that times collide)."""
    found = []
    for index in range(draw(st.integers(1, 12))):
        person = draw(st.sampled_from(sorted(PEOPLE)))
        shape = draw(st.sampled_from(["both", "both", "phone", "bsuid"]))
        second = draw(st.integers(0, 8)) * 5
        kind = draw(st.sampled_from(["text", "text", "text", "delivered", "stop", "resume", "131050"]))
        if kind == "text":
            is_other = draw(st.booleans())
            answers = draw(st.sampled_from(["", f"wamid.campaign.{person}"]))
            text = draw(st.sampled_from([*TEXTS, *TAPS, *FORMS]))
            details: dict[str, Any] = {
                "is_other": is_other,
                "answers": answers,
                "is_group": draw(st.integers(0, 4)) == 0,
            }
            found.append(message(index, person, shape, second, text, **details))
        elif kind == "delivered":
            found.append(delivered(person, shape, second))
        elif kind == "131050":
            found.append(refused(index, person, shape, second))
        else:
            found.append(preference(person, shape, second, kind))
    return found


def bodies(parts: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [{"object": "whatsapp_business_account", "entry": part} for part in parts if part]
