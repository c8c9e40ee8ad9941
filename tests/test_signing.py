"""Signatures of webhooks and tokens: exact, for any of several secrets, never for an empty one."""

from __future__ import annotations

import json

import pytest

from preferences.signing import is_same_token, is_signed_by_meta, sign_meta
from tests.conftest import FIXTURES, SECRET

# The vector of RFC 4231, test case 2.
BODY, KEY = b"what do ya want for nothing?", "Jefe"
HEADER = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_it_signs_like_the_standard():
    assert sign_meta(BODY, KEY) == HEADER


def test_it_signs_like_the_provider():
    index = json.loads((FIXTURES / "INDEX.json").read_text())["files"]
    signed = {name: one["x_hub_signature_256"] for name, one in index.items() if one["kind"] == "meta-webhook"}

    assert {name: sign_meta((FIXTURES / name).read_bytes(), SECRET) for name in signed} == signed


@pytest.mark.parametrize(
    ("header", "secrets", "is_good"),
    [
        (HEADER, [KEY], True),
        (HEADER, ["other", KEY], True),
        (HEADER, [KEY, "other"], True),
        (HEADER, ["other"], False),
        (HEADER, [], False),
        (HEADER, [""], False),
        (sign_meta(BODY, ""), [""], False),
        (HEADER.upper(), [KEY], False),
        (HEADER.removeprefix("sha256="), [KEY], False),
        (HEADER.replace("sha256", "sha1"), [KEY], False),
        (HEADER[:-1], [KEY], False),
        (f" {HEADER}", [KEY], False),
        (f"{HEADER}\n", [KEY], False),
        ("", [KEY], False),
        ("sha256=é\ud800", [KEY], False),
    ],
)
def test_it_knows_a_good_signature(header, secrets, is_good):
    assert is_signed_by_meta(BODY, header, secrets) is is_good


def test_it_notices_a_changed_byte():
    assert not is_signed_by_meta(BODY + b" ", HEADER, [KEY])


@pytest.mark.parametrize(
    ("given", "tokens", "is_good"),
    [
        ("token", ["token"], True),
        ("token", ["new", "token"], True),
        ("é✓", ["é✓"], True),
        ("Token", ["token"], False),
        ("token ", ["token"], False),
        ("", ["token"], False),
        ("", [""], False),
        ("", [], False),
        ("\ud800", ["token"], False),
    ],
)
def test_it_knows_a_token(given, tokens, is_good):
    assert is_same_token(given, tokens) is is_good
