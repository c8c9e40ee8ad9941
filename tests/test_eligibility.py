"""What decides "may we send?": each state made by real acts, and which of several states is told."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from preferences import decisions, eligibility
from preferences.decisions import Act
from preferences.encryption import pseudonyms
from preferences.identifiers import digest
from preferences.models import (
    Brand,
    Controller,
    EventKind,
    Identity,
    PolicyVersion,
    Portfolio,
    Provider,
    Scope,
    Sender,
    Source,
    Subscriber,
    Tombstone,
    Topic,
)
from preferences.models.scopes import AD_SHARING, MARKETING, SERVICE
from tests import bodies
from tests.conftest import SAMPLE_TIME


@pytest.fixture
def acts():
    """An act that has no webhook: staff, page, API."""

    def run(kind, *, phone=bodies.BILAL, second=0, until=None, **scope):
        at = SAMPLE_TIME + second * bodies.SECOND
        who = Identity.objects.get(value=phone, ended_at=None).root_id
        ref = digest(f"{kind}{second}{scope}")
        act = Act(
            subscriber=who, kind=kind, scope=Scope(**scope), effective_at=at, received_at=at, source=Source.STAFF,
            source_ref=ref, until=until,
        )  # fmt: skip
        return decisions.record(act, now=at)

    return run


def declare(brand, **changes):
    """The brand says that opt-ins are kept elsewhere."""
    PolicyVersion.objects.create(
        brand=brand, number=2, unknown_consent="no_objection", opt_ins_kept_in="CRM", opt_ins_legal_basis="consent",
        **changes,
    )  # fmt: skip


def test_it_tells_the_first_reason_that_applies(acme, says, acts, receive, ask):
    told = [ask(bodies.BILAL)["reason"]]
    says("START", 1)
    told.append(ask(bodies.BILAL)["reason"])
    acts(EventKind.PAUSE, second=2, until=timezone.now() + bodies.HOUR, brand=acme.pk)
    told.append(ask(bodies.BILAL)["reason"])
    says("if this goes on I will unsubscribe", 3)
    told.append(ask(bodies.BILAL)["reason"])
    at = SAMPLE_TIME + 4 * bodies.SECOND
    receive(bodies.switched("stop", at=at), now=at)
    told.append(ask(bodies.BILAL)["reason"])
    says("STOP", 5)
    told.append(ask(bodies.BILAL)["reason"])

    assert told == ["no_consent", "opted_in", "paused", "held", "platform_stop", "opted_out"]


def test_it_allows_only_the_two_good_reasons(acme, says, ask):
    says("START")

    opted_in, service = ask(bodies.BILAL), ask(bodies.GRETA, topic=SERVICE)

    assert (opted_in["allowed"], opted_in["reason"]) == (True, "opted_in")
    assert (service["allowed"], service["reason"]) == (True, "no_objection")


def test_it_tells_since_when_and_a_growing_version(acme, says, ask):
    says("STOP", 0)
    stopped = ask(bodies.BILAL)
    says("START", 60)
    started = ask(bodies.BILAL)

    assert stopped["since"] == "2026-11-22T12:00:00.000000Z"
    assert started["since"] == "2026-11-22T12:01:00.000000Z"
    assert stopped["version"] < started["version"]


@pytest.mark.parametrize(
    ("channel", "reason"), [("whatsapp", "platform_stop"), ("sms", "no_consent"), ("email", "no_consent")]
)
def test_it_keeps_the_platform_stop_to_whatsapp(channel, reason, acme, receive, ask):
    receive(bodies.switched("stop", at=SAMPLE_TIME), now=SAMPLE_TIME)

    assert ask(bodies.BILAL, channel=channel)["reason"] == reason


@pytest.mark.parametrize("channel", ["whatsapp", "sms", "email", "voice", "push"])
def test_it_keeps_a_stop_on_every_channel(channel, acme, says, ask):
    says("STOP")

    assert ask(bodies.BILAL, channel=channel)["reason"] == "opted_out"


def test_it_brings_back_whatsapp_alone(acme, says, ask):
    says("STOP", 0)
    says("START", 60)

    assert [ask(bodies.BILAL, channel=channel)["reason"] for channel in ("whatsapp", "sms")] == [
        "opted_in",
        "opted_out",
    ]


def test_it_covers_topics_and_senders_made_later(acme, says, ask):
    says("STOP")
    Topic.objects.create(brand=acme, slug="flash-sales", name="Flash sales")
    portfolio = Portfolio.objects.create(provider=Provider.WHATSAPP, key="waba:2")
    Sender.objects.create(portfolio=portfolio, provider=Provider.WHATSAPP, key="2", brand=acme)

    assert ask(bodies.BILAL, topic="flash-sales")["reason"] == "opted_out"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [("optout", "no_objection"), ("optout:topic:news", "no_objection"), ("optout:all", "opted_out")],
)
def test_it_stops_service_messages_only_for_everything(payload, reason, acme, receive, ask):
    receive(bodies.tapped(payload, at=SAMPLE_TIME), now=SAMPLE_TIME)

    assert ask(bodies.BILAL, topic=SERVICE)["reason"] == reason


def test_it_reopens_service_messages_when_the_person_comes_back(acme, says, receive, ask):
    receive(bodies.tapped("optout:all", at=SAMPLE_TIME), now=SAMPLE_TIME)
    says("START", 60)

    assert ask(bodies.BILAL, topic=SERVICE)["allowed"]


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ((EventKind.OPT_IN, MARKETING), "no_consent"),
        ((EventKind.STOP, MARKETING), "no_consent"),
        ((EventKind.OPT_IN, AD_SHARING), "opted_in"),
        ((EventKind.SALE_OPT_OUT, AD_SHARING), "opted_out"),
        ((EventKind.STOP, "any"), "opted_out"),
    ],
)
@pytest.mark.usefixtures("acme")
def test_it_shares_for_ads_only_when_that_was_named(act, reason, says, acts, ask):
    says("hello")
    kind, topic = act
    acts(kind, topic=topic)

    assert ask(bodies.BILAL, topic=AD_SHARING)["reason"] == reason


def test_it_has_no_objection_where_opt_ins_are_declared_elsewhere(acme, says, ask):
    declare(acme)
    says("STOP")

    known, stranger = ask(bodies.BILAL), ask(bodies.GRETA)

    assert (known["allowed"], known["reason"]) == (False, "opted_out")
    assert (stranger["allowed"], stranger["reason"], stranger["since"]) == (True, "no_objection", None)


def test_it_goes_by_the_newest_policy(acme, ask):
    declare(acme)
    PolicyVersion.objects.create(brand=acme, number=3)

    assert ask(bodies.BILAL)["reason"] == "no_consent"


# Several brands -------------------------------------------------------------------------------------------------------


@pytest.fixture
def sister(acme):
    """Another brand of the same controller."""
    return Brand.objects.create(controller=acme.controller, slug="sister", name="Sister")


def test_it_lets_the_strictest_brand_decide(acme, sister, says, ask):
    declare(sister)
    says("STOP")

    answers = [ask(bodies.BILAL, **asked)["reason"] for asked in ({"brand": "acme"}, {"brand": "sister"}, {})]

    assert answers == ["opted_out", "no_objection", "opted_out"]


def test_it_binds_every_brand_on_a_sender_nobody_assigned(acme, sister, says, ask):
    stranger = Brand.objects.create(controller=Controller.objects.create(name="Elsewhere"), slug="far", name="Far")
    says("STOP", waba="9", number="9")

    answers = {slug: ask(bodies.BILAL, brand=slug)["reason"] for slug in ("acme", "sister", stranger.slug)}

    assert set(answers.values()) == {"opted_out"}


def test_it_opens_no_brand_on_a_sender_nobody_assigned(acme, says, ask):
    says("START", waba="9", number="9")

    assert ask(bodies.BILAL, brand="acme")["reason"] == "no_consent"


def test_it_answers_with_no_brand_at_all(says, ask):
    says("STOP", waba="9", number="9")

    assert [ask(who)["reason"] for who in (bodies.BILAL, bodies.GRETA)] == ["opted_out", "no_consent"]


def test_it_reaches_all_brands_where_the_policy_says_so(acme, sister, says, ask):
    PolicyVersion.objects.create(brand=acme, number=2, reach="controller")
    later = Brand.objects.create(controller=acme.controller, slug="later", name="Later")
    says("STOP")

    assert {ask(bodies.BILAL, brand=brand.slug)["reason"] for brand in (acme, sister, later)} == {"opted_out"}


# Who is asked about ---------------------------------------------------------------------------------------------------


def test_it_takes_the_strictest_of_two_people_with_one_user_id(acme, says, ask):
    says("START", 0, phone="", bsuid="GB.700001", waba="9", number="9")
    says("STOP", 0, phone="", bsuid="GB.700001")

    assert Subscriber.objects.count() == 2
    assert ask("GB.700001")["reason"] == "opted_out"


def test_it_finds_every_spelling_of_one_line(acme, says, ask):
    says("STOP", phone="+5511987654321")

    assert ask("+551187654321")["reason"] == ask("+55 11 98765-4321")["reason"] == "opted_out"


@pytest.mark.parametrize("asked", [bodies.BILAL, "00447700900123"])
def test_it_keeps_an_erased_number_suppressed(asked, acme, ask):
    declare(acme)
    (key_id, hashed), *_ = pseudonyms(f"phone:{bodies.BILAL}")
    Tombstone.objects.create(
        key_id=key_id, digest=hashed, scheme="phone", public_id="0" * 32, erased_at=SAMPLE_TIME
    )  # fmt: skip

    answer = ask(asked)

    assert (answer["reason"], answer["since"]) == ("erased", "2026-11-22T12:00:00.000000Z")
    assert ask(bodies.GRETA)["reason"] == "no_objection"


def test_it_lets_a_pause_end_by_itself(acme, says, acts):
    says("START")
    acts(EventKind.PAUSE, second=1, until=SAMPLE_TIME + bodies.HOUR, brand=acme.pk)

    reasons = [
        eligibility.check([bodies.BILAL], channel="whatsapp", topic=MARKETING, brands=[acme], now=now)[0].reason
        for now in (SAMPLE_TIME + dt.timedelta(minutes=59), SAMPLE_TIME + bodies.HOUR)
    ]

    assert reasons == ["paused", "opted_in"]
