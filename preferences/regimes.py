"""The few rules of law that decide at once what an act means and how it is answered. Pure: countries and times in.

These are facts with sources, not legal advice. Unknown law is treated as the strictest per duty owed to the person.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

VERSION = "2026-11-24"

#: The United States and the territories the TCPA reaches (47 CFR 64.1200).
UNITED_STATES = frozenset({"US", "AS", "GU", "MP", "PR", "VI"})

_EUROPE = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "HR",
        "CY",
        "CZ",
        "DK",
        "EE",
        "FI",
        "FR",
        "DE",
        "GR",
        "HU",
        "IE",
        "IT",
        "LV",
        "LT",
        "LU",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SK",
        "SI",
        "ES",
        "SE",
        "IS",
        "LI",
        "NO",
        "AX",
        "GF",
        "GP",
        "MF",
        "MQ",
        "RE",
        "YT",
    ]
)
_AUSTRALIA = frozenset({"AU", "CX", "CC", "NF"})

#: DA 26-12 of 6 January 2026 waives "a stop to one type of message is a stop to all" (47 CFR 64.1200(a)(10)) to this day.
REVOKE_ALL_FROM = dt.datetime(2027, 1, 31, tzinfo=dt.UTC)

#: WhatsApp lets a business write freely for 24 hours after the person's last message; leave an hour for the way.
ANSWER_WITHIN = dt.timedelta(hours=23)
_FIVE_MINUTES = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """How people under one law are answered, and where that is written.

    `needs_yes`: START is followed by YES to our notice. `undo_line`: a confirmation may name the way back as a fact.
    `undo_button`: it may offer it as a button. `ask_within`: how long after the reply we may ask what was meant.
    """

    law: str
    needs_yes: bool
    undo_line: bool
    undo_button: bool
    ask_within: dt.timedelta
    sources: tuple[str, ...]


_US_SOURCES = (
    "47 CFR 64.1200(a)(2) and (f)(9): marketing needs prior express written consent, given to a notice",
    "47 CFR 64.1200(a)(12): one confirmation within five minutes, no marketing and no persuasion",
)
_US = AnswerRules("United States", True, True, False, _FIVE_MINUTES, _US_SOURCES)
_CANADA = AnswerRules(
    "Canada", False, True, False, ANSWER_WITHIN,
    ("S.C. 2010 c. 23 (CASL) s. 1(3): a request for consent is itself a commercial message",),
)  # fmt: skip
_EEA = AnswerRules(
    "EU and EEA", False, True, False, ANSWER_WITHIN,
    (
        "GDPR Art. 21(2)-(3): after an objection data are no longer processed for direct marketing",
        "Directive 2002/58/EC Art. 13: asking for consent by message is direct marketing",
    ),
)  # fmt: skip
_UK = AnswerRules(
    "United Kingdom", False, True, False, ANSWER_WITHIN,
    ("PECR reg. 22; ICO fines of Flybe, Honda and Moneysupermarket: asking people to come back is marketing",),
)  # fmt: skip
_AUSTRALIAN = AnswerRules(
    "Australia", False, True, False, ANSWER_WITHIN,
    ("Spam Act 2003 s. 16 and Sch. 2: a message that asks for consent is itself commercial",),
)  # fmt: skip
_UNKNOWN = AnswerRules("Unknown law", True, True, False, _FIVE_MINUTES, ("The strictest of all: the rules of the US",))
_OTHERS = AnswerRules("Elsewhere", False, True, True, ANSWER_WITHIN, ("No rule found against a neutral way back",))

_BY_COUNTRY = {
    **dict.fromkeys(UNITED_STATES, _US),
    **dict.fromkeys(_EUROPE, _EEA),
    **dict.fromkeys(_AUSTRALIA, _AUSTRALIAN),
    "CA": _CANADA,
    "GB": _UK,
    "": _UNKNOWN,
}
#: Every set of rules, the strictest first.
ALL_ANSWER_RULES = (_UNKNOWN, _US, _CANADA, _EEA, _UK, _AUSTRALIAN, _OTHERS)


def answer_rules(country: str) -> AnswerRules:
    """The rules for people of a country (ISO 3166 alpha-2); an unknown country has the strictest."""
    return _BY_COUNTRY.get(country, _OTHERS)


def offers_undo_button(country: str, *, seat: str) -> bool:
    """Whether a confirmation may carry a button that takes the opt-out back: only where neither the person's law nor
    that of the controller's seat (empty: not known, adds nothing) is strict about persuasion."""
    return answer_rules(country).undo_button and (not seat or answer_rules(seat).undo_button)


def needs_written_opt_in(country: str) -> bool:
    """Whether START must be followed by YES to our notice: marketing texts need prior express written consent in the
    US (47 CFR 64.1200(a)(2), (f)(9)). Unknown law counts as the US."""
    return answer_rules(country).needs_yes


def stop_reaches_controller(country: str, at: dt.datetime) -> bool:
    """Whether a stop to one brand is a stop to its whole controller: in the US from 31 January 2027. Unknown law counts
    as the US."""
    return (not country or country in UNITED_STATES) and at >= REVOKE_ALL_FROM
