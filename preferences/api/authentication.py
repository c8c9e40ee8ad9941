"""`Authorization: Api-Key <key>`: who a program is. The key is looked up by its public prefix and compared by hash."""

from __future__ import annotations

import datetime as dt
import hmac

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from preferences.models import ApiKey
from preferences.models.access import digest_of

_KEYWORD = "Api-Key"
#: Writing the time of each use would cost more than it tells.
_USED_AFTER = dt.timedelta(minutes=1)


class ApiKeyAuthentication(BaseAuthentication):
    """Sets `request.auth` to the key. Says the same for an unknown, a wrong, an expired and a revoked key."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        keyword, _, given = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if keyword != _KEYWORD:
            return None
        now = timezone.now()
        key = ApiKey.objects.usable(now).filter(prefix=_prefix_of(given)).first()
        stored = bytes(key.digest) if key else bytes(32)
        if not hmac.compare_digest(digest_of(given), stored) or key is None:
            raise AuthenticationFailed("This API key is not valid, has expired or was revoked. Ask for a new one.")
        if key.last_used_at is None or now - key.last_used_at > _USED_AFTER:
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
        return None, key

    def authenticate_header(self, request: Request) -> str:
        return _KEYWORD


def _prefix_of(key: str) -> str:
    parts = key.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == "optout" and parts[1].isalnum() else ""
