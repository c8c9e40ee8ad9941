"""Seals and the check of the whole ledger: what somebody plants in it behind our back is found."""

from __future__ import annotations

import base64
import uuid

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from preferences import seals
from preferences.decisions import chain
from preferences.models import ConsentEvent, LedgerHead, Seal
from preferences.models.ledger import NO_HASH
from tests import bodies, ledger_guard
from tests.conftest import SAMPLE_TIME

NOON = SAMPLE_TIME


def problems():
    return " ".join(seals.verify().problems)


def test_it_is_not_alarmed_by_what_is_written_meanwhile(spoken, receive, monkeypatch):
    read = seals._rows

    def rows():
        receive(bodies.message("STOP", at=NOON + bodies.HOUR), now=NOON + bodies.HOUR)
        return read()

    monkeypatch.setattr(seals, "_rows", rows)

    assert (seals.verify().events, problems()) == (11, "")


# What is planted is found ---------------------------------------------------------------------------------------------


def change_one(**values):
    ConsentEvent.objects.filter(position=5).update(**values)


def change_and_hash_again():
    """What somebody does who knows the code: a changed row with its right hash."""
    change_one(kind="opt_in", status="opted_in")
    values = ConsentEvent.objects.values_list(*chain.HASHED_FIELDS).get(position=5)
    change_one(row_hash=chain.row_hash(values))


def insert_at_end():
    row = ConsentEvent.objects.get(position=10)
    row.position, row.source_ref = 11, bytes(32)
    row.row_hash = chain.row_hash(tuple(getattr(row, name) for name in chain.HASHED_FIELDS))
    row.save(force_insert=True)
    LedgerHead.objects.update(position=11)


def swap():
    for old, new in ((4, 900), (5, 4), (900, 5)):
        ConsentEvent.objects.filter(position=old).update(position=new)


def insert_beyond_head():
    insert_at_end()
    LedgerHead.objects.update(position=10)


def cut_off(*, with_head):
    ConsentEvent.objects.filter(position__gt=8).delete()
    if with_head:
        LedgerHead.objects.update(position=8)


UNSEALED = [
    pytest.param(lambda: change_one(kind="opt_in"), "Event 5 was changed", id="kind"),
    pytest.param(lambda: change_one(effective_at=NOON), "Event 5 was changed", id="time"),
    pytest.param(lambda: change_one(subscriber=uuid.uuid4()), "Event 5 was changed", id="subscriber"),
    pytest.param(lambda: change_one(evidence=bytes(32)), "Event 5 was changed", id="evidence"),
    pytest.param(lambda: change_one(row_hash=bytes(32)), "Event 5 was changed", id="hash"),
    pytest.param(change_and_hash_again, "Event 8 does not follow", id="hashed-again"),
    pytest.param(
        lambda: ConsentEvent.objects.filter(position=5).delete(), "Positions 5 to 5 are missing", id="removal"
    ),
    pytest.param(lambda: ConsentEvent.objects.filter(position=1).delete(), "Positions 1 to 1 are missing", id="first"),
    pytest.param(insert_at_end, "Event 11 does not follow", id="insertion"),
    pytest.param(insert_beyond_head, "The head says 10, but the last event is 11", id="beyond-head"),
    pytest.param(lambda: cut_off(with_head=False), "The head says 10, but the last event is 8", id="truncation"),
    pytest.param(
        lambda: ConsentEvent.objects.all().delete(), "The head says 10, but the last event is 0", id="all-gone"
    ),
]


@pytest.mark.parametrize("is_sealed", [False, True])
@pytest.mark.parametrize(("plant", "found"), UNSEALED)
def test_it_finds_what_was_planted(plant, found, is_sealed, spoken):
    if is_sealed:
        seals.seal(now=NOON + bodies.HOUR)

    with ledger_guard.lifted():
        plant()

    assert found in problems()


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        pytest.param(
            lambda: cut_off(with_head=True), "vouches for events up to 10, which are not there", id="end-cut-off"
        ),
        pytest.param(swap, "Seal 1 does not match events 1 to 10", id="swapped"),
        pytest.param(
            lambda: ConsentEvent.objects.filter(position=10).update(row_hash=bytes(32)),
            "Seal 1 does not match",
            id="last",
        ),
        pytest.param(lambda: Seal.objects.update(sealed_at=NOON), "Seal 1 does not match", id="seal-time"),
        pytest.param(lambda: Seal.objects.update(merkle_root=bytes(32)), "Seal 1 does not match", id="seal-root"),
    ],
)
def test_it_finds_what_only_a_seal_shows(plant, found, spoken):
    seals.seal(now=NOON + bodies.HOUR)

    with ledger_guard.lifted():
        plant()

    assert found in problems()


def test_it_finds_a_seal_that_was_taken_away(spoken, receive):
    seals.seal(now=NOON + bodies.HOUR)
    receive(bodies.message("STOP", at=NOON + bodies.HOUR), now=NOON + bodies.HOUR)
    seals.seal(now=NOON + 2 * bodies.HOUR)

    with ledger_guard.lifted():
        Seal.objects.filter(number=1).delete()

    assert "Seal 2 does not follow the seal before it" in problems()


def test_it_makes_the_command_fail(spoken, capsys):
    with ledger_guard.lifted():
        change_one(kind="opt_in")

    with pytest.raises(CommandError, match="The ledger does not verify: 1 problems in 10 events"):
        call_command("verify_ledger")

    assert "Event 5 was changed" in capsys.readouterr().err


# Seals ----------------------------------------------------------------------------------------------------------------


def test_it_chains_its_seals(spoken, receive):
    first = seals.seal(now=NOON + bodies.HOUR)
    nothing = seals.seal(now=NOON + bodies.HOUR)
    receive(bodies.message("STOP", at=NOON), now=NOON + bodies.HOUR)
    second = seals.seal(now=NOON + 2 * bodies.HOUR)

    spans = list(Seal.objects.order_by("number").values_list("number", "from_position", "to_position"))
    assert (len(first), nothing, spans) == (1, [], [(1, 1, 10), (2, 11, 11)])
    assert (bytes(first[0].previous), bytes(second[0].previous)) == (NO_HASH, bytes(first[0].digest))
    assert seals.verify() == seals.Verification(events=11, seals=2, tail=0, problems=[])


def test_it_splits_a_long_tail_into_several_seals(spoken, monkeypatch):
    monkeypatch.setattr(seals, "_SEAL_EVENTS", 4)

    made = seals.seal(now=NOON + bodies.HOUR)

    assert [(one.from_position, one.to_position) for one in made] == [(1, 4), (5, 8), (9, 10)]
    assert seals.verify().is_sound


def test_it_has_nothing_to_seal_in_an_empty_ledger(db, capsys):
    call_command("seal_ledger")
    call_command("verify_ledger")

    assert capsys.readouterr().out == (
        "Nothing to seal: every event is sealed.\nThe ledger verifies: 0 events, 0 seals.\n"
    )


def test_it_signs_its_seals(spoken, settings):
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    settings.SEAL_SIGNING_KEY = [f"s1:{base64.urlsafe_b64encode(bytes(range(32))).decode()}"]
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    (seal,) = seals.seal(now=NOON + bodies.HOUR)

    public = Ed25519PublicKey.from_public_bytes(raw)
    public.verify(bytes(seal.signature), bytes(seal.digest))
    assert seal.key_id == "s1"
    with pytest.raises(InvalidSignature):
        public.verify(bytes(seal.signature), bytes(32))


def test_it_says_what_the_unsealed_tail_does_not_prove(spoken, capsys):
    call_command("verify_ledger")

    out = capsys.readouterr().out
    assert "The ledger verifies: 10 events, 0 seals." in out
    assert (
        "The last 10 events are not sealed yet: their chain holds, but nothing kept elsewhere vouches for them." in out
    )


def test_it_refuses_to_change_or_delete_a_seal(spoken):
    seals.seal(now=NOON)

    for change in (lambda: Seal.objects.update(number=9), lambda: Seal.objects.all().delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()


def test_it_finds_a_forged_signature(spoken, settings):
    settings.SEAL_SIGNING_KEY = [f"s1:{base64.urlsafe_b64encode(bytes(32)).decode()}"]
    seals.seal(now=NOON)

    with ledger_guard.lifted():
        Seal.objects.update(signature=bytes(64))

    assert any("signature" in problem for problem in seals.verify().problems)
