"""The status webhooks of a message the simulated WhatsApp has accepted. Pure."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import Any

from preferences.simulation.graph_world import Accepted, World


def bodies_of(world: World, accepted: Accepted, reaches: Sequence[str]) -> Iterator[bytes]:
    """One body a status, a second apart. A lost message has none, a failed one only its failure."""
    if accepted.is_lost:
        return
    steps: Sequence[str] = ("failed",) if accepted.error else reaches
    for index, step in enumerate(steps):
        yield _body(accepted, _status(world, accepted, step, accepted.at + dt.timedelta(seconds=index)))


def _status(world: World, accepted: Accepted, step: str, at: dt.datetime) -> dict[str, Any]:
    one: dict[str, Any] = {"id": accepted.id, "status": step, "timestamp": str(int(at.timestamp()))}
    if accepted.reached.isdigit():
        one["recipient_id"] = accepted.reached
        if accepted.reached in world.user_ids and step != "failed":
            one["recipient_user_id"] = world.user_ids[accepted.reached]
    else:
        one["recipient_user_id"] = accepted.reached
    if accepted.correlation_id:
        one["biz_opaque_callback_data"] = accepted.correlation_id
    if step == "failed":
        one["errors"] = [{"code": accepted.error, "title": "Simulated"}]
    else:
        kind = "free_customer_service" if accepted.category == "service" else "regular"
        one["pricing"] = {
            "billable": kind == "regular",
            "pricing_model": "PMP",
            "type": kind,
            "category": accepted.category,
        }
    return one


def _body(accepted: Accepted, status: dict[str, Any]) -> bytes:
    number = accepted.number
    metadata = {"display_phone_number": number.digits, "phone_number_id": number.key}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "statuses": [status]}
    entry = {"id": number.account, "changes": [{"value": value, "field": "messages"}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
