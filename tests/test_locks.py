"""The locks install on a machine that has never seen them, also when newer releases have come out since."""

from __future__ import annotations

import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
_LINE = re.compile(r"^([A-Za-z0-9._-]+)(?:\[([a-z0-9,._-]+)\])?==", re.MULTILINE)


def _locked(name: str) -> dict[str, set[str]]:
    """The packages of a lock with their extras."""
    found = _LINE.findall((ROOT / name).read_text())
    return {package.lower(): set(filter(None, extras.split(","))) for package, extras in found}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_it_pins_the_extras_that_its_packages_ask_for(name: str) -> None:
    """pip takes the newest release for `coverage[toml]` unless that very spelling is pinned, and then refuses to go on
    because a release without a pin has no hash."""
    locked = _locked(name)

    missing = [
        f"{package} asks for {wanted}"
        for package in locked
        for wanted in _needs(package, locked[package])
        if wanted.name.lower() in locked and not wanted.extras <= locked[wanted.name.lower()]
    ]

    assert len(locked) > 20
    assert missing == []


def _needs(package: str, extras: set[str]) -> list[Requirement]:
    try:
        texts = requires(package) or []
    except ModuleNotFoundError:  # for another platform
        return []
    wanted = map(Requirement, texts)
    return [
        one
        for one in wanted
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in {"", *extras})
    ]
