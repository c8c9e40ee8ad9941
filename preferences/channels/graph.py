"""A small HTTP client for Meta's Graph API: one call, one answer, and certainty about what may have been sent.

It never repeats a call by itself: /messages has no idempotency key (provider's reference, read 2026-09-11).
"""

from __future__ import annotations

import re
import ssl
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from django.conf import settings
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from preferences.credentials import Credentials
from preferences.interpretation import json_text
from preferences.interpretation.observations import UnreadableBodyError

CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
#: An answer of /messages has a few hundred bytes; what is larger is not read to its end.
MOST_BYTES = 64 * 1024
#: From the first byte of the answer to the last one; a drip of bytes must not outlive the lease of a delivery.
_BODY_SECONDS = 10.0
_TOKEN = re.compile(r"[\x21-\x7e]+")
_NEVER_BEGUN = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


class GraphError(Exception):
    """Meta refused the call with a code: certainly nothing was done. The message holds nothing of the request."""

    def __init__(self, code: int, *, subcode: int = 0, is_transient: bool = False, details: str = "") -> None:
        super().__init__(f"Graph API error {code}")
        self.code = code
        self.subcode = subcode
        self.is_transient = is_transient
        self.details = details


class NotConnectedError(Exception):
    """No byte of the request left this machine's side: certainly nothing was done."""


class NoAnswerError(Exception):
    """The request went out and no answer with a meaning came back: it may have been done."""


class _Bearer(AuthBase):
    """As an auth object, because requests would replace a plain header by what a .netrc says about the host."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._credentials.access_token}"
        return request


class Connections:
    """Sessions of the calls made inside a `with` block, one a thread.

    Inside a block many calls share connections. None outlives it: one that has lain idle may be closed by the other side
    just as a request goes out, and then nobody knows whether it was done.
    """

    def __init__(self) -> None:
        self._local = threading.local()
        self._all: list[requests.Session] = []

    def __enter__(self) -> Connections:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for session in self._all:
            session.close()

    def session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = _new_session()
            self._all.append(self._local.session)
        session: requests.Session = self._local.session
        return session


def _new_session() -> requests.Session:
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=0))
    session.mount("https://", HTTPAdapter(max_retries=0))
    # Proxies and certificates of the environment count for the world, not for a simulator on this machine.
    session.trust_env = urlsplit(settings.WHATSAPP_API_URL).hostname not in {"127.0.0.1", "localhost", "::1"}
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": "optout-desk"})
    return session


@dataclass(frozen=True, slots=True)
class Graph:
    """The Graph API with one access token. `path` is what follows the version, such as `<PHONE_NUMBER_ID>/messages`."""

    session: requests.Session
    credentials: Credentials

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises GraphError, NotConnectedError or NoAnswerError; none of them names the token or the body."""
        return self._call("POST", path, body)

    def get(self, path: str) -> dict[str, Any]:
        """Raises like `post`."""
        return self._call("GET", path, None)

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        if not _TOKEN.fullmatch(self.credentials.access_token):
            # http.client would refuse it as well, and show it in its error.
            raise NotConnectedError("The access token holds a space, a line break or a letter no token has.")
        url = f"{settings.WHATSAPP_API_URL}/{settings.WHATSAPP_API_VERSION}/{path}"
        try:
            response = self.session.request(
                method, url, json=body, auth=_Bearer(self.credentials), timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False, stream=True,
            )  # fmt: skip
            with response:
                status, raw = response.status_code, _body(response)
        except requests.exceptions.RequestException as error:
            raise _failure(error) from None
        return _meaning(status, raw)


def _body(response: requests.Response) -> bytes:
    """The whole body, or what of it is known when it is too long or too slow: no JSON then, so it has no meaning."""
    end = time.monotonic() + _BODY_SECONDS
    raw = b""
    for chunk in response.iter_content(8192):
        raw += chunk
        if len(raw) > MOST_BYTES or time.monotonic() > end:
            return b""
    return raw


def _failure(error: requests.exceptions.RequestException) -> NotConnectedError | NoAnswerError:
    """Certain only where the connection was never made; whatever is not known for sure counts as sent."""
    if isinstance(error, _NEVER_BEGUN):
        return NotConnectedError("No connection to WhatsApp in time.")
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, urllib3.exceptions.NameResolutionError):
        return NotConnectedError("The name of WhatsApp's server is not found.")
    if isinstance(reason, urllib3.exceptions.ProxyError):  # raised only while the proxy itself is not connected
        return NotConnectedError("The proxy does not connect.")
    if isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError):
        return NotConnectedError("WhatsApp's server cannot be reached.")
    cause = reason.args[0] if isinstance(reason, urllib3.exceptions.SSLError) and reason.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):  # part of the handshake, before any request
        return NotConnectedError("The server is not WhatsApp's: its certificate does not hold.")
    if isinstance(error, requests.exceptions.ReadTimeout):
        return NoAnswerError(f"No answer within {READ_SECONDS:.0f} seconds.")
    return NoAnswerError("The connection broke before the answer was there.")


def _meaning(status: int, raw: bytes) -> dict[str, Any]:
    try:
        content = json_text.loads(raw)  # also takes out what a database refuses: details are kept for staff
    except UnreadableBodyError:
        content = None
    if not isinstance(content, dict):
        raise NoAnswerError(f"An answer without a meaning (HTTP {status}).")
    error = content.get("error")
    if isinstance(error, dict) and (code := json_text.integer(error.get("code"))) is not None:
        raise _refusal(error, code)
    if "error" in content or not 200 <= status < 300:
        raise NoAnswerError(f"An answer without a meaning (HTTP {status}).")
    return content


def _refusal(error: dict[str, Any], code: int) -> GraphError:
    return GraphError(
        code,
        subcode=json_text.integer(error.get("error_subcode")) or 0,
        is_transient=error.get("is_transient") is True,
        details=json_text.string(json_text.mapping(error.get("error_data")).get("details")),
    )
