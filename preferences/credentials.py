"""Access tokens of portfolios: sealed in the portfolio's row, or the environment's for one that has none of its own.

Nothing here talks to a provider; a token is never part of a repr, a log or an exception.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import Q

from preferences.encryption import EncryptionError, seal, unseal
from preferences.models import Portfolio, Provider

_PURPOSE = "portfolio credentials"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a provider wants to see before it sends for a portfolio."""

    access_token: str = field(repr=False)


def seal_credentials(credentials: Credentials) -> bytes:
    """The encrypted bytes for `Portfolio.credentials`. Raises EncryptionError when no key is configured."""
    return seal(_PURPOSE, json.dumps({"access_token": credentials.access_token}).encode())


def unseal_credentials(sealed: bytes) -> Credentials | None:
    """What `seal_credentials` sealed; None for what holds no token. Raises EncryptionError when no key opens it."""
    content = json.loads(unseal(_PURPOSE, sealed))
    token = content.get("access_token") if isinstance(content, dict) else None
    return Credentials(token) if isinstance(token, str) and token else None


def give(portfolio: int, credentials: Credentials | None) -> None:
    """Keep a portfolio's own credentials, encrypted; None takes them away."""
    sealed = seal_credentials(credentials) if credentials else None
    Portfolio.objects.filter(pk=portfolio).update(credentials=sealed)


def of_portfolios(portfolios: Iterable[int]) -> dict[int, Credentials]:
    """The credentials of those of the WhatsApp portfolios that have any, in one query.

    The environment's WHATSAPP_ACCESS_TOKEN serves the first portfolio without its own. A portfolio whose credentials no
    key opens any more has none: it must not send with a token that was meant for another one.
    """
    own, served = _kept(set(portfolios))
    found = {pk: opened for pk, sealed in own.items() if (opened := _opened(sealed))}
    return found | ({served: Credentials(settings.WHATSAPP_ACCESS_TOKEN)} if served else {})


def are_set_for(portfolios: Iterable[int]) -> set[int]:
    """Those of the WhatsApp portfolios that are meant to send, in one query. One whose credentials do not open is among
    them: its answers wait and say so, instead of being silently recorded."""
    own, served = _kept(set(portfolios))
    return own.keys() | ({served} if served else set())


def _kept(wanted: set[int]) -> tuple[dict[int, bytes], int]:
    """The sealed credentials of the wanted portfolios, and which of them the environment's token serves (0: none)."""
    whatsapp = Portfolio.objects.filter(provider=Provider.WHATSAPP).order_by("pk")
    rows = list(whatsapp.filter(Q(pk__in=wanted) | Q(credentials=None)).values_list("pk", "credentials"))
    first = next((pk for pk, sealed in rows if sealed is None), 0)
    own = {pk: bytes(sealed) for pk, sealed in rows if sealed is not None}
    return own, first if settings.WHATSAPP_ACCESS_TOKEN and first in wanted else 0


def _opened(sealed: bytes) -> Credentials | None:
    try:
        return unseal_credentials(sealed)
    except (EncryptionError, ValueError):
        return None
