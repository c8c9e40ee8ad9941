"""Encryption of texts and files at rest: AES-256-GCM with a key id, so that keys can be rotated.

Keys are `<id>:<32 bytes in URL-safe base64>`; the first encrypts, all decrypt. A sealed value is
`version(1) | length of key id(1) | key id | nonce(12) | ciphertext and tag`. `purpose` is bound as associated data, so a
value copied into another column does not decrypt.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver

_VERSION = b"\x01"


class EncryptionError(Exception):
    """No key, or a value that none of the keys opens."""


def seal(purpose: str, plaintext: bytes) -> bytes:
    """Encrypt with the first key. Raises EncryptionError when no key is configured."""
    prefix, cipher = _first()
    nonce = os.urandom(12)
    return prefix + nonce + cipher.encrypt(nonce, plaintext, purpose.encode())


def unseal(purpose: str, sealed: bytes) -> bytes:
    """Decrypt what `seal` made. Raises EncryptionError when the key is gone or the value was changed."""
    data = bytes(sealed)
    if data[:1] != _VERSION or len(data) < 2:
        raise EncryptionError("This value was not sealed by this product.")
    end = 2 + data[1]
    key_id = data[2:end].decode("ascii", "replace")
    cipher = _ciphers().get(key_id)
    if cipher is None:
        raise EncryptionError(f"FIELD_ENCRYPTION_KEYS has no key “{key_id}”. Add the old key behind the new one.")
    try:
        return cipher.decrypt(data[end : end + 12], data[end + 12 :], purpose.encode())
    except (InvalidTag, ValueError) as error:  # ValueError: cut off within the nonce
        raise EncryptionError("The value does not open with its key: it was changed or belongs elsewhere.") from error


def pseudonym(value: str) -> tuple[str, bytes]:
    """The keyed HMAC-SHA-256 of an identity, with the key's id: what remains of an erased number."""
    key_id, key = _pseudonym_keys()[0]
    return key_id, hmac.new(key, value.encode(), hashlib.sha256).digest()


def pseudonyms(value: str) -> list[tuple[str, bytes]]:
    """`pseudonym` under every configured key: tombstones made before a rotation are found too."""
    return [(key_id, hmac.new(key, value.encode(), hashlib.sha256).digest()) for key_id, key in _pseudonym_keys()]


def parse_key(text: str) -> tuple[str, bytes]:
    """`<id>:<base64 of 32 bytes>`. Raises EncryptionError saying what is wrong, never the key."""
    key_id, separator, encoded = text.partition(":")
    try:
        key = base64.urlsafe_b64decode(encoded)
    except ValueError:
        key = b""
    if not separator or not key_id or not key_id.isascii() or len(key_id) > 16 or len(key) != 32:
        raise EncryptionError("A key is written <id>:<32 bytes in URL-safe base64>, with an id of 1 to 16 letters.")
    return key_id, key


@cache
def _ciphers() -> dict[str, AESGCM]:
    return {key_id: AESGCM(key) for key_id, key in map(parse_key, settings.FIELD_ENCRYPTION_KEYS)}


@cache
def _first() -> tuple[bytes, AESGCM]:
    if not settings.FIELD_ENCRYPTION_KEYS:
        raise EncryptionError("FIELD_ENCRYPTION_KEYS is empty: texts cannot be stored. Set it to <id>:<key>.")
    key_id, key = parse_key(settings.FIELD_ENCRYPTION_KEYS[0])
    return _VERSION + bytes([len(key_id)]) + key_id.encode(), AESGCM(key)


@cache
def _pseudonym_keys() -> list[tuple[str, bytes]]:
    if not settings.PSEUDONYM_KEY:
        raise EncryptionError("PSEUDONYM_KEY is empty: erased identities cannot be recognised. Set it to <id>:<key>.")
    return [parse_key(key) for key in settings.PSEUDONYM_KEY]


@receiver(setting_changed)
def _forget_keys(**_: object) -> None:
    """Settings change in tests alone."""
    for keys in (_ciphers, _first, _pseudonym_keys):
        keys.cache_clear()
