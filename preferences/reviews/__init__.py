"""Doubtful replies: a person settles them, or the deadline does. `verdicts` settles and asks, `turns` shares the work out."""

from preferences.reviews.turns import (
    UNDO_WITHIN,
    TurnLostError,
    ask_in_turn,
    decide,
    settle_decided,
    skip,
    take,
    undo,
    undoable,
)
from preferences.reviews.verdicts import CannotAskError, ask, settle, settle_due, why_not_ask

__all__ = [
    "UNDO_WITHIN",
    "CannotAskError",
    "TurnLostError",
    "ask",
    "ask_in_turn",
    "decide",
    "settle",
    "settle_decided",
    "settle_due",
    "skip",
    "take",
    "undo",
    "undoable",
    "why_not_ask",
]
