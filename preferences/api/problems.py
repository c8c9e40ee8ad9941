"""Errors as problem+json (RFC 9457): what is wrong, where, what to do."""

from __future__ import annotations

from typing import Any

from rest_framework import status as http
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

_TITLES = {
    http.HTTP_400_BAD_REQUEST: ("invalid", "The request is not valid."),
    http.HTTP_401_UNAUTHORIZED: ("unauthorized", "An API key is needed."),
    http.HTTP_403_FORBIDDEN: ("forbidden", "This key may not do that."),
    http.HTTP_404_NOT_FOUND: ("not_found", "There is nothing here."),
    http.HTTP_405_METHOD_NOT_ALLOWED: ("method_not_allowed", "This address does not answer that method."),
    http.HTTP_415_UNSUPPORTED_MEDIA_TYPE: ("unsupported_media_type", "Send JSON."),
    http.HTTP_503_SERVICE_UNAVAILABLE: ("unavailable", "This cannot be answered now."),
}


class Lagging(APIException):
    """Opt-outs may be unread, so nobody can say whom we may message."""

    status_code = http.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "lagging"
    default_detail = (
        "Webhooks that may hold opt-outs have waited too long to be read. Send nothing; ask again when the workers have "
        "caught up (`manage.py status` says why they have not)."
    )


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler, with the body turned into a problem document."""
    response = exception_handler(error, context)
    if response is None or not isinstance(error, APIException):
        return response
    code, title = _TITLES.get(response.status_code, ("error", "The request failed."))
    if error.default_code == Lagging.default_code:
        code, title = "lagging", "The desk has fallen behind."
    body: dict[str, Any] = {"type": f"about:blank#{code}", "title": title, "status": response.status_code, "code": code}
    if isinstance(error, ValidationError) and isinstance(response.data, dict):
        body["errors"] = response.data
    else:
        body["detail"] = str(error.detail)
    response.data = body
    response.content_type = "application/problem+json"
    return response
