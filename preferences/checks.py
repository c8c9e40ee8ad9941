"""System checks: what must be right before the desk may serve. Errors say what is wrong, where, and what to do.

Secrets are checked always where there is a DATABASE_URL, and by `check --deploy` everywhere. The ledger's guard is
checked by `check --deploy --database default`: it asks PostgreSQL what the application's role may do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from preferences.encryption import EncryptionError, parse_key
from preferences.models import ConsentEvent

_RANDOM = "`python -c 'import secrets; print(secrets.token_urlsafe(50))'`"
_KEY = "`python -c 'import base64, os; print(\"k1:\" + base64.urlsafe_b64encode(os.urandom(32)).decode())'`"

#: Secrets that are plain text: their shortest length and where a good one comes from.
_SECRETS = {
    "SECRET_KEY": (32, f"Set it to the output of {_RANDOM}."),
    "WHATSAPP_APP_SECRET": (16, "Copy it from the Meta app dashboard: App settings, Basic, App secret."),
    "WHATSAPP_VERIFY_TOKEN": (12, f"Set it to the output of {_RANDOM}, and type the same into the app dashboard."),
}
_KEYS = ("FIELD_ENCRYPTION_KEYS", "PSEUDONYM_KEY")


@register(Tags.security)
def check_production_secrets(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Nothing runs on a production database without its secrets; the embedded desk makes its own."""
    return [] if settings.EMBEDDED else _secret_errors()


@register(Tags.security, deploy=True)
def check_embedded_secrets(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    return _secret_errors() if settings.EMBEDDED else []


@register(Tags.security)
def check_sending(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """The access token must not go out unencrypted, nor to an address that cannot be the Graph API's."""
    messages: list[CheckMessage] = []
    address = urlsplit(settings.WHATSAPP_API_URL)
    is_here = address.hostname in {"127.0.0.1", "::1", "localhost"}
    if address.scheme != "https" and not (address.scheme == "http" and is_here):
        messages.append(_error("WHATSAPP_API_URL", "does not start with https://, and the access token would go out "
                               "for everybody to read.", "Unset it for WhatsApp itself.", "E012"))  # fmt: skip
    if not address.hostname or address.username or address.query or address.fragment:
        messages.append(_error("WHATSAPP_API_URL", "is not a plain address such as https://graph.facebook.com.",
                               "Unset it for WhatsApp itself.", "E013"))  # fmt: skip
    if not re.fullmatch(r"v[1-9][0-9]?\.[0-9]", settings.WHATSAPP_API_VERSION):
        messages.append(_error("WHATSAPP_API_VERSION", "is not a version such as v26.0.",
                               "Unset it for the version this desk was written for.", "E014"))  # fmt: skip
    if not re.fullmatch(r"[\x21-\x7e]*", settings.WHATSAPP_ACCESS_TOKEN):
        messages.append(_error("WHATSAPP_ACCESS_TOKEN", "holds a space, a line break or a letter no token has.",
                               "Copy it again: docs/whatsapp.md, “Sending”, says from where.", "E015"))  # fmt: skip
    return messages


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Addresses and the broker, as a machine that others can reach needs them."""
    messages: list[CheckMessage] = []
    if urlsplit(settings.PUBLIC_URL).scheme != "https":
        messages.append(_error("PUBLIC_URL", "does not start with https://.", "Set it to the address people type, "
                               "behind a server that speaks TLS.", "E010"))  # fmt: skip
    if settings.METRICS_TOKEN and len(settings.METRICS_TOKEN) < 16:
        messages.append(_error("METRICS_TOKEN", "is shorter than 16 characters.",
                               f"Set it to the output of {_RANDOM}.", "E011"))  # fmt: skip
    if settings.CELERY_EMBEDDED and not settings.EMBEDDED:
        messages.append(checks.Warning(
            "CELERY_BROKER_URL is not set, so one worker does everything and only looks at the tables every 250 ms.",
            hint="Set it to a Redis, Valkey or RabbitMQ address: a large export then never stands before an opt-out.",
            id="preferences.W001",
        ))  # fmt: skip
    return messages


def _secret_errors() -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    for name, (length, hint) in _SECRETS.items():
        messages += _plain_errors(name, _values(name), length, hint)
    for name in _KEYS:
        messages += _key_errors(name, _values(name))
    for value in settings.SEAL_SIGNING_KEY:
        if not _is_key(value):
            messages.append(_error("SEAL_SIGNING_KEY", "is not <id>:<32 bytes in URL-safe base64>.",
                                   f"Set it to the output of {_KEY}.", "E005"))  # fmt: skip
    return messages


def _values(name: str) -> list[str]:
    if name == "SECRET_KEY":
        first = settings.SECRET_KEY
        return [] if first.startswith("missing:") else [first, *settings.SECRET_KEY_FALLBACKS]
    return list(getattr(settings, name))


def _plain_errors(name: str, values: list[str], length: int, hint: str) -> Iterable[CheckMessage]:
    if not any(values):
        return [_error(name, "is not set.", hint, "E001")]
    messages = []
    if any(value != value.strip() for value in values):
        messages.append(_error(name, "has a space or a line break at one end.", "Take it away: it counts as part of "
                               "the secret. Editors put one at the end of a file.", "E002"))  # fmt: skip
    if any(len(value.strip()) < length for value in values):
        messages.append(_error(name, f"is shorter than {length} characters, so it can be guessed.", hint, "E003"))
    return messages


def _key_errors(name: str, values: list[str]) -> Iterable[CheckMessage]:
    hint = f"Set it to the output of {_KEY}. To rotate, put the new key first and keep the old ones behind it."
    if not any(values):
        return [_error(name, "is not set.", hint, "E001")]
    if not all(_is_key(value) for value in values):
        return [_error(name, "holds something that is not <id>:<32 bytes in URL-safe base64>.", hint, "E004")]
    ids = [parse_key(value)[0] for value in values]
    if len(set(ids)) < len(ids):
        return [_error(name, "holds two keys with the same id, and only one of them would be used to read.",
                       "Give each key an id of its own.", "E006")]  # fmt: skip
    return []


def _is_key(value: str) -> bool:
    try:
        parse_key(value)
    except EncryptionError:
        return False
    return True


def _error(name: str, problem: str, hint: str, number: str) -> Error:
    return Error(f"{name} {problem}", hint=f"{hint} It is read from the environment, .env, or the file named by {name}_FILE.",
                 id=f"preferences.{number}")  # fmt: skip


# The ledger's guard ---------------------------------------------------------------------------------------------------

#: One row: what the connected role could do to the ledger, each as a boolean named by its sentence below.
_GUARD_SQL = """
SELECT
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser,
    pg_has_role(current_user, ledger.relowner, 'MEMBER') AS owns_table,
    pg_has_role(current_user, room.nspowner, 'MEMBER') AS owns_schema,
    EXISTS (
        SELECT 1 FROM pg_trigger AS guard JOIN pg_proc AS body ON body.oid = guard.tgfoid
        WHERE guard.tgrelid = ledger.oid AND NOT guard.tgisinternal
          AND pg_has_role(current_user, body.proowner, 'MEMBER')
    ) AS owns_function,
    has_table_privilege(current_user, ledger.oid, 'TRUNCATE') AS may_truncate,
    has_table_privilege(current_user, ledger.oid, 'UPDATE')
        OR has_table_privilege(current_user, ledger.oid, 'DELETE') AS may_change,
    (SELECT count(*) FROM pg_trigger AS guard
     WHERE guard.tgrelid = ledger.oid AND NOT guard.tgisinternal AND guard.tgenabled IN ('O', 'A')) < 2 AS is_unguarded
FROM pg_class AS ledger JOIN pg_namespace AS room ON room.oid = ledger.relnamespace
WHERE ledger.oid = to_regclass(%s)
"""
_WEAKNESSES = {
    "is_superuser": "is a superuser",
    "owns_table": "owns the ledger's table (or is a member of its owner)",
    "owns_schema": "owns the schema or the database the ledger is in",
    "owns_function": "owns the function that guards the ledger",
    "may_truncate": "may TRUNCATE the ledger",
    "may_change": "may UPDATE or DELETE in the ledger",
    "is_unguarded": "finds the ledger's triggers missing or switched off",
}


@register(Tags.database, deploy=True)
def check_ledger_guard(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **_: Any
) -> list[CheckMessage]:
    """The application's role must not be able to drop what keeps the ledger append-only (PostgreSQL only)."""
    messages: list[CheckMessage] = []
    for alias in databases or ():
        if connections[alias].vendor != "postgresql":
            continue
        weaknesses = _weaknesses(alias)
        if weaknesses:
            messages.append(Error(
                f"The database role of “{alias}” could change the ledger: it {', '.join(weaknesses)}.",
                hint="Let one role own the tables and run `migrate`, and connect the desk as another one that it grants "
                "what it needs: docs/settings.md, “Two database roles”.",
                id="preferences.E020",
            ))  # fmt: skip
    return messages


def _weaknesses(alias: str) -> list[str]:
    """What the role could do, in words. Nothing while there is no ledger yet."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_GUARD_SQL, [ConsentEvent._meta.db_table])
        row = cursor.fetchone()
        names = [column[0] for column in cursor.description]
    return [_WEAKNESSES[name] for name, is_true in zip(names, row or (), strict=False) if is_true]
