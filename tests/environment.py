"""What must be in the environment before settings load (`-p tests.environment` in pyproject.toml).

Tests run on SQLite and in memory unless the environment names DATABASE_URL and CELERY_BROKER_URL.
"""

from __future__ import annotations

import base64
import os
import tempfile

_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()

os.environ.update(
    {
        "ENV_FILE": os.devnull,  # a developer's .env says nothing to tests
        "DEMO": "0",
        "VAR_DIR": tempfile.mkdtemp(prefix="optout-tests-"),
        "SECRET_KEY": "tests-only-secret-key-that-is-long-enough-for-the-checks-0123456789",
        "FIELD_ENCRYPTION_KEYS": f"t1:{_KEY}",
        "PSEUDONYM_KEY": f"p1:{_KEY}",
        "WHATSAPP_APP_SECRET": "fictional-app-secret,fictional-older-secret",
        "WHATSAPP_VERIFY_TOKEN": "fictional-verify-token",
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "LOG_LEVEL": "ERROR",
        # Playwright's sync API leaves a running event loop in the thread, which Django would take for an async context.
        "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
    }
)
for name in ("WHATSAPP_ACCESS_TOKEN", "TWILIO_AUTH_TOKEN", "MARKETING_CLOUD_CLIENT_SECRET", "SEAL_SIGNING_KEY"):
    os.environ.pop(name, None)
