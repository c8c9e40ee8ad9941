"""The ledger: nobody can change it, every change planted in it is found, and it holds no personal data."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import uuid

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from preferences import decisions, seals
from preferences.decisions import Act, chain
from preferences.identifiers import digest
from preferences.models import ConsentEvent, EventKind, Evidence, Scope, Source, Subscriber
from preferences.models.ledger import NO_HASH
from tests import bodies, ledger_guard
from tests.conftest import SAMPLE_TIME

NOON = SAMPLE_TIME
WAMID = "wamid.HBgMNDQ3NzAwOTAwMTIzFQIAEhg="


# The guard ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda: ConsentEvent.objects.update(kind="opt_in"), id="update"),
        pytest.param(lambda: ConsentEvent._base_manager.update(kind="opt_in"), id="update-base-manager"),
        pytest.param(lambda: ConsentEvent.objects.all().delete(), id="delete"),
        pytest.param(lambda: ConsentEvent._base_manager.filter(position=1).delete(), id="delete-base-manager"),
        pytest.param(lambda: ConsentEvent.objects.all()._raw_delete("default"), id="raw-delete"),
        pytest.param(lambda: ConsentEvent.objects.get(position=1).save(), id="save"),
        pytest.param(
            lambda: ConsentEvent.objects.bulk_update([ConsentEvent(position=1, kind="hold")], ["kind"]),
            id="bulk-update",
        ),
        pytest.param(
            lambda: connection.cursor().execute("DELETE FROM preferences_consentevent WHERE position = 3"), id="sql"
        ),
        pytest.param(
            lambda: connection.cursor().execute("TRUNCATE preferences_consentevent"),
            id="truncate",
            marks=pytest.mark.postgresql,
        ),
    ],
)
def test_it_refuses_to_be_changed(change, spoken):
    before = list(ConsentEvent.objects.order_by("position").values_list())

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        change()

    assert list(ConsentEvent.objects.order_by("position").values_list()) == before


def test_it_is_guarded_again_after_the_guard_was_lifted(spoken):
    with ledger_guard.lifted():
        pass

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        ConsentEvent.objects.update(kind="opt_in")


# Positions, bytes, privacy --------------------------------------------------------------------------------------------


def test_it_has_no_gap_after_a_transaction_that_failed(spoken, receive):
    who = Subscriber.objects.first().pk
    act = Act(
        subscriber=who, kind=EventKind.STOP, scope=Scope(), effective_at=NOON, received_at=NOON, source=Source.STAFF,
        source_ref=digest("lost"),
    )  # fmt: skip
    with pytest.raises(RuntimeError), transaction.atomic():
        decisions.record(act, now=NOON)
        raise RuntimeError

    receive(bodies.message("STOP", at=NOON), now=NOON + bodies.HOUR)

    assert list(ConsentEvent.objects.order_by("position").values_list("position", flat=True)) == list(range(1, 12))
    assert seals.verify().is_sound


def test_it_gives_a_pinned_row_its_pinned_hash(db):
    """The same bytes on every database and in every version: a change here would break all proofs given out before."""
    row = dict.fromkeys(chain.HASHED_FIELDS, 0) | {
        "schema_version": 1, "subscriber": uuid.UUID(int=7), "kind": "stop", "controller": 0, "brand": 3,
        "channel": "any", "topic": "marketing", "status": "opted_out", "effective_at": NOON,
        "received_at": NOON + dt.timedelta(microseconds=1), "recorded_at": NOON + dt.timedelta(seconds=1), "until": None,
        "source": "reply", "source_ref": bytes(range(32)), "keywords_version": "k", "regime_version": "2026-11-23",
        "notice_version": "", "rule": "de/kündigen", "language": "de", "jurisdiction": "DE", "legal_basis": "",
        "expression": "explicit", "reason": "", "related": None, "related_hash": NO_HASH, "evidence": bytes([255]) * 32,
        "prev_hash": NO_HASH,
    }  # fmt: skip
    values = tuple(row[name] for name in chain.HASHED_FIELDS)
    ConsentEvent.objects.create(position=1, **row, row_hash=chain.row_hash(values))

    stored = ConsentEvent.objects.values_list(*chain.HASHED_FIELDS).get(position=1)

    assert chain.row_hash(values).hex() == "7a88e010f27e031a7f095771df5830c4602ac0f226d73148c95b4988022984c4"
    assert chain.row_hash(stored) == chain.row_hash(values)


def test_it_changes_its_hash_with_every_column(spoken):
    values = ConsentEvent.objects.values_list(*chain.HASHED_FIELDS).get(position=1)

    changed = {chain.row_hash((*values[:index], "other", *values[index + 1 :])) for index in range(len(values))}

    assert len(changed | {chain.row_hash(values)}) == len(values) + 1


def _as_documented(value: object) -> str:
    """One value of the canonical bytes as docs/ledger.md describes them."""
    if isinstance(value, dt.datetime):
        return str((value - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1))
    if isinstance(value, bytes):
        return f'"{value.hex()}"'
    return f'"{value}"' if isinstance(value, uuid.UUID) else json.dumps(value)


VALUES = st.text() | st.integers() | st.none() | st.binary() | st.uuids() | st.datetimes(timezones=st.just(dt.UTC))


@given(st.lists(VALUES | st.sampled_from(EventKind)))
def test_it_hashes_the_bytes_that_the_documentation_describes(values):
    canonical = f"[{','.join(map(_as_documented, values))}]"

    assert chain.row_hash(tuple(values)) == hashlib.sha256(canonical.encode("ascii")).digest()


def test_it_holds_no_personal_data(acme, receive):
    at = NOON
    receive(bodies.message("STOP", at=at, bsuid="GB.700000123", wamid=WAMID), now=at)
    receive(bodies.message("if this goes on I will unsubscribe, Bilal", at=at, wamid=f"{WAMID}2"), now=at)
    receive(bodies.switched("stop", at=at), bodies.status(at=at, phone=bodies.BILAL, code=131050), now=at)
    needles = [
        needle
        for text in (
            bodies.BILAL[1:],
            bodies.BILAL[-6:],
            "GB.700000123",
            "700000123",
            WAMID,
            WAMID[6:],
            "Bilal",
            "sign",
        )
        for needle in (text, text.encode().hex(), base64.b64encode(text.encode()).decode().rstrip("=")[:-1])
    ]

    cells = [
        cell
        for row in ConsentEvent.objects.values_list()
        for value in row
        for cell in (_shown(value) if isinstance(value, (bytes, memoryview)) else [str(value)])
    ]

    assert ConsentEvent.objects.count() == 4
    assert [(needle, cell) for needle in needles for cell in cells if needle.lower() in cell.lower()] == []
    assert WAMID.encode() not in b"".join(
        bytes(content) for content in Evidence.objects.values_list("content", flat=True)
    )


def _shown(value):
    raw = bytes(value)
    return [raw.decode("latin-1"), raw.hex(), base64.b64encode(raw).decode()]
