"""What runs inside the product: each step is one process of its own, on the database its environment names.

`python -m benchmarks.steps <step> [argument ...]` prints one JSON object as its last line.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="  # made up, for scratch databases only
APP_SECRET = "fictional-app-secret"
BRAND = "acme"
_CHUNK = 5_000


def environment(url: str) -> dict[str, str]:
    """The environment of a process of the product on the scratch database at `url`; nothing real gets in."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR", "TZ"}}
    return kept | {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "optout_admin.settings",
        "PYTHONPATH": str(ROOT),
        "SECRET_KEY": "benchmarks-only-secret-key-that-is-long-enough-for-the-checks-0123456789",
        "FIELD_ENCRYPTION_KEYS": f"b1:{_KEY}",
        "PSEUDONYM_KEY": f"p1:{_KEY}",
        "WHATSAPP_APP_SECRET": APP_SECRET,
        "WHATSAPP_VERIFY_TOKEN": "fictional-verify-token",
        "LOG_LEVEL": "ERROR",
        "DEMO": "0",
    }


def command(step: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", "benchmarks.steps", step, *map(str, arguments)]


def run(url: str, step: str, *arguments: object, given: str = "") -> dict[str, Any]:
    """Run one step in a process of its own, with `given` to read, and return what it says. Raises CalledProcessError
    if it fails."""
    done = subprocess.run(
        command(step, *arguments),
        env=environment(url),
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        input=given,
    )
    return json.loads(done.stdout.splitlines()[-1])


# The steps ------------------------------------------------------------------------------------------------------------


def migrate() -> dict[str, Any]:
    """The tables, one brand with one sender, and this month's partitions."""
    call_command("migrate", verbosity=0)
    controller = models.Controller.objects.create(name="Acme Group", seat="US")
    brand = models.Brand.objects.create(
        controller=controller, slug=BRAND, name="Acme", support_contact="help@acme.example"
    )
    models.PolicyVersion.objects.create(brand=brand, number=1)
    portfolio = models.Portfolio.objects.create(provider=models.Provider.WHATSAPP, key=f"waba:{traffic.ACCOUNT}")
    models.Sender.objects.create(
        portfolio=portfolio, provider=models.Provider.WHATSAPP, key=traffic.SENDER, display="12025550100", brand=brand
    )
    retention.prepare_partitions(timezone.now())
    key = models.ApiKey.objects.issue(name="benchmarks", scopes=["eligibility:read"], brands=[])
    return {"key": key, "brand": brand.pk, "portfolio": portfolio.pk}


def know(count: int, everybody: int = 0) -> dict[str, Any]:
    """Make people known: those of `traffic.is_known` out of `count`, or all of them.

    Who answers was reached an hour ago; who is reached now was last seen a week ago.
    """
    now = timezone.now()
    since, seen_at = now - dt.timedelta(days=30), now - (dt.timedelta(days=7) if everybody else dt.timedelta(hours=1))
    portfolio = models.Portfolio.objects.get().pk
    indexes = [index for index in range(count) if everybody or traffic.is_known(index)]
    for chunk in batches.chunks(indexes, _CHUNK):
        _know(chunk, portfolio, since, seen_at, by_phone_alone=not everybody)
    return {"people": len(indexes)}


def _know(
    indexes: list[int], portfolio: int, since: dt.datetime, seen_at: dt.datetime, *, by_phone_alone: bool
) -> None:
    ids = dict(zip(indexes, batches.reserve_ids(models.Subscriber, len(indexes)), strict=True))
    batches.insert(
        models.Subscriber,
        ["id", "public_id", "root", "locale", "country", "jurisdiction_source", "jurisdiction_confidence", "created_at",
         "erased_at"],
        [(pk, uuid.uuid4(), pk, "", traffic.somebody(index).bsuid[:2], "phone", "M", since, None)
         for index, pk in ids.items()],
    )  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for index, pk in ids.items():
        person = traffic.somebody(index)
        phone = f"+{person.phone}"
        key = identifiers.match_key("phone", phone)
        rows.append(("phone", 0, phone, key, phone[-4:], pk, pk, since, seen_at, None))
        if not (by_phone_alone and traffic.is_known_by_phone(index)):
            rows.append(("bsuid", portfolio, person.bsuid, person.bsuid, "", pk, pk, since, seen_at, None))
    batches.insert(
        models.Identity,
        ["scheme", "scope", "value", "match_key", "last4", "subscriber", "root", "since", "seen_at", "ended_at"],
        rows,
    )


def fill(kind: str, count: int) -> dict[str, Any]:
    """Put `count` webhooks into the inbox as the door does, without HTTP."""
    now = timezone.now()
    bodies = getattr(traffic, kind)(count, at=int(now.timestamp()) - 2)
    for chunk in batches.chunks(_envelopes(bodies, now), _CHUNK):
        batches.insert(models.InboxEntry, inbox.ENVELOPE, chunk)
    return {"received_at": now.isoformat()}


def _envelopes(bodies: Iterator[dict[str, Any]], now: dt.datetime) -> Iterator[tuple[object, ...]]:
    for body in bodies:
        raw = traffic.encoded(body)
        yield inbox.envelope("whatsapp", whatsapp.lane_of(raw), raw, {"User-Agent": "facebookexternalua"}, now)


def drain(now: str = "") -> dict[str, Any]:
    """Read the whole inbox in this one process, as a worker does."""
    moment = dt.datetime.fromisoformat(now) if now else None
    started, cpu = time.perf_counter(), time.process_time()
    outcome = inbox.process(now=moment, seconds=3_600)
    return {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
        "done": outcome.done,
        "failed": len(outcome.failed),
        "batch": processing.BATCH_ENTRIES,
    }


def stop() -> dict[str, Any]:
    """Wait until half of the inbox is read, commit one STOP to it, and say after how long it was effective."""
    brands = list(models.Brand.objects.all())
    person = traffic.somebody(0)
    half = models.InboxEntry.objects.due(timezone.now()).count() // 2
    while models.InboxEntry.objects.filter(state="pending").count() > half:
        time.sleep(0.02)
    now = timezone.now()
    body = traffic.reply(person, "STOP", message_id="wamid.stop", at=int(now.timestamp()))
    batches.insert(models.InboxEntry, inbox.ENVELOPE, list(_envelopes(iter([body]), now)))
    committed = time.perf_counter()
    while _reason(person.phone, brands) != "opted_out":
        time.sleep(0.002)
    seconds = time.perf_counter() - committed
    return {"seconds": seconds, "waiting": models.InboxEntry.objects.filter(state="pending").count()}


def _reason(phone: str, brands: list[Any]) -> str:
    now = timezone.now()
    (answer,) = eligibility.check([f"+{phone}"], channel="whatsapp", topic="marketing", brands=brands, now=now)
    return answer.reason


def count_queries(key: str) -> dict[str, Any]:
    """How many queries one request to the API takes, without the once-a-minute note that the key was used."""
    question = sys.stdin.read()
    client = Client(headers={"Authorization": f"Api-Key {key}"})
    with CaptureQueriesContext(connection) as captured:
        for _ in range(2):
            captured.initial_queries = len(connection.queries_log)
            response = client.post(
                "/api/v1/eligibility/", question, content_type="application/json", HTTP_HOST="localhost"
            )
            if response.status_code != 200:
                raise RuntimeError(f"The API answered {response.status_code}.")
        captured.final_queries = len(connection.queries_log)
    return {"queries": captured.final_queries - captured.initial_queries}


def web_command(port: int) -> dict[str, Any]:
    """How `serve` starts the web server."""
    return {"command": list(processes.web("127.0.0.1", port).command)}


STEPS: dict[str, Callable[..., dict[str, Any]]] = {
    function.__name__: function for function in (migrate, know, fill, drain, stop, count_queries, web_command)
}


def main() -> None:
    step, *arguments = sys.argv[1:]
    print(json.dumps(STEPS[step](*(int(word) if word.isdigit() else word for word in arguments))))


if __name__ == "__main__":
    import django

    django.setup()

    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone

    from benchmarks import traffic
    from optout_admin import processes
    from preferences import eligibility, identifiers, inbox, models, retention
    from preferences.inbox import processing
    from preferences.models import batches
    from preferences.webhooks import whatsapp

    main()
