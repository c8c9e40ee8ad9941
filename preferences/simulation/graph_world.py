"""What a simulated WhatsApp knows: numbers, templates, who wrote when, who stopped, what was accepted, which faults wait.

No HTTP and no clock lives here.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from preferences.simulation.webhooks import ACCOUNT, SENDER, SENDER_NUMBER

TOKEN = "simulated-access-token"  # noqa: S105 (opens nothing but the simulator)


@dataclass(frozen=True, slots=True)
class Number:
    """A business number: its id in the API, its digits, the account it belongs to and its country's calling code."""

    key: str = SENDER
    digits: str = SENDER_NUMBER
    account: str = ACCOUNT
    calling_code: str = "1"


@dataclass(frozen=True, slots=True)
class ApprovedTemplate:
    """A template of the account; `places` is how many parameters its body has."""

    name: str
    language: str
    category: str = "UTILITY"
    places: int = 0
    status: str = "APPROVED"


class Fault(StrEnum):
    """What goes wrong with one call. The first three are never accepted, the others are."""

    REFUSE = "refuse"  # answers with a code
    SERVER_ERROR = "server_error"  # 500 with a page instead of an answer
    CUT = "cut"  # closes the connection and has accepted nothing
    SLOW = "slow"  # accepts, and answers late
    HANG = "hang"  # accepts, and never answers
    ACCEPT_SERVER_ERROR = "accept_server_error"  # accepts, and says 500
    ACCEPT_CUT = "accept_cut"  # accepts, and closes the connection without an answer
    GARBAGE = "garbage"  # accepts, and answers with half a JSON
    LOSE = "lose"  # accepts and answers; no status ever comes
    FAIL = "fail"  # accepts and answers; a status says that it failed


ACCEPTED_FAULTS = frozenset(Fault) - {Fault.REFUSE, Fault.SERVER_ERROR, Fault.CUT}


@dataclass(frozen=True, slots=True)
class Armed:
    """A fault that waits for the next call. `code` is for REFUSE and FAIL, `seconds` for SLOW."""

    fault: Fault
    code: int = 0
    seconds: float = 0.0
    is_transient: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """One message WhatsApp has taken. `reached` is whom it goes to: digits of a number, or a user id."""

    id: str
    number: Number
    reached: str
    kind: str
    body: dict[str, object]
    at: dt.datetime
    category: str
    correlation_id: str
    error: int = 0
    is_lost: bool = False


@dataclass(slots=True)
class Bucket:
    """A limit that fills again: `level` may be spent now."""

    level: float
    at: dt.datetime


@dataclass(slots=True)
class World:
    """Everything the simulated WhatsApp remembers. Change it freely between two calls."""

    token: str = TOKEN
    numbers: dict[str, Number] = field(default_factory=lambda: {SENDER: Number()})
    templates: dict[tuple[str, str], ApprovedTemplate] = field(default_factory=dict)
    apps: dict[str, tuple[str, ...]] = field(default_factory=lambda: {ACCOUNT: ("Opt-out desk",)})
    #: When each person last wrote to each number: opens the 24 hours.
    heard_at: dict[tuple[str, str], dt.datetime] = field(default_factory=dict)
    #: Where people write past the simulator (the demo's webhooks come from elsewhere), every window counts as open.
    hears_everybody: bool = False
    #: User ids of people known by number (digits), told in the statuses of what was sent to the number.
    user_ids: dict[str, str] = field(default_factory=dict)
    #: People who switched off "Offers and announcements".
    stopped: set[str] = field(default_factory=set)
    accepted: list[Accepted] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    faults: deque[Armed] = field(default_factory=deque)
    buckets: dict[tuple[str, ...], Bucket] = field(default_factory=dict)
    messages_a_second: float = 80.0
    pair_burst: float = 45.0
    pair_seconds: float = 6.0
    #: Whether a closed window is told at once, or by a status afterwards; WhatsApp does both.
    tells_closed_window_later: bool = False

    def hear(self, person: str, number: str, at: dt.datetime) -> None:
        """Somebody wrote to a number: digits with or without a plus, or a user id."""
        key = (number, person.removeprefix("+"))
        self.heard_at[key] = max(at, self.heard_at.get(key, at))

    def add(self, template: ApprovedTemplate) -> None:
        self.templates[template.name, template.language] = template

    def may_spend(self, key: tuple[str, ...], at: dt.datetime, *, most: float, each_second: float) -> bool:
        """Take one from a bucket; False when it is empty."""
        bucket = self.buckets.setdefault(key, Bucket(most, at))
        passed = max((at - bucket.at).total_seconds(), 0.0)
        bucket.level, bucket.at = min(bucket.level + passed * each_second, most), max(at, bucket.at)
        if bucket.level < 1.0:
            return False
        bucket.level -= 1.0
        return True
