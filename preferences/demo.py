"""The sample data of the demo: a month in the life of a shop, sent through the real door with the clock injected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.conf import settings

from preferences import inbox, outbox, retention, seals, simulation
from preferences.models import Brand, Controller, PolicyVersion, Portfolio, Provider, Reply, Sender
from preferences.signing import sign_meta
from preferences.simulation import american, british, french, nameless
from preferences.webhooks import whatsapp

_DAYS = 28


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
    count = 0
    for at, body in sorted(story(now)):
        receive(body, at)
        count += 1
    retention.prepare_partitions(now)
    seals.seal(now=now)
    return count


def receive(body: bytes, at: dt.datetime) -> None:
    """One webhook through the door, read and answered, as if all of it happened at `at`."""
    signature = sign_meta(body, settings.WHATSAPP_APP_SECRET[0])
    whatsapp.accept(body, signature=signature, headers={"User-Agent": "simulated"}, now=at)
    inbox.process(now=at)
    outbox.deliver(now=at)


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
    yield after(40), simulation.text(american(7), "STOP", after(33))
    yield after(41), simulation.text(american(7), "START", after(32))  # late, and older than the STOP
    yield after(45), simulation.text(british(8), "HELP", after(45))
    refused = simulation.message_id("refused")
    yield after(50), simulation.status(british(9), refused, "failed", after(50), error=131050)
    yield after(55), simulation.text(british(10), "<script>alert('hello')</script>", after(55))
