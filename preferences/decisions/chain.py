"""Canonical bytes and hashes of ledger rows, the same on every database."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any

from preferences.models import ConsentEvent

#: Every column but the position (which is given last, under the head's lock) and the hash itself.
HASHED_FIELDS = tuple(
    field.name for field in ConsentEvent._meta.concrete_fields if field.name not in {"position", "row_hash"}
)
FIELDS = ("position", *HASHED_FIELDS, "row_hash")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def row_hash(values: tuple[Any, ...]) -> bytes:
    """SHA-256 of the canonical bytes of one row, given in the order of HASHED_FIELDS.

    Canonical: a JSON list without spaces, ASCII only; times as whole microseconds since 1970 UTC, bytes as hex, UUIDs
    with dashes. `docs/ledger.md` describes it for programs that do not use our code.
    """
    # Converted beforehand: the encoder, which is in C, would call back for each value it does not know.
    plain = [_PLAIN[type(value)](value) if type(value) in _PLAIN else value for value in values]
    return hashlib.sha256(_encode(plain).encode("ascii")).digest()


def leaf(position: int, digest: bytes) -> bytes:
    """The leaf of a seal's Merkle tree: binds a row to its position (RFC 6962 prefixes a leaf with 0)."""
    return hashlib.sha256(b"\x00" + position.to_bytes(8, "big") + digest).digest()


def merkle_root(leaves: list[bytes]) -> bytes:
    """The root of a binary tree over `leaves` in order; an odd node moves up unchanged. Raises ValueError if empty."""
    if not leaves:
        raise ValueError("A seal needs at least one event.")
    level = leaves
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
    return level[0]


_PLAIN: dict[type, Callable[[Any], Any]] = {
    dt.datetime: lambda value: (value - _EPOCH) // _MICROSECOND,
    bytes: bytes.hex,
    memoryview: lambda value: bytes(value).hex(),
    uuid.UUID: str,
}
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, default=str).encode
