"""Cuts personal data and secrets out of text that is about to be logged or stored as an error. Pure."""

from __future__ import annotations

import re

# Seven digits or more, with or without separators, are a phone number until proven otherwise.
_NUMBERS = re.compile(r"\+?\d[\d ().-]{5,}\d")
_SECRETS = re.compile(
    r"(?:optout_[0-9a-f]{8}_|Api-Key |Bearer |sha256=)[\w=+/.-]+|\b[A-Z]{2}\.(?:ENT\.)?\w{6,}|wamid\.[\w=+/-]+|/p/[\w:.-]+"
    r"|[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]+(?:\.[\w-]+)+"
)


def redact(text: str) -> str:
    """`text` with phone numbers, user ids, e-mail addresses, message ids, keys and tokens replaced by `[cut]`."""
    return _NUMBERS.sub("[cut]", _SECRETS.sub("[cut]", text))
