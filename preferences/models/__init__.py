"""The nouns of the product, a file per room."""

from preferences.models.access import API_SCOPES, ApiKey, Heartbeat, User
from preferences.models.brands import (
    Approvals,
    Brand,
    Controller,
    PolicyVersion,
    Portfolio,
    Provider,
    Reach,
    Sender,
    Topic,
    UndoLine,
    UnknownConsent,
)
from preferences.models.consents import Consent, ConsentStatus, Hold, Pause, PlatformStop
from preferences.models.inbox import InboxEntry, InboxState, Lane
from preferences.models.ledger import ConsentEvent, EventKind, Evidence, LedgerHead, Seal, Source
from preferences.models.messages import MessageKey, Reply, ReviewOutcome, ReviewState, SentMessage
from preferences.models.outbox import ChannelKind, Delivery, DeliveryKind, DeliveryState, Destination, Notice
from preferences.models.scopes import ANY, Cell, Channel, Scope
from preferences.models.subscribers import Identity, JurisdictionSource, Scheme, Subscriber, Tombstone

__all__ = [
    "ANY",
    "API_SCOPES",
    "ApiKey",
    "Approvals",
    "Brand",
    "Cell",
    "Channel",
    "ChannelKind",
    "Consent",
    "ConsentEvent",
    "ConsentStatus",
    "Controller",
    "Delivery",
    "DeliveryKind",
    "DeliveryState",
    "Destination",
    "EventKind",
    "Evidence",
    "Heartbeat",
    "Hold",
    "Identity",
    "InboxEntry",
    "InboxState",
    "JurisdictionSource",
    "Lane",
    "LedgerHead",
    "MessageKey",
    "Notice",
    "Pause",
    "PlatformStop",
    "PolicyVersion",
    "Portfolio",
    "Provider",
    "Reach",
    "Reply",
    "ReviewOutcome",
    "ReviewState",
    "Scheme",
    "Scope",
    "Seal",
    "Sender",
    "SentMessage",
    "Source",
    "Subscriber",
    "Tombstone",
    "Topic",
    "UndoLine",
    "UnknownConsent",
    "User",
]
