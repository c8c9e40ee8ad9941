"""How request bodies are read."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from preferences.api.refusals import TooLargeError


class ShallowJSONParser(JSONParser):
    """JSON of any depth a person would write; Python's own limit ends in an answer, not in an error page."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        # Django's own limit holds only where something has asked for the whole body before.
        if int(parser_context["request"].META.get("CONTENT_LENGTH") or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLargeError
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError("This JSON is nested too deeply.") from None
