"""How times are written, for people and for programs. Pure."""

from __future__ import annotations

import datetime as dt


def utc(at: dt.datetime) -> str:
    """A time as people say it, exact to the minute and in UTC: "22 November 2026, 12:00 UTC"."""
    at = at.astimezone(dt.UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def iso(at: dt.datetime) -> str:
    """How the API writes times: UTC, to the microsecond, always as long."""
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
