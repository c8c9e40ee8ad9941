"""Structured logs without personal data: one JSON object a line, with anything that looks like a number or id cut."""

from __future__ import annotations

import datetime as dt
import json
import logging

from preferences.redaction import redact

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonFormatter(logging.Formatter):
    """Times are UTC. Values passed as `extra` are kept as they are: pass row ids and counts, never content."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "at": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        entry |= {key: value for key, value in vars(record).items() if key not in _STANDARD and _is_plain(value)}
        if record.exc_info:
            entry["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(entry, default=str)


def _is_plain(value: object) -> bool:
    return isinstance(value, (bool, int, float, str, list, tuple, type(None)))
