"""What the simulated Graph API answers to a call, over an explicit world. It refuses what the real one refuses.

Rules: https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages and
…/support/error-codes (2026-09-11). Titles are our own words: only codes mean something.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from dataclasses import dataclass, replace
from typing import Any

from preferences.simulation.graph_world import ACCEPTED_FAULTS, Accepted, ApprovedTemplate, Armed, Fault, Number, World

_WINDOW = dt.timedelta(hours=24)
_PATH = re.compile(r"/v\d{1,2}\.\d/([^/?]+)/(messages|subscribed_apps)")
_PHONE = re.compile(r"\+?[0-9]{5,20}")
_BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
_MARKETING_STOPPED = 131050


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request as it came in; `body` is the parsed JSON, None when it is none."""

    method: str
    path: str
    token: str
    body: object = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, what was accepted with it, and the fault that was armed for this call."""

    status: int
    body: dict[str, Any]
    accepted: Accepted | None = None
    armed: Armed | None = None


class RefusedError(Exception):
    """A coded error of the Graph API."""

    def __init__(self, code: int, details: str, *, subcode: int = 0, is_transient: bool = False) -> None:
        super().__init__(details)
        self.code, self.subcode, self.details, self.is_transient = code, subcode, details, is_transient


def respond(world: World, call: Call, now: dt.datetime) -> Answer:
    """Answer one call and remember it in `world`. An armed fault is spent by the next message."""
    try:
        _check_login(world, call)
        match = _PATH.fullmatch(call.path.partition("?")[0])
        if match and call.method == "GET" and match[2] == "subscribed_apps":
            return Answer(200, _apps(world, match[1]))
        if match and call.method == "POST" and match[2] == "messages":
            return _message(world, match[1], call.body, now)
        raise RefusedError(2500, "Unknown path components")
    except RefusedError as refusal:
        world.refused.append(refusal.code)
        return Answer(401 if refusal.code == 190 else 400, _error(refusal))


def _check_login(world: World, call: Call) -> None:
    if not call.token or call.token != world.token:
        raise RefusedError(190, "The access token could not be decrypted")


def _apps(world: World, account: str) -> dict[str, Any]:
    if account not in world.apps:
        raise RefusedError(100, "The object does not exist or may not be seen", subcode=33)
    data = [{"whatsapp_business_api_data": {"id": str(i), "link": "", "name": name}}
            for i, name in enumerate(world.apps[account], start=1)]  # fmt: skip
    return {"data": data}


def _message(world: World, key: str, body: object, now: dt.datetime) -> Answer:
    armed = world.faults.popleft() if world.faults else None
    if armed and armed.fault == Fault.REFUSE:
        raise RefusedError(armed.code, "Armed by a test", is_transient=armed.is_transient)
    if armed and armed.fault not in ACCEPTED_FAULTS:
        return Answer(500, {}, armed=armed)
    if key not in world.numbers:
        raise RefusedError(100, "The object does not exist or may not be seen", subcode=33)
    accepted = _accept(world, world.numbers[key], body, now)
    if armed and armed.fault == Fault.FAIL:
        accepted = replace(accepted, error=armed.code)
    elif armed and armed.fault == Fault.LOSE:
        accepted = replace(accepted, is_lost=True)
    world.accepted.append(accepted)
    return Answer(200, _receipt(accepted), accepted, armed)


def _accept(world: World, number: Number, body: object, now: dt.datetime) -> Accepted:
    message = _mapping(body, "The body is not a JSON object")
    if message.get("messaging_product") != "whatsapp":
        raise RefusedError(100, "messaging_product must be whatsapp")
    reached = _recipient(message, number)
    correlation = message.get("biz_opaque_callback_data", "")
    if not isinstance(correlation, str) or len(correlation) > 512:
        raise RefusedError(100, "biz_opaque_callback_data has at most 512 characters")
    kind = message.get("type", "text")
    template = _template(world, message) if kind == "template" else None
    if kind == "text":
        _check_length(_mapping(message.get("text"), "text is missing").get("body"), 4096, "text.body")
    elif kind == "interactive":
        _check_buttons(_mapping(message.get("interactive"), "interactive is missing"))
    elif kind != "template":
        raise RefusedError(100, "This type is not simulated")
    if template and template.category == "AUTHENTICATION" and _BSUID.fullmatch(reached):
        raise RefusedError(131062, "Authentication templates need a number")
    _check_limits(world, number, reached, now)
    error = _later_error(world, number, reached, template, now)
    category = template.category.lower() if template else "service"
    return Accepted(
        f"wamid.{secrets.token_hex(16)}", number, reached, str(kind), message, now, category, correlation, error
    )


def _recipient(message: dict[str, Any], number: Number) -> str:
    to, recipient = message.get("to"), message.get("recipient")
    if (to is None) == (recipient is None):
        # WhatsApp lets `to` win over `recipient`. Who gives both does not know whom they write to, so here it is refused.
        raise RefusedError(131008 if to is None else 100, "Give either to or recipient")
    if recipient is not None:
        if not isinstance(recipient, str) or not _BSUID.fullmatch(recipient):
            raise RefusedError(131009, "recipient is no user id")
        return recipient
    if not isinstance(to, str) or not _PHONE.fullmatch(to):
        raise RefusedError(131009, "to is no number")
    # Without a plus the country of the business is put in front: it reaches somebody else.
    reached = to[1:] if to.startswith("+") else number.calling_code + to
    if reached == number.digits:
        raise RefusedError(131021, "The sender is the recipient")
    return reached


def _template(world: World, message: dict[str, Any]) -> ApprovedTemplate:
    given = _mapping(message.get("template"), "template is missing")
    name, code = given.get("name"), _mapping(given.get("language"), "language is missing").get("code")
    template = world.templates.get((str(name), str(code)))
    if template is None:
        raise RefusedError(132001, "There is no such template in this language")
    if template.status != "APPROVED":
        raise RefusedError({"PAUSED": 132015, "DISABLED": 132016}.get(template.status, 132001), "It cannot be used now")
    values = _body_parameters(given.get("components", []))
    if len(values) != template.places:
        raise RefusedError(132000, f"{template.places} parameters are needed")
    for value in values:
        text = value.get("text") if value.get("type") == "text" else None
        if not isinstance(text, str) or not text.strip() or re.search(r"[\n\t]| {5,}", text):
            raise RefusedError(132018, "A parameter is empty or has line breaks, tabs or runs of spaces")
    return template


def _body_parameters(components: object) -> list[dict[str, Any]]:
    if not isinstance(components, list):
        raise RefusedError(131009, "components is no list")
    bodies = [one for one in components if _mapping(one, "wrong component").get("type") == "body"]
    values = [value for one in bodies for value in one.get("parameters", [])]
    return [_mapping(value, "wrong parameter") for value in values]


def _check_buttons(content: dict[str, Any]) -> None:
    if content.get("type") != "button":
        raise RefusedError(100, "Only reply buttons are simulated")
    _check_length(_mapping(content.get("body"), "body is missing").get("text"), 1024, "body.text")
    if "footer" in content:
        _check_length(_mapping(content["footer"], "footer is wrong").get("text"), 60, "footer.text")
    buttons = _mapping(content.get("action"), "action is missing").get("buttons")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        raise RefusedError(131009, "One to three buttons")
    replies = [_mapping(_mapping(one, "wrong button").get("reply"), "wrong button") for one in buttons]
    for reply in replies:
        _check_length(reply.get("title"), 20, "title")
        _check_length(reply.get("id"), 256, "id")
    if len({reply["id"] for reply in replies}) < len(replies) or len({r["title"] for r in replies}) < len(replies):
        raise RefusedError(131009, "Ids and titles must differ")


def _check_length(text: object, most: int, name: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise RefusedError(131008, f"{name} is missing")
    if len(text) > most:
        raise RefusedError(100, f"{name} has at most {most} characters")


def _check_limits(world: World, number: Number, reached: str, now: dt.datetime) -> None:
    rate = world.messages_a_second
    if not world.may_spend((number.key,), now, most=rate, each_second=rate):
        raise RefusedError(130429, "Too many messages a second")
    pair = (number.key, reached)
    if not world.may_spend(pair, now, most=world.pair_burst, each_second=1 / world.pair_seconds):
        raise RefusedError(131056, "Too many messages to this person")


def _later_error(
    world: World, number: Number, reached: str, template: ApprovedTemplate | None, now: dt.datetime
) -> int:
    """The code of a failure that only a status tells; raises what is told at once."""
    if template:
        is_refused = template.category == "MARKETING" and reached in world.stopped
        return _MARKETING_STOPPED if is_refused else 0
    heard_at = now if world.hears_everybody else world.heard_at.get((number.key, reached))
    if heard_at and now - heard_at < _WINDOW:
        return 0
    if not world.tells_closed_window_later:
        raise RefusedError(131047, "More than 24 hours have passed since the person's last message")
    return 131047


def _receipt(accepted: Accepted) -> dict[str, Any]:
    """A number is answered with its wa_id and never with a user id, a user id never with a number."""
    given = str(accepted.body.get("to") or accepted.body.get("recipient"))
    known = "user_id" if _BSUID.fullmatch(accepted.reached) else "wa_id"
    message: dict[str, Any] = {"id": accepted.id}
    if accepted.kind == "template":
        message["message_status"] = "accepted"
    return {
        "messaging_product": "whatsapp",
        "contacts": [{"input": given, known: accepted.reached}],
        "messages": [message],
    }


def _error(refusal: RefusedError) -> dict[str, Any]:
    error: dict[str, Any] = {
        "message": f"(#{refusal.code}) Simulated",
        "type": "OAuthException",
        "code": refusal.code,
        "error_data": {"messaging_product": "whatsapp", "details": refusal.details},
        "fbtrace_id": secrets.token_hex(8),
    }
    if refusal.subcode:
        error["error_subcode"] = refusal.subcode
    if refusal.is_transient:
        error["is_transient"] = True
    return {"error": error}


def _mapping(value: object, otherwise: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RefusedError(131008, otherwise)
    return value
