"""How tests recognise a problem document of the API."""

from __future__ import annotations

from typing import Any


def is_problem(response: Any, status: int, code: str) -> bool:
    """Whether the API refused with this status and code, in the shape of RFC 9457."""
    problem = response.json()
    return (
        (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
        and (problem["status"], problem["code"], problem["type"]) == (status, code, f"about:blank#{code}")
        and bool(problem["title"])
        and bool(problem.get("detail") or problem.get("errors"))
    )
