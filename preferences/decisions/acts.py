"""What goes into the one door: acts, and what came of them."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import NamedTuple

from preferences.models import EventKind, Scope, Source


class DecisionError(Exception):
    """An act that may not be recorded; the message says why and what to do."""


class StalePersonError(Exception):
    """Somebody else joined or split this person meanwhile; the transaction must be tried again."""


class Question(NamedTuple):
    """A reply that may be answered: what we would answer, from which sender, and in which language it was written.

    `language` is empty when the reply is no evidence of a language ("STOP" is international).
    """

    reply: bytes
    sender: int
    language: str = ""


class Act(NamedTuple):
    """Something that happened and bears on consent. One act is one consent event with one scope.

    `source_ref` is the SHA-256 of the provider's id of the act, unique per source: recording an act twice is harmless.
    `effective_at` must already be the earlier of the event's own time and its receipt. `evidence` is what proves it; it
    is stored encrypted and only its salted hash stands in the ledger.
    """

    subscriber: int
    kind: EventKind
    scope: Scope
    effective_at: dt.datetime
    received_at: dt.datetime
    source: Source
    source_ref: bytes
    portfolio: int = 0
    sender: int = 0
    policy_version: int = 0
    classifier_version: int = 0
    keywords_version: str = ""
    regime_version: str = ""
    notice_version: str = ""
    rule: str = ""
    language: str = ""
    jurisdiction: str = ""
    legal_basis: str = ""
    expression: str = ""
    actor: int = 0
    approver: int = 0
    reason: str = ""
    voids: int = 0
    renews: int = 0
    until: dt.datetime | None = None
    related: uuid.UUID | None = None
    evidence: bytes = b""
    question: Question | None = None


class Help(NamedTuple):
    """Somebody asked for help: to be answered, bears on no consent."""

    subscriber: int
    question: Question
    at: dt.datetime


class Recorded(NamedTuple):
    """The ledger position of an act, and whether this call wrote it (False: it was on record already)."""

    position: int
    is_new: bool
