"""Nothing that names a person or opens a door may stand in a log or a stored error."""

from __future__ import annotations

import logging

import pytest

from optout_admin.logs import JsonFormatter
from preferences.redaction import redact


@pytest.mark.parametrize(
    "secret",
    [
        "+447700900123",
        "447700900123",
        "+44 7700 900123",
        "+44 (0)7700-900.123",
        "2025550143",
        "٤٤٧٧٠٠٩٠٠١٢٣",
        "GB.70000000000000000123",
        "IT.ENT.80000000000000000999",
        "wamid.HBgMNDQ3NzAwOTAwMTIzFQIAEhg=",
        "optout_0a1b2c3d_Zm9vYmFy-_Zm9v",
        "Api-Key optout_0a1b2c3d_Zm9vYmFy",
        "Bearer EAAG.abc-def_123",
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "/p/eyJ0b2tlbiI6MX0:1abcde:Sig-nature_",
        "bilal@example.com",
        "Bilal.O'Fiction+news@mail.example.co.uk",
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "Key (value)=({}) already exists.", "“{}”, {}", "before {} after", '{{"from":"{}"}}']
)
def test_it_cuts_what_is_secret(secret, around):
    text = redact(around.format(secret, secret))

    assert secret not in text
    assert "[cut]" in text
    assert not any(part in text for part in ("7700", "900123", "555", "Zm9v", "EAAG", "5bdcc", "eyJ0", "HBgM", "ilal"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Seal 12 covers events 1 to 4711.",
        "field:brand_new_field",
        "HTTP 503 after 30 s",
        "row 123456",
        "error 131050",
    ],
)
def test_it_leaves_the_rest_alone(text):
    assert redact(text) == text


def test_it_is_used_by_the_logs():
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "No %s", ("+447700900123",), None)

    assert "447700900123" not in JsonFormatter().format(record)
