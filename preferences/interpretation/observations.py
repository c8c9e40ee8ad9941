"""What a provider told us, in our words: frozen values that every reader produces and `inbox` consumes.

No Django, no database, no clock lives here; times are aware UTC datetimes taken from the payload or None.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MessageKind(StrEnum):
    """How a reply was made. Stable values: they are stored with the reply."""

    TEXT = "text"
    CAPTION = "caption"
    TEMPLATE_BUTTON = "template_button"
    REPLY_BUTTON = "reply_button"
    LIST_REPLY = "list_reply"
    FLOW = "flow"
    EDIT = "edit"
    REVOKE = "revoke"
    REACTION = "reaction"
    CONTACTS = "contacts"
    CALL_PERMISSION = "call_permission"
    WELCOME = "welcome"
    UNAVAILABLE = "unavailable"
    UNSUPPORTED = "unsupported"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Person:
    """The identifiers one payload gives for one person; at least one is set, but in a StatusUpdate that names nobody.

    `phone` is E.164 with a leading `+`; BSUIDs are kept unchanged. No webhook gives an `email`; the API does.
    """

    phone: str | None = None
    bsuid: str | None = None
    parent_bsuid: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class SenderRef:
    """The business number a payload is about: `account` is the WABA id, `key` the phone number id."""

    account: str
    key: str
    display: str = ""


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """One message of a person: `text` is what they typed or saw on it, `payload` what a button or Flow carries."""

    sender: SenderRef
    person: Person
    message_id: str
    sent_at: datetime | None
    kind: MessageKind
    text: str = ""
    payload: str = ""
    context_id: str = ""
    is_group: bool = False
    is_standby: bool = False


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """What became of one message we or a campaign tool sent. `status` is sent, delivered, read, played or failed."""

    sender: SenderRef
    person: Person
    message_id: str
    status: str
    at: datetime | None
    error_code: int | None = None
    category: str = ""
    correlation_id: str = ""
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class PreferenceChange:
    """WhatsApp's own "Offers and announcements" switch for one business number: stop or resume."""

    sender: SenderRef
    person: Person
    is_stop: bool
    at: datetime | None
    source_id: str


@dataclass(frozen=True, slots=True)
class IdentityChange:
    """The same person moved from `previous` to `current` (new number, new user id or both)."""

    sender: SenderRef
    previous: Person
    current: Person
    at: datetime | None
    source_id: str


@dataclass(frozen=True, slots=True)
class IdentityLink:
    """Identifiers seen together for one person outside a message of their own (a phone shared on request)."""

    sender: SenderRef
    person: Person
    at: datetime | None


Observation = InboundMessage | StatusUpdate | PreferenceChange | IdentityChange | IdentityLink


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything one webhook body says, and what of it nobody understood.

    `unknown` holds short stable labels ("field:brand_new_field"), never content.
    """

    observations: tuple[Observation, ...] = ()
    unknown: tuple[str, ...] = ()
    has_messages: bool = False


class UnreadableBodyError(Exception):
    """The bytes are not a webhook of this provider at all (not JSON, wrong envelope)."""
