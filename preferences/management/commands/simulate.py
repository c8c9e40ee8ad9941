"""`simulate`: play WhatsApp. Sends signed webhooks to a running server and prints what became of each."""

from __future__ import annotations

import datetime as dt
import http.client
import random
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError
from django.db.models import Q
from django.utils import timezone

from preferences import eligibility, simulation
from preferences.identifiers import digest, mask, match_key
from preferences.management.base import DeskCommand
from preferences.models import Channel, Delivery, Identity, Reply
from preferences.models.scopes import MARKETING
from preferences.signing import sign_meta
from preferences.simulation import Fictional, american, british, french, nameless

_PATH = "/webhooks/whatsapp/"
_PATIENCE = dt.timedelta(seconds=15)
_SAID = [
    "STOP",
    "Stop promotions",
    "START",
    "YES",
    "hello",
    "ARRET",
    "if this goes on I will unsubscribe",
    "HELP",
    "إيقاف",
    "baja",
]


class Command(DeskCommand):
    help = "Send signed WhatsApp webhooks to a running server and print what became of them."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--url", default=settings.PUBLIC_URL, help="Where the server listens (default PUBLIC_URL).")
        parser.add_argument(
            "--messages", type=int, default=0, help="Send this many random replies instead of the story."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.WHATSAPP_APP_SECRET:
            raise CommandError("WHATSAPP_APP_SECRET is not set, so nothing can be signed.")
        said = list(_random(options["messages"])) if options["messages"] else _fresh_story()
        started = timezone.now()
        bodies = [_body(person, words, started) for person, words in said]
        self._send(options["url"], bodies)
        refs = [_ref(person, words, started) for person, words in said if not words.startswith("WhatsApp's own")]
        self._wait(refs)
        self._report(said, refs, started)

    def _send(self, url: str, bodies: list[bytes]) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=10)
        began = time.monotonic()
        try:
            for body in bodies:
                signature = sign_meta(body, settings.WHATSAPP_APP_SECRET[0])
                headers = {"Content-Type": "application/json", "X-Hub-Signature-256": signature}
                connection.request("POST", _PATH, body, headers)
                response = connection.getresponse()
                answer = response.read().decode(errors="replace")
                if response.status != 200:
                    raise CommandError(f"{url} answered {response.status}: {answer}")
        except OSError as error:
            raise CommandError(f"Nobody answers at {url} ({error}). Start the server with `make run`.") from error
        seconds = time.monotonic() - began
        self.stdout.write(f"{len(bodies)} signed webhooks accepted in {seconds:.2f} s.\n\n")

    def _wait(self, refs: list[bytes]) -> None:
        end = timezone.now() + _PATIENCE
        told = Delivery.objects.filter(reply__in=refs)
        on_its_way = told.filter(Q(state__in=["due", "retry", "attempting"]) | Q(state="sent", delivered_at=None))
        while timezone.now() < end:
            if Reply.objects.filter(digest__in=refs).count() == len(set(refs)) and not on_its_way.exists():
                return
            time.sleep(0.1)
        self.stderr.write("Not everything was read yet. `manage.py status` says why.")

    def _report(self, said: list[tuple[Fictional, str]], refs: list[bytes], started: dt.datetime) -> None:
        replies = {bytes(reply.digest): reply for reply in Reply.objects.filter(digest__in=refs)}
        told = {bytes(delivery.reply): delivery for delivery in Delivery.objects.filter(reply__in=refs)}
        asked = [person.recipient for person, _ in said]
        answers = eligibility.check(asked, channel=Channel.WHATSAPP, topic=MARKETING, brands=None, now=timezone.now())
        self.stdout.write(f"{'person':<22} {'wrote':<38} {'understood as':<14} {'may we send?':<22} answered\n")
        for (person, words), answer in zip(said, answers, strict=True):
            ref = _ref(person, words, started)
            reply, delivery = replies.get(ref), told.get(ref)
            may = f"{'yes' if answer.is_allowed else 'no'}: {answer.reason}"
            spoke = _spoken(delivery) if delivery else "-"
            intent = reply.intent if reply else "-"
            self.stdout.write(f"{mask(person.recipient):<22} {words:<38} {intent:<14} {may:<22} {spoke}\n")


def _spoken(delivery: Delivery) -> str:
    """What was answered and how far it came."""
    reached = ", read" if delivery.read_at else ", delivered" if delivery.delivered_at else ""
    return f"{delivery.get_kind_display()}: {delivery.get_state_display().lower()}{reached}"


def _fresh_story() -> list[tuple[Fictional, str]]:
    """The story with people nobody has heard of while there are any, so that every run tells all of it."""
    for number in random.sample(range(100, 900), 800):
        story = list(_story(number))
        keys = {match_key("phone", person.recipient) for person, _ in story}
        if not Identity.objects.filter(match_key__in=keys).exists():
            return story
    return story


def _story(number: int) -> Iterator[tuple[Fictional, str]]:
    yield british(number), "STOP"
    yield french(number), "ARRET"
    yield american(number), "Stop promotions"
    yield british(number + 1), "stop messages please"
    yield nameless(number, "IT"), "BASTA"
    yield british(number + 2), "if this goes on I will unsubscribe"
    yield british(number + 3), "WhatsApp's own stop"
    yield british(number + 4), "When do you open?"
    yield british(number + 5), "HELP"


def _random(count: int) -> Iterator[tuple[Fictional, str]]:
    for index in range(count):
        yield british(random.randrange(1000)), _SAID[index % len(_SAID)]  # noqa: S311


def _body(person: Fictional, words: str, at: dt.datetime) -> bytes:
    if words.startswith("WhatsApp's own"):
        return simulation.switch(person, at, is_stop=True)
    return simulation.text(person, words, at)


def _ref(person: Fictional, words: str, at: dt.datetime) -> bytes:
    return digest(simulation.message_id(person.recipient, at.timestamp(), words))
