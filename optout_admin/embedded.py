"""What the embedded default (no DATABASE_URL) needs on disk: the folder `var/` and secrets made on the first start."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
from pathlib import Path


def load_secrets(path: Path) -> dict[str, str]:
    """The secrets in `path`, made with fresh random values if the file is not there yet. Only its owner can read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _create(path)
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)


def _create(path: Path) -> None:
    values = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_ENCRYPTION_KEYS": f"k1:{base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()}",
        "PSEUDONYM_KEY": f"p1:{base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()}",
        "WHATSAPP_APP_SECRET": secrets.token_hex(16),
        "WHATSAPP_VERIFY_TOKEN": secrets.token_urlsafe(16),
    }
    text = "".join(f"{name}={value}\n" for name, value in values.items())
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    # Two processes may start together: the first link wins, the other reads what it wrote.
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
