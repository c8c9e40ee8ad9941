"""WhatsApp over the Cloud API: texts, reply buttons and templates to one person.

Shapes and limits: https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages (2026-09)
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import quote

from preferences.channels.base import Backoff, ChannelError, OutgoingMessage, Reach, Receipt, Stop
from preferences.channels.graph import Connections, Graph, GraphError, NoAnswerError, NotConnectedError
from preferences.channels.graph_errors import error_of
from preferences.models import DeliveryState
from preferences.redaction import redact

_MINUTE = dt.timedelta(minutes=1)
_RECONNECT = Backoff(2.0, ceiling=60.0)
_BODY_LIMIT = 4096
_BUTTON_BODY_LIMIT = 1024
_MOST_BUTTONS, _TITLE_LIMIT, _ID_LIMIT = 3, 20, 256


class WhatsAppChannel:
    """Sends one message to one person. `connections` are shared by calls that come close together."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def send(self, message: OutgoingMessage) -> Receipt:
        """SENT with the provider's id when WhatsApp accepted it (a status tells whether it arrived), UNKNOWN when it may
        have; raises ChannelError when it certainly did not."""
        if message.credentials is None:
            raise ChannelError(
                "No access token is set for this account, or FIELD_ENCRYPTION_KEYS lacks the key it was kept with. "
                "Set one: docs/whatsapp.md, “Sending”.",
                is_permanent=False,
                stop=Stop(Reach.PORTFOLIO, _MINUTE),
            )
        body = body_of(message)
        graph = Graph(self._connections.session(), message.credentials)
        try:
            answer = graph.post(f"{quote(message.sender, safe='')}/messages", body)
        except NotConnectedError as error:
            raise ChannelError(str(error), is_permanent=False, backoff=_RECONNECT) from error
        except GraphError as error:
            raise error_of(
                error.code, subcode=error.subcode, is_transient=error.is_transient, details=redact(error.details)[:300]
            ) from error
        except NoAnswerError as error:
            return Receipt(DeliveryState.UNKNOWN, excerpt=f"{error} It may have been sent, so it is not sent again.")
        return _accepted(answer)


def body_of(message: OutgoingMessage) -> dict[str, Any]:
    """The JSON of one call. Raises ChannelError for what WhatsApp would refuse anyway: too long, too many buttons."""
    body: dict[str, Any] = {"messaging_product": "whatsapp", "recipient_type": "individual"}
    # Without the plus WhatsApp puts our own country code in front, and the answer reaches a stranger.
    body |= {"to": message.to} if message.to.startswith("+") else {"recipient": message.to}
    body |= _content(message)
    return body | {"biz_opaque_callback_data": message.correlation_id}


def _content(message: OutgoingMessage) -> dict[str, Any]:
    if message.template:
        return {"type": "template", "template": _template(message)}
    if not message.text.strip():
        raise ChannelError("There is nothing to say: the text is empty.", is_permanent=True)
    if message.buttons:
        return {"type": "interactive", "interactive": _interactive(message)}
    if len(message.text) > _BODY_LIMIT:
        raise ChannelError(f"The text has more than {_BODY_LIMIT} characters. Shorten the wording.", is_permanent=True)
    return {"type": "text", "text": {"body": message.text, "preview_url": False}}


def _template(message: OutgoingMessage) -> dict[str, Any]:
    template = message.template
    assert template  # noqa: S101 (the caller has looked)
    content: dict[str, Any] = {"name": template.name, "language": {"code": template.language}}
    if template.parameters:
        # WhatsApp refuses line breaks, tabs and runs of spaces inside a parameter.
        values = [{"type": "text", "text": " ".join(value.split())} for value in template.parameters]
        content["components"] = [{"type": "body", "parameters": values}]
    return content


def _interactive(message: OutgoingMessage) -> dict[str, Any]:
    buttons = message.buttons
    is_right = len(buttons) <= _MOST_BUTTONS and all(
        1 <= len(one.title) <= _TITLE_LIMIT and 1 <= len(one.id) <= _ID_LIMIT for one in buttons
    )
    if not is_right or len(message.text) > _BUTTON_BODY_LIMIT:
        raise ChannelError(
            f"WhatsApp takes at most {_MOST_BUTTONS} buttons with labels of {_TITLE_LIMIT} characters under a text of "
            f"{_BUTTON_BODY_LIMIT}. Shorten the wording.",
            is_permanent=True,
        )
    replies = [{"type": "reply", "reply": {"id": one.id, "title": one.title}} for one in buttons]
    return {"type": "button", "body": {"text": message.text}, "action": {"buttons": replies}}


def _accepted(answer: dict[str, Any]) -> Receipt:
    messages = answer.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    provider_id = first.get("id") if isinstance(first, dict) else None
    if not isinstance(provider_id, str) or not provider_id:
        return Receipt(
            DeliveryState.UNKNOWN, excerpt="WhatsApp said yes without an id. It may have been sent; not sent again."
        )
    return Receipt(DeliveryState.SENT, provider_id, "Accepted by WhatsApp.")
