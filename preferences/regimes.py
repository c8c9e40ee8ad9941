"""The few rules of law that decide at once what an act means and how it is answered. Pure: countries and times in.

These are facts with sources, not legal advice. Unknown law is treated as the strictest per duty owed to the person.
"""

from __future__ import annotations

import datetime as dt

VERSION = "2026-11-23"

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
        "GB",
    ]
)
#: Where a hint at the way back inside a confirmation is weighed as persuasion.
_STRICT_ABOUT_PERSUASION = UNITED_STATES | _EUROPE | {"CA", "AU"}

#: DA 26-12 of 6 January 2026 waives "a stop to one type of message is a stop to all" (47 CFR 64.1200(a)(10)) to this day.
REVOKE_ALL_FROM = dt.datetime(2027, 1, 31, tzinfo=dt.UTC)


def needs_written_opt_in(country: str) -> bool:
    """Whether START must be followed by YES to our notice: marketing texts need prior express written consent in the
    US (47 CFR 64.1200(a)(2), (f)(9)). Unknown law counts as the US."""
    return not country or country in UNITED_STATES


def allows_undo_button(country: str) -> bool:
    """Whether a confirmation may carry a button that takes the opt-out back."""
    return bool(country) and country not in _STRICT_ABOUT_PERSUASION


def stop_reaches_controller(country: str, at: dt.datetime) -> bool:
    """Whether a stop to one brand is a stop to its whole controller: in the US from 31 January 2027. Unknown law counts
    as the US."""
    return (not country or country in UNITED_STATES) and at >= REVOKE_ALL_FROM
