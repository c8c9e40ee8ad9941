"""Seals over the ledger, and the proof that nothing in it was changed, removed or added behind our back.

A seal is a Merkle root over (position, row hash) of everything since the last one, chained to it. Sealed seals can be
kept elsewhere; `SEAL_SIGNING_KEY` signs them with Ed25519.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction

from preferences.decisions import chain
from preferences.models import ConsentEvent, LedgerHead, Seal
from preferences.models.ledger import NO_HASH

_BATCH = 5_000
#: One seal covers at most this many events, so that sealing and checking need bounded memory.
_SEAL_EVENTS = 100_000


@dataclass(slots=True)
class Verification:
    """What was checked and what is wrong. `tail` events after the last seal are chained, but nothing outside the
    database vouches for them yet."""

    events: int = 0
    seals: int = 0
    tail: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not self.problems


def seal(*, now: dt.datetime) -> list[Seal]:
    """Seal every event since the last seal. Returns the new seals, none when there is nothing to seal."""
    seals: list[Seal] = []
    while made := _seal_next(now):
        seals.append(made)
    return seals


def _seal_next(now: dt.datetime) -> Seal | None:
    with transaction.atomic():
        # The head's lock keeps two sealers apart; nobody can commit an earlier position afterwards.
        head = LedgerHead.objects.select_for_update().get(pk=1).position
        last = Seal.objects.order_by("-number").first()
        first = last.to_position + 1 if last else 1
        if first > head:
            return None
        end = min(head, first + _SEAL_EVENTS - 1)
        rows = ConsentEvent.objects.filter(position__range=(first, end)).order_by("position")
        leaves = [chain.leaf(position, bytes(digest)) for position, digest in rows.values_list("position", "row_hash")]
        number = last.number + 1 if last else 1
        previous = bytes(last.digest) if last else NO_HASH
        root = chain.merkle_root(leaves)
        digest = seal_digest(number, first, end, root, previous, now)
        key_id, signature = _sign(digest)
        return Seal.objects.create(
            number=number, from_position=first, to_position=end, merkle_root=root, previous=previous, digest=digest,
            sealed_at=now, key_id=key_id, signature=signature,
        )  # fmt: skip


def seal_digest(number: int, first: int, last: int, root: bytes, previous: bytes, sealed_at: dt.datetime) -> bytes:
    """SHA-256 of `number|first|last|root hex|previous hex|microseconds since 1970`: what is signed and chained."""
    micros = (sealed_at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    text = f"{number}|{first}|{last}|{root.hex()}|{previous.hex()}|{micros}"
    return hashlib.sha256(text.encode("ascii")).digest()


def _sign(digest: bytes) -> tuple[str, bytes]:
    if not settings.SEAL_SIGNING_KEY:
        return "", b""
    key_id, _, encoded = settings.SEAL_SIGNING_KEY[0].partition(":")
    key = Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(encoded))
    return key_id, key.sign(digest)


def _is_rightly_signed(seal: Seal) -> bool:
    """Whether the signature is that of the key it names. A seal without one, or of a key that is no longer configured,
    is left to whoever keeps the public key."""
    for text in settings.SEAL_SIGNING_KEY:
        key_id, _, encoded = text.partition(":")
        if seal.key_id and key_id == seal.key_id:
            public = Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(encoded)).public_key()
            try:
                public.verify(bytes(seal.signature), bytes(seal.digest))
            except InvalidSignature:
                return False
    return True


def _faults(seal: Seal, leaves: list[bytes], previous: bytes) -> list[str]:
    """What is wrong with a seal, given the leaves it should be over and the digest of the seal before it."""
    faults = []
    root = chain.merkle_root(leaves) if leaves else NO_HASH
    digest = seal_digest(seal.number, seal.from_position, seal.to_position, root, bytes(seal.previous), seal.sealed_at)
    if bytes(seal.previous) != previous:
        faults.append(f"Seal {seal.number} does not follow the seal before it: a seal is missing or added.")
    if not _is_rightly_signed(seal):
        faults.append(f"Seal {seal.number} does not carry the signature of its key {seal.key_id}.")
    if root != bytes(seal.merkle_root) or digest != bytes(seal.digest):
        span = f"{seal.from_position} to {seal.to_position}"
        faults.append(f"Seal {seal.number} does not match events {span}: they were changed after sealing.")
    return faults


@dataclass(frozen=True, slots=True)
class EventProof:
    """What vouches for one event. `seal` is None while nothing outside the chain does. No problem: nothing is wrong."""

    position: int
    previous: int
    seal: Seal | None
    problems: tuple[str, ...] = ()


def seal_of(position: int) -> Seal | None:
    """The seal over this position, None while there is none yet."""
    seal = Seal.objects.filter(from_position__lte=position).order_by("-from_position").first()
    return seal if seal and seal.to_position >= position else None


def verify_event(position: int) -> EventProof:
    """Check one event: its content against its hash, its place in the subscriber's chain, and the seal over it.

    Five queries; reads every row hash under the seal (at most 100,000). Raises ConsentEvent.DoesNotExist.
    """
    rows = ConsentEvent.objects.filter(position=position).values_list(*chain.FIELDS)
    try:
        _, *values, row_hash = rows.get()
    except ConsentEvent.DoesNotExist:
        raise ConsentEvent.DoesNotExist(f"There is no event {position}.") from None
    result = Verification()
    chained = ConsentEvent.objects.filter(subscriber=values[_SUBSCRIBER]).values_list(
        "position", "row_hash", "prev_hash"
    )
    before = chained.filter(position__lt=position).order_by("-position").first()
    after = chained.filter(position__gt=position).order_by("position").first()
    heads = {values[_SUBSCRIBER]: bytes(before[1])} if before else {}
    _check_row(position, tuple(values), bytes(row_hash), heads, result)
    if after and bytes(after[2]) != bytes(row_hash):
        result.problems.append(f"Event {after[0]}, the next of this subscriber, does not follow it.")
    seal = seal_of(position)
    if seal:
        under = ConsentEvent.objects.filter(position__range=(seal.from_position, seal.to_position)).order_by("position")
        leaves = [chain.leaf(place, bytes(digest)) for place, digest in under.values_list("position", "row_hash")]
        last = Seal.objects.filter(number=seal.number - 1).values_list("digest", flat=True).first()
        result.problems += _faults(seal, leaves, bytes(last) if last else NO_HASH)
    return EventProof(position, before[0] if before else 0, seal, tuple(result.problems))


def verify() -> Verification:
    """Read the whole ledger once and check row hashes, each subscriber's chain, contiguous positions and seals.

    Safe beside live traffic: what is written meanwhile may be read or not. Memory grows with the number of subscribers
    (a hash each), not of events.
    """
    result = Verification()
    head = _head()
    seals = Seal.objects.order_by("number").iterator(chunk_size=1000)
    checker = _SealChecker(seals, result)
    heads: dict[uuid.UUID, bytes] = {}
    expected = 1
    for position, values, row_hash in _rows():
        if position != expected:
            result.problems.append(f"Positions {expected} to {position - 1} are missing.")
        expected = position + 1
        result.events += 1
        _check_row(position, values, row_hash, heads, result)
        checker.add(position, row_hash)
    last = expected - 1
    if last < head or last > (head := max(head, _head())):
        result.problems.append(f"The head says {head}, but the last event is {last}: events were cut off or added.")
    checker.finish()
    return result


def _head() -> int:
    return LedgerHead.objects.values_list("position", flat=True).get(pk=1)


def _rows() -> Iterator[tuple[int, tuple[object, ...], bytes]]:
    rows = ConsentEvent.objects.order_by("position").values_list(*chain.FIELDS)
    for position, *values, row_hash in rows.iterator(chunk_size=_BATCH):
        yield position, tuple(values), bytes(row_hash)


_SUBSCRIBER = chain.HASHED_FIELDS.index("subscriber")
_PREV_HASH = chain.HASHED_FIELDS.index("prev_hash")


def _check_row(
    position: int, values: tuple[object, ...], row_hash: bytes, heads: dict[uuid.UUID, bytes], result: Verification
) -> None:
    subscriber = values[_SUBSCRIBER]
    assert isinstance(subscriber, uuid.UUID)  # noqa: S101 (the column's type)
    if chain.row_hash(values) != row_hash:
        result.problems.append(f"Event {position} was changed: its content does not give its hash.")
    if bytes(values[_PREV_HASH]) != heads.get(subscriber, NO_HASH):  # type: ignore[call-overload]
        result.problems.append(
            f"Event {position} does not follow this subscriber's previous event: one is missing or added."
        )
    heads[subscriber] = row_hash


class _SealChecker:
    """Walks the seals beside the events."""

    def __init__(self, seals: Iterator[Seal], result: Verification) -> None:
        self._seals = seals
        self._result = result
        self._previous = NO_HASH
        self._leaves: list[bytes] = []
        self._current = next(seals, None)

    def add(self, position: int, row_hash: bytes) -> None:
        seal = self._current
        if seal is None:
            self._result.tail += 1
            return
        self._leaves.append(chain.leaf(position, row_hash))
        if position >= seal.to_position:
            self._close(seal)

    def _close(self, seal: Seal) -> None:
        self._result.problems += _faults(seal, self._leaves, self._previous)
        self._previous = bytes(seal.digest)
        self._result.seals += 1
        self._leaves = []
        self._current = next(self._seals, None)

    def finish(self) -> None:
        if self._current is not None:
            self._result.problems.append(
                f"Seal {self._current.number} vouches for events up to {self._current.to_position}, which are not there."
            )
