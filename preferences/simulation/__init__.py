"""WhatsApp played by ourselves: webhook bodies about people who do not exist, and a Graph API that sends nothing."""

from preferences.simulation.webhooks import (
    ACCOUNT,
    SENDER,
    SENDER_NUMBER,
    Fictional,
    american,
    british,
    button,
    french,
    message_id,
    moved,
    nameless,
    status,
    switch,
    text,
)

__all__ = [
    "ACCOUNT",
    "SENDER",
    "SENDER_NUMBER",
    "Fictional",
    "american",
    "british",
    "button",
    "french",
    "message_id",
    "moved",
    "nameless",
    "status",
    "switch",
    "text",
]
