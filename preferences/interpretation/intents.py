"""The judgement of one reply: what the person wants, why we think so, and how sure we are."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

DOUBT = 0.5
OF_A_SENTENCE = 0.9
"""Confidence of what a person shall look at, and of what was said in a sentence."""


class IntentValue(StrEnum):
    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    HELP = "help"
    REVIEW = "review"
    NONE = "none"


class Intent(NamedTuple):
    """`intent` with the rule that matched (`en/stop`), its confidence 0..1, language and a sentence for staff.

    `topic` narrows or widens an opt-out or opt-in: `marketing` unless the words or a button name another.
    `is_international` says that the word is used worldwide ("STOP"), so it is no evidence of a language.
    `is_affirmation` marks a bare "yes", which opts in only as the answer to our own question.
    """

    intent: IntentValue
    rule: str
    confidence: float = 1.0
    language: str = ""
    explanation: str = ""
    topic: str = "marketing"
    is_international: bool = False
    is_affirmation: bool = False


def doubtful(intent: Intent) -> Intent:
    """The same, for a person to judge."""
    return intent._replace(intent=IntentValue.REVIEW, confidence=DOUBT)
