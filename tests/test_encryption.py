"""Encryption at rest: opens only with the right key, for the right purpose, and only unchanged."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preferences.encryption import EncryptionError, parse_key, pseudonyms, seal, unseal


def key(name: str, byte: int) -> str:
    return f"{name}:{base64.urlsafe_b64encode(bytes([byte]) * 32).decode()}"


@given(st.binary(max_size=200))
def test_it_gives_back_what_was_sealed(plaintext):
    assert unseal("reply", seal("reply", plaintext)) == plaintext


def test_it_takes_what_a_database_gives_back():
    assert unseal("reply", memoryview(seal("reply", b"STOP"))) == b"STOP"


def test_it_never_seals_the_same_twice():
    assert len({seal("reply", b"STOP") for _ in range(100)}) == 100


def test_it_shows_nothing_of_the_content():
    assert b"+447700900123" not in seal("reply", b"+447700900123" * 3)


def test_it_binds_a_value_to_its_purpose():
    with pytest.raises(EncryptionError, match="belongs elsewhere"):
        unseal("evidence", seal("reply", b"STOP"))


def test_it_notices_every_changed_byte():
    sealed = seal("reply", b"STOP")

    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(EncryptionError):
            unseal("reply", bytes(changed))


def test_it_notices_every_truncation():
    sealed = seal("reply", b"STOP")

    for length in range(len(sealed)):
        with pytest.raises(EncryptionError):
            unseal("reply", sealed[:length])


def test_it_opens_old_values_after_a_rotation(settings):
    settings.FIELD_ENCRYPTION_KEYS = [key("old", 1)]
    old = seal("reply", b"STOP")

    settings.FIELD_ENCRYPTION_KEYS = [key("new", 2), key("old", 1)]
    new = seal("reply", b"START")

    assert (unseal("reply", old), unseal("reply", new)) == (b"STOP", b"START")
    assert (b"old" in old, b"new" in new) == (True, True)


def test_it_says_which_key_is_missing(settings):
    settings.FIELD_ENCRYPTION_KEYS = [key("old", 1)]
    sealed = seal("reply", b"STOP")
    settings.FIELD_ENCRYPTION_KEYS = [key("new", 2)]

    with pytest.raises(EncryptionError, match="has no key “old”"):
        unseal("reply", sealed)


def test_it_opens_nothing_with_another_key_of_the_same_name(settings):
    settings.FIELD_ENCRYPTION_KEYS = [key("k", 1)]
    sealed = seal("reply", b"STOP")
    settings.FIELD_ENCRYPTION_KEYS = [key("k", 2)]

    with pytest.raises(EncryptionError, match="does not open"):
        unseal("reply", sealed)


def test_it_seals_nothing_without_a_key(settings):
    settings.FIELD_ENCRYPTION_KEYS = []

    with pytest.raises(EncryptionError, match="FIELD_ENCRYPTION_KEYS is empty"):
        seal("reply", b"STOP")


GOOD = base64.urlsafe_b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    ["", GOOD, f":{GOOD}", "k:", "k:c2hvcnQ=", f"{'k' * 17}:{GOOD}", f"ké:{GOOD}", "k:é", "k:not base64!", "k:QUJD="],
)
def test_it_refuses_a_key_that_is_none_without_repeating_it(text):
    with pytest.raises(EncryptionError) as error:
        parse_key(text)

    assert GOOD not in str(error.value)


def test_it_knows_a_pseudonym_under_every_key(settings):
    settings.PSEUDONYM_KEY = [key("old", 1)]
    (old,) = pseudonyms("phone:+447700900123")
    settings.PSEUDONYM_KEY = [key("new", 2), key("old", 1)]

    found = pseudonyms("phone:+447700900123")

    assert [name for name, _ in found] == ["new", "old"]
    assert found[1] == old
    assert found[0][1] != old[1]
    assert pseudonyms("phone:+447700900124")[1] != old


def test_it_makes_no_pseudonym_without_a_key(settings):
    settings.PSEUDONYM_KEY = []

    with pytest.raises(EncryptionError, match="PSEUDONYM_KEY is empty"):
        pseudonyms("phone:+447700900123")
