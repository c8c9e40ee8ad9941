"""Signatures of other people's webhooks. Pure: bytes and secrets in, a yes or no out, always in constant time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable


def sign_meta(body: bytes, secret: str) -> str:
    """The `X-Hub-Signature-256` header for `body`: HMAC-SHA256 over the raw bytes, keyed with the app secret."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_signed_by_meta(body: bytes, header: str, secrets: Iterable[str]) -> bool:
    """Whether any of `secrets` made `header` for exactly these bytes. All secrets are tried, whichever matches."""
    given = header.encode("utf-8", "replace")
    matches = [hmac.compare_digest(sign_meta(body, secret).encode(), given) for secret in secrets if secret]
    return any(matches)


def is_same_token(given: str, tokens: Iterable[str]) -> bool:
    """Whether `given` is one of `tokens`, compared in constant time. An empty token never matches."""
    value = given.encode("utf-8", "replace")
    matches = [hmac.compare_digest(token.encode(), value) for token in tokens if token]
    return any(matches)
