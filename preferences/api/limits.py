"""How often a key may ask. Counted in the shared cache, so that the limit holds across processes.

Without the cache nobody is limited: a limit protects the desk's speed, and the desk must go on answering. What may be
sent is never read from a cache.
"""

from __future__ import annotations

import logging
import time
from typing import NamedTuple, cast

from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from preferences.models import ApiKey

_WINDOW = 60
#: A cache that failed is left alone for so long, so that it does not slow every request down.
_LEFT_ALONE = 30.0

logger = logging.getLogger(__name__)


class Rate(NamedTuple):
    """How much of its minute a key has used: `remaining` requests until `reset` seconds have passed."""

    limit: int
    remaining: int
    reset: int


class KeyRate(BaseThrottle):
    """At most `requests_per_minute` in each minute of the clock. The view's `rate` says what is left."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        key = cast("ApiKey", request.auth)
        now = time.time()
        used = _counter.count(f"rate:{key.prefix}:{int(now // _WINDOW)}")
        if used is None:
            return True
        self.rate = Rate(key.requests_per_minute, max(key.requests_per_minute - used, 0), _WINDOW - int(now % _WINDOW))
        view.rate = self.rate  # type: ignore[attr-defined]
        return used <= key.requests_per_minute

    def wait(self) -> float:
        return self.rate.reset


class _Counter:
    """Counts in the cache; None when it cannot. Says so in the log once, and again only after it has worked."""

    def __init__(self) -> None:
        self._silent_until = 0.0
        self._is_broken = False

    def count(self, name: str) -> int | None:
        if time.monotonic() < self._silent_until:
            return None
        try:
            cache.add(name, 0, 2 * _WINDOW)
            used = int(cache.incr(name))
        except (RedisError, OSError, ValueError):  # ValueError: evicted between the two
            self._silent_until = time.monotonic() + _LEFT_ALONE
            if not self._is_broken:
                logger.warning("The cache does not answer, so API keys are not limited until it does.", exc_info=True)
            self._is_broken = True
            return None
        self._is_broken = False
        return used


_counter = _Counter()


def tell(rate: Rate | None, response: Response) -> None:
    """The RateLimit fields of draft-ietf-httpapi-ratelimit-headers-10."""
    if rate:
        response["RateLimit-Policy"] = f'"key";q={rate.limit};w={_WINDOW}'
        response["RateLimit"] = f'"key";r={rate.remaining};t={rate.reset}'
