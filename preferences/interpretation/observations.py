"""What a provider told us, in our words: frozen values that every reader produces and `inbox` consumes.

No Django, no database, no clock lives here; times are aware UTC datetimes taken from the payload or None. Tuples,
because thousands are made for each batch and a frozen dataclass takes three times as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


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


class Person(NamedTuple):
    """The identifiers one payload gives for one person; at least one is set, but in a StatusUpdate that names nobody.

    `phone` is E.164 with a leading `+`; BSUIDs are kept unchanged. A username is no identifier (people change it as they
    like): observations carry it beside the person, in lower case without a leading @, "" where none was shown. No webhook
    gives an `email`; the API does.
    """

    phone: str | None = None
    bsuid: str | None = None
    parent_bsuid: str | None = None
    email: str | None = None


class SenderRef(NamedTuple):
    """The business number a payload is about: `account` is the WABA id, `key` the phone number id."""

    account: str
    key: str
    display: str = ""


class InboundMessage(NamedTuple):
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
    username: str = ""


class StatusUpdate(NamedTuple):
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
    username: str = ""


class PreferenceChange(NamedTuple):
    """WhatsApp's own "Offers and announcements" switch for one business number: stop or resume."""

    sender: SenderRef
    person: Person
    is_stop: bool
    at: datetime | None
    source_id: str
    username: str = ""


class IdentityChange(NamedTuple):
    """The same person moved from `previous` to `current` (new number, new user id or both)."""

    sender: SenderRef
    previous: Person
    current: Person
    at: datetime | None
    source_id: str


class IdentityLink(NamedTuple):
    """Identifiers seen together for one person outside a message of their own (a phone shared on request)."""

    sender: SenderRef
    person: Person
    at: datetime | None


class AccountTopic(StrEnum):
    """What an AccountEvent is about. Stable values: they are stored with the notice."""

    ACCOUNT = "account_update"
    NUMBER = "phone_number_quality_update"
    TEMPLATE = "message_template_status_update"
    TEMPLATE_QUALITY = "message_template_quality_update"
    TEMPLATE_CATEGORY = "template_category_update"
    ERROR = "errors"


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """What the provider told about an account, a number or a template. It names no person and bears on no consent.

    `sender.key` is empty where only the account is named; `sender.display` is the number it is about, if any. `event` is
    the provider's word (DISABLED_UPDATE, PAUSED), the new quality or category, or an error code; `detail` narrows it
    (SPAM, FIRST_PAUSE, SOON), `before` is what it was. `category` is that of the template, where it is given.
    """

    sender: SenderRef
    topic: AccountTopic
    event: str
    at: datetime | None
    detail: str = ""
    before: str = ""
    template: str = ""
    language: str = ""
    category: str = ""


class SentWords(NamedTuple):
    """The words of one message that somebody at the business wrote to `person`. It is nobody's answer and no evidence of
    who is who."""

    sender: SenderRef
    person: Person
    message_id: str
    text: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class TemplateWords:
    """The words of a template after it was edited: header, body and footer, a line each, and the labels of its buttons."""

    account: str
    name: str
    language: str
    text: str
    buttons: tuple[str, ...]
    at: datetime | None


Observation = InboundMessage | StatusUpdate | PreferenceChange | IdentityChange | IdentityLink


class Reading(NamedTuple):
    """Everything one webhook body says, and what of it nobody understood.

    `unknown` holds short stable labels ("field:brand_new_field"), never content. `account_events` and what the business
    itself wrote stand apart from the observations, so that nothing which decides about people can mistake one for an answer.
    """

    observations: tuple[Observation, ...] = ()
    unknown: tuple[str, ...] = ()
    has_messages: bool = False
    account_events: tuple[AccountEvent, ...] = ()
    sent_words: tuple[SentWords, ...] = ()
    template_words: tuple[TemplateWords, ...] = ()


class UnreadableBodyError(Exception):
    """The bytes are not a webhook of this provider at all (not JSON, wrong envelope)."""
