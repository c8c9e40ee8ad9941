"""What every address of the API does: limits, caching rules, and 304 where nothing has changed."""

from __future__ import annotations

import hashlib
from typing import Any, cast

from django.http import HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from preferences.api import limits
from preferences.models import ApiKey


class ApiView(APIView):
    """A view for programs. Declare `scopes`, by method; without one the method answers nobody."""

    scopes: dict[str, str] = {}
    throttle_classes = [limits.KeyRate]
    rate: limits.Rate | None = None

    @property
    def key(self) -> ApiKey:
        """Who asks; only after the permission was checked."""
        return cast("ApiKey", self.request.auth)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        limits.tell(self.rate, answer)
        patch_vary_headers(answer, ["Authorization"])
        if request.method in {"GET", "HEAD"} and answer.status_code == 200:
            answer["Cache-Control"] = "private, no-cache"
            answer.add_post_render_callback(lambda rendered: _conditional(request, rendered))
        else:
            answer["Cache-Control"] = "private, no-store"
        return answer


def _conditional(request: Request, response: HttpResponse) -> Any:
    """The answer with its ETag, or 304 to a program that has it already."""
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    response["ETag"] = etag
    return get_conditional_response(request._request, etag=etag, response=response)


class NowhereView(APIView):
    """Every address of the API that is none: 404 as a problem, to everybody."""

    authentication_classes = []
    permission_classes = [AllowAny]
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound("There is no such address. `/api/v1/docs/` lists all; each ends in a slash.")
