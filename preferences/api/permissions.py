"""What a key may do: nothing, unless the view names a scope and the key has it."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from preferences.models import ApiKey


class HasScope(BasePermission):
    """Deny by default. A view declares `scopes = {"POST": "eligibility:read"}`; HEAD needs what GET needs."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiKey):
            return False
        method = "GET" if request.method == "HEAD" else request.method or ""
        scopes = getattr(view, "scopes", {})
        if method not in scopes:
            if not hasattr(view, method.lower()) or method == "OPTIONS":
                raise MethodNotAllowed(method)
            return False
        self.message = f"This key lacks the scope {scopes[method]}. Make a key that has it with `create_api_key`."
        return scopes[method] in request.auth.scopes
