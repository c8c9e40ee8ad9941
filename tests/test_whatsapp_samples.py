"""What the WhatsApp reader makes of every sample webhook, alone and in one body with others."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preferences.interpretation import whatsapp
from preferences.interpretation.observations import InboundMessage, StatusUpdate
from tests.whatsapp_samples import ALICE, BULK, EXPECTED, INDEX, SAMPLES


def test_it_is_tested_with_every_sample() -> None:
    assert {name for name, note in INDEX.items() if note["kind"] == "meta-webhook"} == {*EXPECTED, BULK}


@pytest.mark.parametrize("name", EXPECTED)
def test_it_reads_the_sample(name: str) -> None:
    reading = whatsapp.read((SAMPLES / name).read_bytes())

    assert list(reading.observations) == EXPECTED[name]
    assert reading.unknown == (("field:brand_new_field",) if name == "unknown_future_field.json" else ())
    statuses_only = all(isinstance(observation, StatusUpdate) for observation in EXPECTED[name])
    assert reading.has_messages is not statuses_only


def test_it_reads_a_thousand_updates_in_one_body() -> None:
    reading = whatsapp.read((SAMPLES / BULK).read_bytes())

    texts = [observation.text for observation in reading.observations if isinstance(observation, InboundMessage)]
    assert len(texts) == 1000
    assert [place for place, text in enumerate(texts) if text == "STOP"] == [777]
    assert {observation.person for observation in reading.observations} == {ALICE}  # type: ignore[union-attr]
    assert reading.has_messages
    assert not reading.unknown


@given(st.lists(st.sampled_from(sorted(EXPECTED)), max_size=6))
def test_it_reads_bodies_joined_as_it_reads_them_apart(names: list[str]) -> None:
    apart = [observation for name in names for observation in EXPECTED[name]]
    entries = [entry for name in names for entry in json.loads((SAMPLES / name).read_bytes())["entry"]]

    together = whatsapp.read(json.dumps({"entry": entries}).encode())

    assert list(together.observations) == apart
