"""The sample data of the demo: a month in the life of a shop, sent through the real door with the clock injected.

Answers go to a simulated WhatsApp of this process, whose statuses come back through the same door.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import transaction

from preferences import inbox, outbox, retention, seals, simulation
from preferences.models import Brand, Controller, PolicyVersion, Portfolio, Provider, Reply, Sender
from preferences.signing import sign_meta
from preferences.simulation import Fictional, american, british, french, nameless
from preferences.simulation.graph_api import Simulator
from preferences.simulation.graph_world import TOKEN, World
from preferences.webhooks import whatsapp

_DAYS = 28
_RECYCLED = american(11)
#: Whoever has the number now is somebody else: another user id.
_NEXT_HOLDER = replace(_RECYCLED, name="Sample N11")


@dataclass(frozen=True, slots=True)
class Chapter:
    """One thing worth looking at: what happened, what to see on the person's page, and who it is."""

    title: str
    look: str
    person: Fictional


#: The guided list of the demo's first page, in the order of a first walk.
CHAPTERS = (
    Chapter(
        "A tap on “Stop promotions”, which WhatsApp told twice",
        "One opt-out, one confirmation, delivered two seconds later.",
        american(1),
    ),
    Chapter(
        "STOP in Hindi; the others wrote in English, French, German, Spanish, Portuguese and Arabic",
        "Answered in the language it was written in.",
        british(148),
    ),
    Chapter("STOP, and four minutes later START", "Back on WhatsApp alone: SMS and e-mail stay stopped.", british(2)),
    Chapter(
        "START in the United States",
        "Asked for YES first, because the law there wants consent in writing; YES came a minute later.",
        american(3),
    ),
    Chapter(
        "A START that arrived late", "It is older than the STOP it came after, so nothing was opened.", american(7)
    ),
    Chapter(
        "“can you stop sending these at night??”",
        "Doubt protects the person: held until somebody reviews it.",
        british(4),
    ),
    Chapter(
        "WhatsApp’s own switch", "A platform stop: no START and nobody here can lift it, only the person.", american(5)
    ),
    Chapter(
        "A message refused with error 131050", "Also WhatsApp’s own stop, learned from a campaign’s status.", british(9)
    ),
    Chapter(
        "Somebody who shows a username and no number",
        "Known by a user id; the stop counts all the same.",
        nameless(6, "IT"),
    ),
    Chapter(
        "A number with a new holder",
        "The stop of the earlier holder stays on the number, the consent does not go with it.",
        _NEXT_HOLDER,
    ),
    Chapter("A message that tries to be a script", "Only text, wherever it is shown.", british(10)),
)


def is_seeded() -> bool:
    return Reply.objects.exists()


def prepare() -> Brand:
    """The shop itself: one controller, one brand, one sender. Doing so twice is harmless."""
    controller, _ = Controller.objects.get_or_create(name="Acme Retail Group", defaults={"seat": "GB"})
    brand, is_new = Brand.objects.get_or_create(
        slug="acme",
        defaults={"controller": controller, "name": "Acme", "language": "en", "support_contact": "help@acme.example"},
    )
    if is_new:
        PolicyVersion.objects.create(brand=brand, number=1)
    portfolio, _ = Portfolio.objects.get_or_create(
        provider=Provider.WHATSAPP, key=f"waba:{simulation.ACCOUNT}", defaults={"controller": controller}
    )
    Sender.objects.get_or_create(
        provider=Provider.WHATSAPP,
        key=simulation.SENDER,
        defaults={"portfolio": portfolio, "display": simulation.SENDER_NUMBER, "brand": brand},
    )
    return brand


def seed(now: dt.datetime) -> int:
    """Play the month that ends at `now`. Returns how many webhooks were sent."""
    with _History() as history:
        for at, body in sorted(story(now)):
            history.play(body, at)
    retention.prepare_partitions(now)
    seals.seal(now=now)
    return history.count


class _History:
    """Plays webhooks as if each came at its time. What this process sends meanwhile goes to its own simulator alone."""

    def __init__(self) -> None:
        self.count = 0
        self._now = dt.datetime.now(dt.UTC)
        self._whatsapp = Simulator(
            world=World(hears_everybody=True), reaches=("sent", "delivered", "read"), clock=lambda: self._now
        )
        self._sending = _sending_to(self._whatsapp)

    def __enter__(self) -> _History:
        self._whatsapp.__enter__()
        self._sending.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._sending.__exit__(None, None, None)
        self._whatsapp.__exit__(None, None, None)

    def play(self, body: bytes, at: dt.datetime) -> None:
        """One webhook through the door, read and answered, and the statuses of the answer a second apart.

        In one transaction: by the clock of the desk's own workers every answer here would come far too late.
        """
        self._now = at
        with transaction.atomic():
            self._receive(body, at)
            outbox.deliver(now=at)
            statuses, self._whatsapp.bodies = self._whatsapp.bodies, []
            for index, status in enumerate(statuses, start=1):
                self._receive(status, at + dt.timedelta(seconds=index))

    def _receive(self, body: bytes, at: dt.datetime) -> None:
        signature = sign_meta(body, settings.WHATSAPP_APP_SECRET[0])
        whatsapp.accept(body, signature=signature, headers={"User-Agent": "simulated"}, now=at)
        inbox.process(now=at)
        self.count += 1


@contextmanager
def _sending_to(simulator: Simulator) -> Iterator[None]:
    before = settings.WHATSAPP_API_URL, settings.WHATSAPP_ACCESS_TOKEN
    settings.WHATSAPP_API_URL, settings.WHATSAPP_ACCESS_TOKEN = simulator.url, TOKEN
    try:
        yield
    finally:
        settings.WHATSAPP_API_URL, settings.WHATSAPP_ACCESS_TOKEN = before


def story(now: dt.datetime) -> Iterator[tuple[dt.datetime, bytes]]:
    """Webhooks with the moment each arrives."""
    yield from _campaigns(now)
    yield from _replies(now)
    yield from _special_people(now)


def _campaigns(now: dt.datetime) -> Iterator[tuple[dt.datetime, bytes]]:
    """Four campaigns, one a week: sent, delivered, mostly read."""
    for week in range(4):
        sent_at = now - dt.timedelta(days=_DAYS - 7 * week - 1)
        for index in range(24):
            person = (british if index % 3 else american)(30 + index)
            name = simulation.message_id("campaign", week, index)
            for what, seconds in (("sent", 1), ("delivered", 4), ("read", 600)):
                if what != "read" or index % 4:
                    at = sent_at + dt.timedelta(seconds=seconds + index)
                    yield at, simulation.status(person, name, what, at)


def _replies(now: dt.datetime) -> Iterator[tuple[dt.datetime, bytes]]:
    """What people answered, in six languages."""
    said = [
        "STOP", "Thanks, arrived today!", "unsubscribe", "ARRET", "When do you open on Sunday?", "PARAR", "stop", "abmelden",
        "Love it", "إيقاف", "STOP", "BAJA", "Is this still available?", "Stop promotions", "रोकें", "Merci beaucoup", "opt out",
    ]  # fmt: skip
    for index, words in enumerate(said * 3):
        at = now - dt.timedelta(days=_DAYS - 1 - index * (_DAYS - 2) / (len(said) * 3), minutes=index)
        person = french(index) if words in {"ARRET", "Merci beaucoup"} else british(100 + index)
        yield at, simulation.text(person, words, at)


def _special_people(now: dt.datetime) -> Iterator[tuple[dt.datetime, bytes]]:
    """The cases worth looking at, all on the last day."""
    morning = now - dt.timedelta(hours=3)

    def after(minutes: float) -> dt.datetime:
        return morning + dt.timedelta(minutes=minutes)

    tapped = simulation.button(american(1), "Stop promotions", after(1), payload="optout:marketing:v1")
    yield after(1), tapped
    yield after(1.5), tapped  # the provider sends it twice
    yield after(5), simulation.text(british(2), "STOP", after(5))
    yield after(9), simulation.text(british(2), "START", after(9))  # came back
    yield after(12), simulation.text(american(3), "STOP", after(12))
    yield after(14), simulation.text(american(3), "START", after(14))  # US: we ask for YES
    yield after(15), simulation.text(american(3), "YES", after(15))
    yield after(20), simulation.text(british(4), "can you stop sending these at night??", after(20))
    yield after(25), simulation.switch(american(5), after(25), is_stop=True)
    yield after(30), simulation.text(nameless(6, "IT"), "STOP", after(30))
    yield after(40), simulation.text(american(7), "STOP", after(38))
    yield after(41), simulation.text(american(7), "START", after(32))  # late, and older than the STOP
    yield after(45), simulation.text(british(8), "HELP", after(45))
    refused = simulation.message_id("refused")
    yield after(50), simulation.status(british(9), refused, "failed", after(50), error=131050)
    yield after(55), simulation.text(british(10), "<script>alert('hello')</script>", after(55))
    yield after(60), simulation.text(_RECYCLED, "STOP", after(60))
    yield after(65), simulation.moved(_RECYCLED, american(12), after(65))
    yield after(90), simulation.text(_NEXT_HOLDER, "Hi, is this the flower shop?", after(90))
