"""The stage between the doors and the decisions: claims raw webhooks, interprets them, records what they mean."""

from preferences.inbox.processing import (
    ENVELOPE,
    Outcome,
    complete_until,
    envelope,
    lag,
    oldest_unread,
    process,
    process_again,
)

__all__ = ["ENVELOPE", "Outcome", "complete_until", "envelope", "lag", "oldest_unread", "process", "process_again"]
