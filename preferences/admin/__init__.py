"""The admin, a file per room. It shows what the product knows and changes consent only through decisions."""

from preferences.admin import (
    access,
    account_notices,
    audit,
    brands,
    inbox,
    ledger,
    messages,
    outbox,
    own_words,
    people,
    reviewing,
    templates,
    understanding,
    wording,
)

__all__ = [
    "access",
    "account_notices",
    "audit",
    "brands",
    "inbox",
    "ledger",
    "messages",
    "outbox",
    "own_words",
    "people",
    "reviewing",
    "templates",
    "understanding",
    "wording",
]
