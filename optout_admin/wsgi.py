"""The web process. Webhooks skip every middleware: they have no session, no page and no template to protect, and
Django's middleware costs a busy door forty per cent. The security headers of pages are deliberately absent there."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "optout_admin.settings")

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class BareHandler(WSGIHandler):
    """Django's handler without middleware."""

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT001, FBT002 (Django's signature)
        nothing: list[Callable[..., Any]] = []
        self._view_middleware = self._template_response_middleware = self._exception_middleware = nothing
        self._middleware_chain = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]


_pages: Application = get_wsgi_application()
_webhooks: Application = BareHandler()

# What is loaded by now stays and need not be walked again; and ten thousand answers in the making are no garbage: walking
# them over and over was a third of the time of a large "may we send?".
gc.collect()
gc.freeze()
gc.set_threshold(100_000, 20, 50)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    handler = _webhooks if environ.get("PATH_INFO", "").startswith("/webhooks/") else _pages
    return handler(environ, start_response)
