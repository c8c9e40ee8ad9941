"""JSON from strangers made safe to keep: what it may hold, and how single values are taken out of it.

Knows nothing of any provider. PostgreSQL refuses NUL in text and UTF-8 refuses lone surrogates, so neither leaves here.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import NoReturn

from preferences.interpretation.observations import UnreadableBodyError

_TROUBLE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_SURROGATES = re.compile("[\ud800-\udfff]")
_FIRST_SECOND = int(datetime(2009, 1, 1, tzinfo=UTC).timestamp())
_LAST_SECOND = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
_NOTHING: dict[str, object] = {}


def loads(body: bytes | str) -> object:
    """Return the JSON value in `body`; no string in it has NUL or lone surrogates. Raises only UnreadableBodyError.

    Of a repeated key the last value counts; broken UTF-8 becomes U+FFFD; NaN, integers of more than 4,300 digits and
    nesting deeper than Python's stack are refused.
    """
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    try:
        value: object = _DECODER.decode(text.removeprefix("\ufeff"))
        return _cleaned(value) if _may_hold_trouble(text, was_text=text is body) else value
    except (ValueError, RecursionError) as error:
        # "from None": a JSONDecodeError carries the whole body, which must not travel into logs.
        raise UnreadableBodyError(f"not JSON ({type(error).__name__})") from None


def clean(text: str) -> str:
    """Return `text` without NUL and with U+FFFD for each lone surrogate."""
    text = text.replace("\x00", "")
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def derived_id(item: dict[str, object]) -> str:
    """Return a stable id for something that came without one: equal content, equal id."""
    try:
        canonical = json.dumps(item, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise UnreadableBodyError("nested too deeply") from None
    return f"derived:{hashlib.sha256(canonical.encode()).hexdigest()}"


def mapping(value: object) -> dict[str, object]:
    """Return `value` if it is an object, else an empty one (which callers must not change)."""
    return value if isinstance(value, dict) else _NOTHING


def string(value: object) -> str:
    """Return `value` if it is a string, else ""."""
    return value if isinstance(value, str) else ""


def reference(value: object, *, longest: int = 64) -> str:
    """Return an id that may have come as a string or a number, cut to what a column holds; "" if it is neither."""
    if isinstance(value, str):
        return value[:longest]
    return str(value)[:longest] if type(value) is int else ""


def integer(value: object) -> int | None:
    """Return a 32-bit whole number that came as a number or as digits, else None."""
    if isinstance(value, str) and len(value) <= 10 and value.isascii() and value.isdigit():
        value = int(value)
    return value if type(value) is int and -(2**31) <= value < 2**31 else None


def moment(value: object) -> datetime | None:
    """Return epoch seconds (number or digits) as UTC time, or None outside 2009 to 2100."""
    if isinstance(value, str) and len(value) == 10 and value.isascii() and value.isdigit():
        value = int(value)
    if type(value) is not int or not _FIRST_SECOND <= value < _LAST_SECOND:
        return None
    return datetime.fromtimestamp(value, UTC)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def _may_hold_trouble(text: str, *, was_text: bool) -> bool:
    # Decoded bytes hold no surrogates of their own, so escapes are the only way in; a str may bring them along.
    escaped = "\\u" in text and _TROUBLE.search(text) is not None
    return escaped or (was_text and _SURROGATES.search(text) is not None)


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: _cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return value
