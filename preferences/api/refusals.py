"""Refusals with a code of their own; `problems` turns every error into a document."""

from __future__ import annotations

from rest_framework import status as http
from rest_framework.exceptions import APIException


class ProblemError(APIException):
    """A problem with a code and title of its own."""

    title = ""


class LaggingError(ProblemError):
    """Opt-outs may be unread, so nobody can say whom we may message."""

    status_code = http.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "lagging"
    title = "The desk has fallen behind."
    default_detail = (
        "Webhooks that may hold opt-outs have waited too long to be read. Send nothing; ask again when the workers have "
        "caught up (`manage.py status` says why they have not)."
    )


class UnavailableError(ProblemError):
    """The database does not answer."""

    status_code = http.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"
    default_detail = "The database does not answer. Send nothing; ask again."


class TooLargeError(ProblemError):
    status_code = http.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = "Send at most 3 MB at once; 10,000 recipients fit."


class FailedError(ProblemError):
    """A bug of ours; the log has it."""

    status_code = http.HTTP_500_INTERNAL_SERVER_ERROR
    default_code = "error"
    default_detail = (
        "The request met a bug and did nothing. Tell whoever runs the desk the time; the log has the reason."
    )
