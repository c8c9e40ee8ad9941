"""What people are told: which words, in which language, and the exact wording kept."""

from __future__ import annotations

import pytest

from preferences import outbox
from preferences.models import Brand, Delivery, Notice, PolicyVersion, Subscriber, Topic, WordingVersion
from preferences.wording import render
from tests import bodies
from tests.conftest import SAMPLE_TIME

FRENCH = "+33612345678"


@pytest.fixture
def told(receive):
    """Somebody does something at noon; answers the texts recorded for it."""

    def run(*acts):
        for second, act in enumerate(acts):
            at = SAMPLE_TIME + second * bodies.SECOND
            receive(act(at), now=at)
            outbox.deliver(now=at)
        return list(Delivery.objects.order_by("pk").values_list("response_excerpt", flat=True))

    return run


def says(text, **details):
    return lambda at: bodies.message(text, at=at, **details)


@pytest.mark.parametrize(
    ("said", "policy", "language"),
    [
        pytest.param(("STOP", bodies.GRETA), ("en",), "de", id="stop-from-germany"),
        pytest.param(("STOP", bodies.GRETA), ("en", "en", "de"), "de", id="stop-from-germany-offered"),
        pytest.param(("STOP", bodies.GRETA), ("en", "en", "fr"), "en", id="stop-from-germany-not-offered"),
        pytest.param(("STOP", bodies.BILAL), ("it",), "it", id="brands-own"),
        pytest.param(("STOP", bodies.ALICE), ("es", "en", "es"), "es", id="stop-is-no-evidence-of-english"),
        pytest.param(("ARRET", bodies.GRETA), ("en",), "fr", id="french-word-from-germany"),
        pytest.param(("arrêt", FRENCH), ("en", "en"), "en", id="french-not-offered"),
        pytest.param(("HELP", bodies.GRETA), ("en",), "de", id="help-from-germany"),
        pytest.param(("START", bodies.GRETA), ("en",), "de", id="start-from-germany"),
        pytest.param(("Abbestellen", bodies.BILAL), ("en",), "de", id="german-word-from-britain"),
    ],
)
def test_it_answers_in_the_language_that_fits(said, policy, language, acme, told):
    own, *offered = policy
    Brand.objects.update(language=own)
    PolicyVersion.objects.create(brand=acme, number=2, languages=offered)
    text, phone = said

    told(says(text, phone=phone))

    delivery = Delivery.objects.get()
    assert (delivery.language, Notice.objects.get().language) == (language, language)


def test_it_puts_the_persons_own_choice_first(acme, told):
    told(says("hello"))
    Subscriber.objects.update(locale="it")

    told(says("arrêt"))

    assert Delivery.objects.get().language == "it"


@pytest.mark.parametrize(
    ("payload", "scope"),
    [
        ("optout", "marketing on all channels"),
        ("optout:all", "all messages, on all channels"),
        ("optout:topic:newsletter", "messages about “Newsletter”, on all channels"),
        ("optout:topic:ad_sharing", "sharing your data for advertising"),
    ],
)
def test_it_says_what_was_really_stopped(payload, scope, acme, told):
    Topic.objects.create(brand=acme, slug="newsletter", name="Newsletter")

    texts = told(lambda at: bodies.tapped(payload, at=at))

    assert texts == [f"You have opted out. Acme has stopped: {scope}. Sent by mistake? Reply START."]


def test_it_says_when_every_brand_of_the_controller_stopped(acme, told):
    PolicyVersion.objects.create(brand=acme, number=2, reach="controller", undo_line="never")

    texts = told(says("STOP"))

    assert texts == ["You have opted out. Acme has stopped: marketing on all channels, from all brands of Acme Group."]


def test_it_leaves_the_undo_line_out_where_the_policy_says_so(acme, told):
    PolicyVersion.objects.create(brand=acme, number=2, undo_line="never")

    assert "mistake" not in told(says("STOP"))[0]


def test_it_tells_a_returning_person_of_the_platform_stop(acme, told):
    platform = lambda at: bodies.switched("stop", at=at)  # noqa: E731 (one of several acts)

    texts = told(says("STOP"), platform, says("START"))

    assert texts[1].startswith("You will get marketing messages from Acme on WhatsApp again.")
    assert texts[1].endswith(render("platform_stop_line", language="en", values={"brand": "Acme"}).text)


def test_it_tells_nobody_else_of_a_platform_stop(acme, told):
    texts = told(says("STOP"), says("START"))

    assert "WhatsApp setting" not in "".join(texts)


def test_it_asks_for_yes_where_written_consent_is_needed(acme, told):
    texts = told(says("START", phone=bodies.ALICE), says("YES", phone=bodies.ALICE))

    assert Delivery.objects.order_by("pk").first().kind == "start_question"
    assert texts[0].startswith("Reply YES to get marketing messages from Acme")
    assert texts[1].startswith("You will get marketing messages from Acme")


def undoes(payload="optout:undo:v1:en", **details):
    return lambda at: bodies.tapped(payload, at=at, **details)


def test_it_takes_a_tap_on_the_undo_button_for_start(acme, told, ask):
    texts = told(says("STOP"), undoes())

    assert texts[1].startswith("You will get marketing messages from Acme on WhatsApp again.")
    assert ask(bodies.BILAL)["reason"] == "opted_in"


def test_it_asks_for_yes_after_a_tap_where_written_consent_is_needed(acme, told, ask):
    texts = told(says("STOP", phone=bodies.ALICE), undoes(phone=bodies.ALICE))

    assert texts[1].startswith("Reply YES to get marketing messages from Acme")
    assert ask(bodies.ALICE)["reason"] == "opted_out"


def test_it_answers_the_tap_in_the_language_of_the_button(acme, told):
    told(says("STOP"), undoes("optout:undo:v1:fr"))

    assert Delivery.objects.get(kind="start_confirmation").language == "fr"


@pytest.mark.parametrize(("locale", "language"), [("pt_BR", "pt"), ("zh_TW", "zh"), ("da", "en"), ("", "en")])
def test_it_reads_a_choice_of_language_as_a_locale(locale, language, acme, told):
    told(says("hello"))
    Subscriber.objects.update(locale=locale)

    told(says("STOP"))

    assert Delivery.objects.get().language == language


def test_it_speaks_the_brands_own_published_wording(acme, told):
    write = lambda text, number, published: WordingVersion.objects.create(  # noqa: E731 (four of a kind)
        brand=acme, key="confirmation", language="en", number=number, text=text, published_at=published
    )
    write("{brand} once stopped {scope}.", 1, SAMPLE_TIME)
    spoken = write("{brand} now stopped {scope}.", 2, SAMPLE_TIME)
    write("{brand} will stop {scope}.", 3, None)

    texts = told(says("STOP"))

    notice = Delivery.objects.get().notice
    assert texts == ["Acme now stopped marketing on all channels. Sent by mistake? Reply START."]
    assert notice.text == texts[0]
    assert (notice.key, notice.language) == ("confirmation", "en")
    assert f"+w{spoken.pk}:" in notice.version


def test_it_speaks_the_desks_wording_again_after_an_empty_version(acme, told):
    for number, text in enumerate(["{brand} stopped {scope}.", ""], 1):
        WordingVersion.objects.create(
            brand=acme, key="confirmation", language="en", number=number, text=text, published_at=SAMPLE_TIME
        )

    assert told(says("STOP"))[0].startswith("You have opted out. Acme has stopped")


def test_it_needs_no_query_more_for_more_deliveries(acme, receive, django_assert_max_num_queries):
    """The number of a batch of one is the most a batch of many may need, apart from the notices of new wordings."""
    counts = []
    for start, people in ((0, 1), (100, 30)):
        for number in range(start, start + people):
            receive(says("STOP", phone=f"+4477009{number:05}")(SAMPLE_TIME), now=SAMPLE_TIME)
        with django_assert_max_num_queries(60) as queries:
            outbox.deliver(now=SAMPLE_TIME)
        counts.append(len(queries))

    assert Delivery.objects.filter(state="recorded").count() == 31
    assert counts[1] <= counts[0]


def test_it_answers_help_with_the_human_contact(acme, told):
    texts = told(says("HELP"))

    assert texts == ["Acme: reply STOP to stop marketing messages. Questions: help@acme.example"]


def test_it_answers_every_question_for_help(acme, told):
    assert len(told(says("HELP"), says("HELP"))) == 2


def test_it_keeps_the_exact_wording_once(acme, told):
    texts = told(says("STOP"), says("STOP", phone=bodies.ALICE), says("HELP"))

    shown = dict(Delivery.objects.values_list("response_excerpt", "notice__text"))
    assert Notice.objects.count() == 2
    assert shown == {text: text for text in texts}


def test_it_answers_under_the_senders_own_name_without_a_brand(db, told):
    texts = told(says("STOP", waba="9", number="9"))

    assert texts == [
        "You have opted out. 12025550100 has stopped: marketing on all channels. Sent by mistake? Reply START."
    ]
