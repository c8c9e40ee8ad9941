"""Errors as problem+json (RFC 9457): what is wrong, where, what to do."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from django.core import exceptions as django
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import status as http
from rest_framework.exceptions import APIException, NotFound, PermissionDenied, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from preferences.api.refusals import FailedError, ProblemError, TooLargeError, UnavailableError

CONTENT_TYPE = "application/problem+json"
#: Seconds after which a refused program may knock again, where nothing better is known.
_RETRY_AFTER = 5

logger = logging.getLogger(__name__)

#: By HTTP status: the code programs compare, and what it means in words.
TITLES = {
    http.HTTP_400_BAD_REQUEST: ("invalid", "The request is not valid."),
    http.HTTP_401_UNAUTHORIZED: ("unauthorized", "An API key is needed."),
    http.HTTP_403_FORBIDDEN: ("forbidden", "This key may not do that."),
    http.HTTP_404_NOT_FOUND: ("not_found", "There is nothing here."),
    http.HTTP_405_METHOD_NOT_ALLOWED: ("method_not_allowed", "This address does not answer that method."),
    http.HTTP_406_NOT_ACCEPTABLE: ("not_acceptable", "Only JSON is served here."),
    http.HTTP_409_CONFLICT: ("conflict", "Somebody else was faster."),
    http.HTTP_413_REQUEST_ENTITY_TOO_LARGE: ("too_large", "The body is too large."),
    http.HTTP_415_UNSUPPORTED_MEDIA_TYPE: ("unsupported_media_type", "Send JSON."),
    http.HTTP_422_UNPROCESSABLE_ENTITY: ("refused", "This cannot be recorded."),
    http.HTTP_429_TOO_MANY_REQUESTS: ("too_many_requests", "This key asks too often."),
    http.HTTP_500_INTERNAL_SERVER_ERROR: ("error", "The desk failed."),
    http.HTTP_503_SERVICE_UNAVAILABLE: ("unavailable", "This cannot be answered now."),
}


def problem_response(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: every error, also a bug, becomes a problem document."""
    known = _known(error)
    response = exception_handler(known, context)
    if response is None:
        raise error
    code, title = TITLES.get(response.status_code, ("error", "The request failed."))
    if isinstance(known, ProblemError):
        code, title = known.default_code, known.title or title
    body: dict[str, Any] = {"type": f"about:blank#{code}", "title": title, "status": response.status_code, "code": code}
    if isinstance(known, ValidationError):
        errors: dict[str, list[str]] = {}
        for field, message in _flat(known.detail, ""):
            errors.setdefault(field, []).append(message)
        body |= {"detail": f"Not valid: {', '.join(errors)}. `errors` says what is wrong.", "errors": errors}
    else:
        body["detail"] = str(known.detail)
    if response.status_code == http.HTTP_503_SERVICE_UNAVAILABLE:
        response["Retry-After"] = str(_RETRY_AFTER)
    response.data = body
    response.content_type = CONTENT_TYPE
    return response


def _known(error: Exception) -> APIException:
    if isinstance(error, APIException):
        return error
    if isinstance(error, Http404):
        return NotFound("No such record, or none this key may see.")
    if isinstance(error, django.PermissionDenied):
        return PermissionDenied()
    if isinstance(error, django.RequestDataTooBig):
        return TooLargeError()
    # Logged with its traceback, which the log cuts numbers and names out of.
    logger.error("The API failed.", exc_info=error)
    return UnavailableError() if isinstance(error, (OperationalError, InterfaceError)) else FailedError()


def _flat(detail: Any, field: str) -> Iterator[tuple[str, str]]:
    """The messages with their fields, nested ones as `evidence.what`."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _flat(inner, f"{field}.{name}" if field else str(name))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flat(inner, field)
    else:
        name = field.removesuffix(".non_field_errors")
        yield ("body" if name in {"", "non_field_errors"} else name), str(detail)
