"""What a key may do: nothing, unless the view names a scope and the key has it."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from preferences.models import ApiKey


class HasScope(BasePermission):
    """Deny by default. A view declares `scopes = {"POST": "eligibility:read"}`."""

    def has_permission(self, request: Request, view: Any) -> bool:
        needed = getattr(view, "scopes", {}).get(request.method)
        if not isinstance(request.auth, ApiKey):
            return False
        if needed is None:
            if not hasattr(view, (request.method or "").lower()):
                raise MethodNotAllowed(request.method or "")
            return False
        self.message = f"This key lacks the scope {needed}. Make a key that has it with `create_api_key`."
        return needed in request.auth.scopes
