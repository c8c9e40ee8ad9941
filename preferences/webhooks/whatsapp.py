"""The door for WhatsApp Cloud API webhooks: checks the signature, stores the bytes, answers 200 after the commit.

It knows one thing about content, the lane, and finds it from key names. Whatever carries a right signature is stored and
answered 200, understood or not: another answer would only make the provider send it again for days.
"""

from __future__ import annotations

import datetime as dt
import logging
import re

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from preferences.inbox import envelope
from preferences.models import Lane, Provider
from preferences.signing import is_same_token, is_signed_by_meta
from preferences.tasks import ring_inbox
from preferences.webhooks import ticks
from preferences.webhooks.store import StoreUnavailableError, store

logger = logging.getLogger(__name__)

#: The only headers worth keeping; the others hold nothing but addresses and secrets.
_KEPT_HEADERS = {"HTTP_USER_AGENT": "User-Agent", "CONTENT_TYPE": "Content-Type"}

_STATUSES = re.compile(rb'"statuses"\s*:')
# Anything that may carry a consent signal; 131050 is the code of a refused send to a person who stopped marketing.
_URGENT = re.compile(
    rb'"(?:messages|message_echoes|user_preferences|user_id_update|history|standby)"\s*:|"field"\s*:\s*"(?!messages")|131050'
)


class WebhookRejectedError(Exception):
    """These bytes do not come from the provider; the message says what to look at."""


@csrf_exempt
@require_http_methods(["GET", "POST"])
def door(request: HttpRequest) -> HttpResponse:
    """GET is the provider's handshake, POST delivers webhooks (provider's page on webhook endpoints, 2026-05-21)."""
    return _handshake(request) if request.method == "GET" else _receive(request)


def _handshake(request: HttpRequest) -> HttpResponse:
    """Echo the challenge as plain text if the token is ours; 403 otherwise."""
    is_ours = is_same_token(request.GET.get("hub.verify_token", ""), settings.WHATSAPP_VERIFY_TOKEN)
    if request.GET.get("hub.mode") != "subscribe" or not is_ours:
        return _plain("The verify token is not ours: set WHATSAPP_VERIFY_TOKEN to what the app dashboard sends.", 403)
    ticks.tick(Provider.WHATSAPP, ticks.HANDSHAKE, now=timezone.now())
    return _plain(request.GET.get("hub.challenge", ""), 200)


def _receive(request: HttpRequest) -> HttpResponse:
    """200 once the bytes are committed; 403 for a wrong signature, 411 without a length and 413 beyond 3 MB, with nothing
    stored; 503 when it is not known whether they were stored."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if "HTTP_TRANSFER_ENCODING" in request.META:
        # Django reads no body without a length, and the signature would be blamed for it.
        return _plain("Send a Content-Length: a proxy in between must buffer chunked webhooks.", 411)
    if not length.isdecimal() or int(length) > settings.WEBHOOK_MAX_BYTES:
        return _plain("A webhook has a Content-Length of at most 3 MB.", 413)
    headers = {name: request.META[key][:200] for key, name in _KEPT_HEADERS.items() if request.META.get(key)}
    signature = request.META.get("HTTP_X_HUB_SIGNATURE_256", "")
    try:
        accept(request.read(int(length)), signature=signature, headers=headers, now=timezone.now())
    except WebhookRejectedError as error:
        logger.warning("A webhook with a wrong or missing signature was refused.", extra={"size": int(length)})
        return _plain(str(error), 403)
    except StoreUnavailableError:
        logger.warning("A webhook could not be stored; the provider will send it again.")
        return _plain("Not stored. Please send it again.", 503)
    return _plain("", 200)


def accept(body: bytes, *, signature: str, headers: dict[str, str], now: dt.datetime) -> None:
    """Store a webhook received at `now`; it is committed when this returns.

    Raises WebhookRejectedError when no app secret made the signature (nothing is stored then), StoreUnavailableError
    when it is not known whether it was stored.
    """
    if not is_signed_by_meta(body, signature, settings.WHATSAPP_APP_SECRET):
        raise WebhookRejectedError(
            "The signature does not match: set WHATSAPP_APP_SECRET to the secret of the app that sends."
        )
    store(envelope(Provider.WHATSAPP.value, lane_of(body), body, headers, now))
    ring_inbox()


def lane_of(body: bytes) -> str:
    """`status` if the body names statuses and nothing that may bear on consent; else, and in doubt, `urgent`."""
    if _STATUSES.search(body) and not _URGENT.search(body):
        return Lane.STATUS.value
    return Lane.URGENT.value


def _plain(text: str, status: int) -> HttpResponse:
    body = text.encode()
    # Without a length the server answers in chunks, which costs a busy connection half its rate.
    headers = {"Content-Length": str(len(body)), "X-Content-Type-Options": "nosniff"}
    return HttpResponse(body, status=status, content_type="text/plain; charset=utf-8", headers=headers)
