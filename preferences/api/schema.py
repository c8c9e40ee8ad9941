"""The API described: OpenAPI 3.1 at `schema/`, a page to read and try it at `docs/`. Public: they hold no data."""

from __future__ import annotations

from typing import Any

from django.utils.cache import patch_cache_control
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from preferences.api.problems import CONTENT_TYPE, TITLES

_ERRORS = {400, 401, 403, 405, 406, 429, 500, 503}
_ERRORS_WITH_BODY = {413, 415}
_PROBLEM = {
    "type": "object",
    "description": "What is wrong, where, and what to do (RFC 9457).",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "description": "`about:blank#` and the code."},
        "title": {"type": "string", "description": "The kind of problem, in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "code": {"type": "string", "description": "The kind of problem, to compare."},
        "detail": {"type": "string", "description": "What is wrong here, and what to do."},
        "errors": {
            "type": "object",
            "description": "By field (`evidence.what`), filter or header: what is wrong with it.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
}
_HEADERS = {
    "RateLimit-Policy": 'How often the key may ask: `"key";q=600;w=60` is 600 times in 60 seconds.',
    "RateLimit": 'What is left of it: `"key";r=599;t=42` is 599 times in the next 42 seconds.',
}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "preferences.api.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Api-Key ` (with the space) and the key, as `create_api_key` printed it.",
        }


def add_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:  # noqa: FBT001 (spectacular's signature)
    """Every operation may answer a problem, and tells what is left of the key's limit."""
    result["components"].setdefault("schemas", {})["Problem"] = _PROBLEM
    for path, methods in result["paths"].items():
        for operation in methods.values():
            for response in operation["responses"].values():
                response["headers"] = {
                    name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()
                }
            statuses = set(_ERRORS)
            if "requestBody" in operation:
                statuses |= _ERRORS_WITH_BODY
            else:
                operation["responses"]["304"] = {"description": "Not changed since the ETag in If-None-Match."}
            if "{" in path:
                statuses.add(404)
            if operation["operationId"] == "record_decision":
                statuses.add(422)
            operation["responses"] |= {str(status): _response(status) for status in sorted(statuses)}
    return result


def _response(status: int) -> dict[str, Any]:
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    response: dict[str, Any] = {"description": TITLES[status][1], "content": content}
    if status in {429, 503}:
        response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return response


class _PublicView(APIView):
    authentication_classes = []
    permission_classes = [AllowAny]

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        answer: Response = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(answer, public=True, max_age=300)
        return answer


class SchemaView(_PublicView, SpectacularAPIView):
    """YAML or JSON, by Accept or `?format=json`."""


class DocsView(_PublicView, SpectacularSwaggerSplitView):
    """Swagger UI from our own server; its script comes apart from the page, as the content security policy asks."""

    url_name = "schema"
