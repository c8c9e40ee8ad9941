"""The first person to come in: the demo's generated login, or a one-time link to a page that makes the owner's account."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from django.core import signing
from django.db import transaction

from preferences.models import User

_SALT = "optout_admin.setup"
LINK_SECONDS = 24 * 3600
DEMO_LOGIN = "admin"


def has_owner() -> bool:
    return User.objects.filter(is_superuser=True).exists()


def has_staff() -> bool:
    return User.objects.filter(is_staff=True).exists()


def demo_password(path: Path) -> str | None:
    """The password of the demo's login, made with the account on the first start and kept in `path`.

    None when the account was made some other way: nobody but its owner knows the password then.
    """
    if not has_staff():
        password = secrets.token_urlsafe(12)
        # Written before the account: the other way round, a crash in between leaves an account nobody can use.
        _write_for_owner_only(path, f"login: {DEMO_LOGIN}\npassword: {password}\n")
        User.objects.create_superuser(DEMO_LOGIN, password=password)
        return password
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.removeprefix("password: ") for line in lines if line.startswith("password: ")), None)


def _write_for_owner_only(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def setup_token() -> str:
    """The token of a link to the set-up page."""
    return signing.dumps("owner", salt=_SALT)


def is_usable(token: str) -> bool:
    """Whether the token is ours, younger than 24 hours, and nobody owns the desk yet."""
    try:
        signing.loads(token, salt=_SALT, max_age=LINK_SECONDS)
    except signing.BadSignature:
        return False
    return not has_owner()


def create_owner(token: str, *, username: str, password: str) -> bool:
    """Make the owner's account. False when the token is no longer usable, which after this one it is not."""
    with transaction.atomic():
        if not is_usable(token):
            return False
        User.objects.create_superuser(username, password=password)
    return True
