"""System checks: every mistake is named with its place and a way out, and a good production has none."""

from __future__ import annotations

import base64

import pytest
from django.db import connection

from preferences import checks

KEY = base64.urlsafe_b64encode(bytes(32)).decode()
GOOD = {
    "SECRET_KEY": "k" * 50,
    "SECRET_KEY_FALLBACKS": [],
    "FIELD_ENCRYPTION_KEYS": [f"k2:{KEY}", f"k1:{KEY}"],
    "PSEUDONYM_KEY": [f"p1:{KEY}"],
    "SEAL_SIGNING_KEY": [],
    "WHATSAPP_APP_SECRET": ["fictional-app-secret"],
    "WHATSAPP_VERIFY_TOKEN": ["fictional-verify-token"],
    "METRICS_TOKEN": "",
    "WHATSAPP_ACCESS_TOKEN": "fictional-access-token",
    "WHATSAPP_API_URL": "https://graph.facebook.com",
    "WHATSAPP_API_VERSION": "v26.0",
    "PUBLIC_URL": "https://desk.example",
    "CELERY_EMBEDDED": False,
    "EMBEDDED": False,
}


@pytest.fixture
def production(settings):
    """A production with everything as it should be; tests spoil one thing."""
    for name, value in GOOD.items():
        setattr(settings, name, value)
    return settings


def _ids(messages):
    return [message.id.removeprefix("preferences.") for message in messages]


def test_it_has_nothing_to_say_about_a_good_production(production):
    assert checks.check_production_secrets(None) == []
    assert checks.check_sending(None) == []
    assert checks.check_deployment(None) == []


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("SECRET_KEY", "missing: `check --deploy` refuses this", "E001"),
        ("SECRET_KEY", "short", "E003"),
        ("SECRET_KEY_FALLBACKS", ["short"], "E003"),
        ("FIELD_ENCRYPTION_KEYS", [], "E001"),
        ("FIELD_ENCRYPTION_KEYS", [""], "E001"),
        ("FIELD_ENCRYPTION_KEYS", [KEY], "E004"),
        ("FIELD_ENCRYPTION_KEYS", [f"k1:{KEY[:-8]}"], "E004"),
        ("FIELD_ENCRYPTION_KEYS", ["k1:not base64!"], "E004"),
        ("FIELD_ENCRYPTION_KEYS", [f"k1:{KEY}", f"k1:{KEY}"], "E006"),
        ("PSEUDONYM_KEY", [], "E001"),
        ("PSEUDONYM_KEY", ["p1"], "E004"),
        ("SEAL_SIGNING_KEY", ["s1:short"], "E005"),
        ("WHATSAPP_APP_SECRET", [], "E001"),
        ("WHATSAPP_APP_SECRET", ["short"], "E003"),
        ("WHATSAPP_APP_SECRET", ["fictional-app-secret\n"], "E002"),
        ("WHATSAPP_VERIFY_TOKEN", [], "E001"),
        ("WHATSAPP_VERIFY_TOKEN", ["short"], "E003"),
    ],
)
def test_it_refuses_a_bad_secret(production, name, value, number):
    setattr(production, name, value)

    [message] = checks.check_production_secrets(None)

    assert _ids([message]) == [number]
    assert message.level >= 40
    assert message.msg.startswith(name.removesuffix("_FALLBACKS"))
    assert message.hint


@pytest.mark.parametrize("name", ["FIELD_ENCRYPTION_KEYS", "WHATSAPP_APP_SECRET"])
def test_it_never_shows_a_secret(production, name):
    setattr(production, name, ["a-secret\n"])

    [message, *_] = checks.check_production_secrets(None)

    assert "a-secret" not in message.msg + message.hint


def test_it_leaves_the_embedded_desk_alone_until_it_is_deployed(production):
    production.EMBEDDED = True
    production.WHATSAPP_APP_SECRET = []

    assert checks.check_production_secrets(None) == []
    assert _ids(checks.check_embedded_secrets(None)) == ["E001"]


def test_it_says_each_thing_once_in_production(production):
    production.WHATSAPP_APP_SECRET = []

    assert _ids([*checks.check_production_secrets(None), *checks.check_embedded_secrets(None)]) == ["E001"]


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("PUBLIC_URL", "http://desk.example", "E010"),
        ("METRICS_TOKEN", "short", "E011"),
        ("CELERY_EMBEDDED", True, "W001"),
    ],
)
def test_it_looks_at_the_deployment(production, name, value, number):
    setattr(production, name, value)

    assert _ids(checks.check_deployment(None)) == [number]


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("WHATSAPP_API_URL", "http://graph.facebook.com", "E012"),
        ("WHATSAPP_API_URL", "http://127.0.0.1.evil.example", "E012"),
        ("WHATSAPP_API_URL", "https://", "E013"),
        ("WHATSAPP_API_URL", "https://somebody@graph.facebook.com", "E013"),
        ("WHATSAPP_API_URL", "https://graph.facebook.com?x=1", "E013"),
        ("WHATSAPP_API_VERSION", "26", "E014"),
        ("WHATSAPP_API_VERSION", "v26.0/../v1.0", "E014"),
        ("WHATSAPP_ACCESS_TOKEN", "two words", "E015"),
        ("WHATSAPP_ACCESS_TOKEN", "line\nbreak", "E015"),
    ],
)
def test_it_lets_the_token_go_nowhere_else(production, name, value, number):
    setattr(production, name, value)

    [message] = checks.check_sending(None)

    assert _ids([message]) == [number]
    assert "TOKEN" not in name or value not in message.msg + message.hint


@pytest.mark.parametrize("url", ["http://127.0.0.1:4321", "http://localhost:80", "http://[::1]:9000"])
def test_it_lets_the_token_go_to_a_simulator_on_this_machine(production, url):
    production.WHATSAPP_API_URL = url

    assert checks.check_sending(None) == []


# The ledger's guard ---------------------------------------------------------------------------------------------------

ROLE = "serve_checks_role"


def _weaknesses():
    return [message.msg for message in checks.check_ledger_guard(None, ["default"])]


@pytest.fixture
def role(db):
    """Become a role that may read and add and nothing else; the transaction's end takes it away."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {ROLE}")
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {ROLE}")
        cursor.execute(f"GRANT SELECT, INSERT ON preferences_consentevent TO {ROLE}")
    return _become


def _become(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        cursor.execute(f"SET LOCAL ROLE {ROLE}")


@pytest.mark.postgresql
def test_it_is_content_with_a_role_that_only_adds(role):
    role()

    assert _weaknesses() == []


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (f"ALTER ROLE {ROLE} SUPERUSER", "is a superuser"),
        (f"ALTER TABLE preferences_consentevent OWNER TO {ROLE}", "owns the ledger's table"),
        (f"ALTER SCHEMA public OWNER TO {ROLE}", "owns the schema"),
        (f"ALTER FUNCTION preferences_ledger_is_append_only OWNER TO {ROLE}", "owns the function"),
        (f"GRANT TRUNCATE ON preferences_consentevent TO {ROLE}", "may TRUNCATE"),
        (f"GRANT UPDATE ON preferences_consentevent TO {ROLE}", "may UPDATE or DELETE"),
        (
            "ALTER TABLE preferences_consentevent DISABLE TRIGGER ledger_refuses_truncate",
            "triggers missing or switched off",
        ),
    ],
)
def test_it_names_what_a_role_could_do_to_the_ledger(role, statement, words):
    role(statement)

    [weakness] = _weaknesses()

    assert words in weakness


@pytest.mark.postgresql
def test_it_looks_at_no_database_it_was_not_given():
    assert checks.check_ledger_guard(None, None) == []
