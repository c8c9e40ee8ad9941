"""`create_api_key`: let a program in."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from preferences.management.base import DeskCommand
from preferences.models import ApiKey, Brand


class Command(DeskCommand):
    help = "Make an API key. It is printed once, alone on the last line, and cannot be shown again."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--name", required=True, help="What the key is for, for people.")
        parser.add_argument("--scopes", required=True, help="Comma-separated <resource>:read or <resource>:write.")
        parser.add_argument(
            "--brands", default="", help="Comma-separated short names; left out, the key sees every brand."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        scopes = [scope.strip() for scope in options["scopes"].split(",") if scope.strip()]
        if not scopes:
            raise CommandError("Name at least one scope, for example --scopes eligibility:read.")
        slugs = {slug.strip() for slug in options["brands"].split(",") if slug.strip()}
        brands = list(Brand.objects.filter(slug__in=slugs))
        if missing := slugs - {brand.slug for brand in brands}:
            raise CommandError(f"There is no brand “{min(missing)}”.")
        try:
            key = ApiKey.objects.issue(name=options["name"], scopes=scopes, brands=brands)
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stderr.write("Keep this key: it is shown only now.")
        self.stdout.write(key)
