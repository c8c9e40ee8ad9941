"""Programs that use the API in tests: keys with scopes and brands, and requests through the real door."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from preferences.models import API_SCOPES, ApiKey, Brand

#: Every list of the API, with the scope it needs.
LISTS = {
    "subscribers": "subscribers:read", "consents": "consents:read", "events": "events:read", "replies": "replies:read",
    "suppressions": "suppressions:read",
}  # fmt: skip
DELTAS = tuple(name for name in LISTS if name != "replies")


class Program:
    """One program with its key."""

    def __init__(self, *scopes: str, brands: tuple[Brand, ...] = (), client: Client | None = None) -> None:
        names = sorted(scopes or API_SCOPES)
        self.key = ApiKey.objects.issue(name="program", scopes=names, brands=list(brands), requests_per_minute=100_000)
        self._client = client or Client(raise_request_exception=False)

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> Any:
        authorized = {"Authorization": f"Api-Key {self.key}", **(headers or {})}
        return self._client.get(path if path.startswith("/") else f"/api/v1/{path}/", query, headers=authorized)

    def list(self, resource: str, **query: Any) -> dict[str, Any]:
        response = self.get(resource, **query)
        assert response.status_code == 200, response.content
        return response.json()

    def all(self, resource: str, **query: Any) -> tuple[list[dict[str, Any]], int]:
        """Every result of every page, and the position at the end."""
        page = self.list(resource, **query)
        results = page["results"]
        while page["next"]:
            response = self.get(page["next"])
            assert response.status_code == 200, response.content
            page = response.json()
            results = results + page["results"]
        return results, page["position"]

    def decide(self, body: Any, *, key: str | None = "key-1", **headers: str) -> Any:
        given = {"Authorization": f"Api-Key {self.key}", **headers}
        if key is not None:
            given["Idempotency-Key"] = key
        raw = body if isinstance(body, (str, bytes)) else json.dumps(body)
        return self._client.post("/api/v1/decisions/", raw, content_type="application/json", headers=given)
