#!/usr/bin/env python
"""Django's command line for the opt-out desk."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "optout_admin.settings")
    try:
        from django.core.management import execute_from_command_line  # noqa: PLC0415 (explains a missing install)
    except ImportError as error:
        raise SystemExit("Django is not installed here. Run `make setup`, then use .venv/bin/python.") from error
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
