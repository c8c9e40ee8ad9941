"""Every setting the code reads is in `.env.example` and in docs/settings.md, and nothing else is."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).parent.parent

_READ = re.compile(r'(?:\benv(?:\.\w+)?|os\.environ\.get|os\.environ|_secret_list)[(\[]\s*"([A-Z][A-Z0-9_]+)"')
#: Read to find our own settings, not a setting.
_NOT_SETTINGS = {"DJANGO_SETTINGS_MODULE"}


def _names_in_code() -> set[str]:
    names = {name for text in _sources() for name in _READ.findall(text)}
    return (names | set(settings.PROVIDER_TOKENS)) - _NOT_SETTINGS


def _sources() -> Iterator[str]:
    for folder in ("optout_admin", "preferences", "reports"):
        for path in (ROOT / folder).rglob("*.py"):
            yield path.read_text()


def _names_in_example() -> list[str]:
    return re.findall(r"^#([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)


def _names_in_table() -> list[str]:
    return re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("names", [_names_in_example, _names_in_table])
def test_it_lists_every_setting_once_and_no_other(names):
    listed = names()

    assert sorted(listed) == sorted(_names_in_code())


def test_it_finds_the_settings_in_the_code():
    """The pattern above would otherwise be the thing that fails silently."""
    assert _names_in_code() >= {"SECRET_KEY", "DATABASE_URL", "WHATSAPP_ACCESS_TOKEN", "WEB_WORKERS", "LOG_LEVEL"}


def test_it_explains_every_setting_in_the_example():
    lines = (ROOT / ".env.example").read_text().splitlines()

    unexplained = [
        line for before, line in itertools.pairwise(lines) if "=" in line[:40] and not before.startswith("# ")
    ]

    assert [line for line in unexplained if re.match(r"#[A-Z_]+=", line)] == []


def test_it_sets_nothing_in_the_example():
    lines = (ROOT / ".env.example").read_text().splitlines()

    assert [line for line in lines if line and not line.startswith("#")] == []
