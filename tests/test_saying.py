"""What a message says: the scope that was really stopped, by the law of the person, in every language."""

from __future__ import annotations

import pytest

from preferences.models import ANY, Channel, Delivery, DeliveryKind, Scope, UtilityTemplate
from preferences.models.scopes import AD_SHARING, MARKETING, SERVICE
from preferences.outbox.saying import Notices, Occasion, Speaker, parameters_of, say
from preferences.outbox.truth import look
from preferences.wording import Template, available_languages, desk_text, render
from tests import bodies
from tests.conftest import SAMPLE_TIME

ACME = Speaker("Acme", "Acme Group", "en", contact="help@acme.example", number="12025550100")
SCOPES = [
    Scope(controller=controller, brand=0 if controller else 1, channel=channel, topic=topic)
    for controller in (0, 1)
    for channel in (ANY, *Channel.values)
    for topic in (ANY, MARKETING, AD_SHARING, SERVICE, "news")
]


def confirmation(scope=None, *, language="en", country="BR", speaker=ACME, **details):
    occasion = Occasion(
        "confirmation", language, scope or Scope(brand=1), country, topics={"news": "Spring news"}, **details
    )
    return say(occasion, speaker)


@pytest.mark.parametrize("language", available_languages())
@pytest.mark.parametrize("kind", DeliveryKind.values)
def test_it_says_every_scope_in_every_language_within_the_limits(kind: str, language: str) -> None:
    long = Speaker("B" * 60, "C" * 60, language, contact="D" * 60)

    for scope in SCOPES:
        occasion = Occasion(kind, language, scope, "BR", topics={"news": "Spring news"}, is_stopped_on_platform=True)
        saying = say(occasion, long)

        assert saying.language == language
        assert saying.text
        assert not set("{}") & set(saying.text)
        assert len(saying.text) <= 1024
        assert len(saying.button) <= 20


@pytest.mark.parametrize("language", available_languages())
def test_it_tells_the_scopes_apart_in_every_language(language: str) -> None:
    texts = {confirmation(scope, language=language).text for scope in SCOPES}

    # Data for advertising and service messages are not told apart by channel.
    assert len(texts) == 2 * (6 * 3 + 2)


@pytest.mark.parametrize("language", available_languages())
def test_it_names_channel_topic_and_controller(language: str) -> None:
    text = confirmation(Scope(controller=1, channel=Channel.SMS, topic="news"), language=language).text

    assert render("channel_sms", language=language, values={}).text in text
    assert "“Spring news”" in text or "Spring news" in text
    assert "Acme Group" in text


@pytest.mark.parametrize(
    ("language", "scope", "text"),
    [
        ("en", Scope(brand=1), "You have opted out. Acme has stopped: marketing on all channels."),
        ("en", Scope(brand=1, channel="whatsapp"), "You have opted out. Acme has stopped: marketing on WhatsApp."),
        ("en", Scope(brand=1, channel="email"), "You have opted out. Acme has stopped: marketing by email."),
        ("en", Scope(brand=1, topic=ANY), "You have opted out. Acme has stopped: all messages, on all channels."),
        (
            "en", Scope(brand=1, topic="news"),
            "You have opted out. Acme has stopped: messages about “Spring news”, on all channels.",
        ),
        (
            "en", Scope(brand=1, topic=AD_SHARING),
            "You have opted out. Acme has stopped: sharing your data for advertising.",
        ),
        (
            "en", Scope(controller=1),
            "You have opted out. Acme has stopped: marketing on all channels, from all brands of Acme Group.",
        ),
        ("de", Scope(brand=1), "Ihre Abmeldung ist eingetragen. Acme hat eingestellt: Werbung auf allen Kanälen."),
        (
            "de", Scope(controller=1, channel="whatsapp"),
            "Ihre Abmeldung ist eingetragen. Acme hat eingestellt: Werbung per WhatsApp, für alle Marken von Acme Group.",
        ),
        ("es", Scope(brand=1), "Baja registrada. Acme ha detenido: publicidad en todos los canales."),
        ("pt", Scope(brand=1, channel="whatsapp"), "Cancelamento registrado. Acme interrompeu: publicidade por WhatsApp."),
        (
            "fr", Scope(brand=1, topic=ANY),
            "Votre désabonnement est enregistré. Acme a arrêté : tous les messages, sur tous les canaux.",
        ),
        ("zh", Scope(controller=1), "您已退订。Acme 已停止发送：所有渠道的营销信息（Acme Group 旗下所有品牌）。"),
        ("ar", Scope(brand=1), "تم تسجيل إلغاء اشتراكك. أوقفت Acme: الرسائل التسويقية على جميع القنوات."),
    ],
)  # fmt: skip
def test_it_says_what_was_really_stopped(language: str, scope: Scope, text: str) -> None:
    speaker = Speaker("Acme", "Acme Group", "en", undo_line="never")

    assert confirmation(scope, language=language, speaker=speaker).text == text


@pytest.mark.parametrize(
    ("country", "seat", "undo_line", "has_line", "has_button"),
    [
        ("BR", "", "by_law", True, True),
        ("BR", "BR", "by_law", True, True),
        ("BR", "DE", "by_law", True, False),
        ("BR", "", "never", False, False),
        ("IN", "US", "by_law", True, False),
        ("US", "", "by_law", True, False),
        ("PR", "", "by_law", True, False),
        ("CA", "", "by_law", True, False),
        ("GB", "", "by_law", True, False),
        ("DE", "BR", "by_law", True, False),
        ("NO", "", "by_law", True, False),
        ("AU", "", "by_law", True, False),
        ("", "", "by_law", True, False),
        ("", "", "never", False, False),
    ],
)
def test_it_offers_the_way_back_as_the_law_allows(country, seat, undo_line, has_line, has_button) -> None:
    saying = confirmation(country=country, speaker=Speaker("Acme", "", "en", seat=seat, undo_line=undo_line))

    assert ("Sent by mistake? Reply START." in saying.text) is has_line
    assert (saying.button, saying.button_id) == (("Undo", "optout:undo:v1:en") if has_button else ("", ""))


def test_it_leaves_the_button_out_under_a_text_that_is_too_long_for_one() -> None:
    own = {("confirmation", "en"): Template("{brand} {scope} " + "x" * 1024, "w1")}

    assert confirmation(speaker=Speaker("Acme", "", "en", own=own)).button == ""


@pytest.mark.parametrize("kind", ["start_confirmation", "start_question"])
def test_it_names_the_platforms_own_stop_to_whoever_comes_back(kind: str) -> None:
    line = desk_text("platform_stop_line", "en").text.format(brand="Acme")

    assert say(Occasion(kind, "en", is_stopped_on_platform=True), ACME).text.endswith(line)
    assert line not in say(Occasion(kind, "en"), ACME).text


def test_it_never_tells_whoever_opts_out_how_to_lift_the_platforms_stop() -> None:
    assert confirmation(is_stopped_on_platform=True) == confirmation()


@pytest.mark.parametrize(
    ("contact", "number", "named"),
    [
        ("help@acme.example", "12025550100", "Questions: help@acme.example"),
        ("", "12025550100", "Questions: +12025550100"),
        ("", "+1 202-555-0100", "Questions: +12025550100"),
        ("", "Acme hotline", "Questions: Acme hotline"),
        ("", "", "Questions: write to us in this chat"),
    ],
)
def test_it_names_a_human_contact_in_help(contact: str, number: str, named: str) -> None:
    speaker = Speaker("Acme", "Acme Group", "en", contact=contact, number=number)

    text = say(Occasion("help", "en"), speaker).text
    assert text.endswith(named)
    assert "STOP" in text


@pytest.mark.parametrize(
    ("asked", "brand", "spoken"),
    [
        ("pt_BR", "en", "pt"),
        ("zh_TW", "en", "zh"),
        ("iw", "en", "he"),
        ("da", "de", "de"),
        ("", "fr_CA", "fr"),
        ("da", "nb", "en"),
    ],
)
def test_it_falls_back_to_the_brands_language(asked: str, brand: str, spoken: str) -> None:
    assert say(Occasion("help", asked), Speaker("Acme", "", brand)).language == spoken


def test_it_keeps_names_literally() -> None:
    speaker = Speaker("{scope}", "", "en", undo_line="never")

    assert confirmation(speaker=speaker).text == "You have opted out. {scope} has stopped: marketing on all channels."


def test_it_speaks_a_brands_own_texts_and_names_their_versions() -> None:
    own = {
        ("confirmation", "en"): Template("{brand}: stopped {scope}.", "w12"),
        ("scope_marketing_any", "en"): Template("our newsletter", "w13"),
        ("undo_line", "de"): Template("START macht es rückgängig.", "w14"),
    }

    saying = confirmation(speaker=Speaker("Acme", "", "en", own=own))

    assert saying.text == "Acme: stopped our newsletter. Sent by mistake? Reply START."
    assert set(saying.version.split("+")) >= {"w12", "w13"}
    assert "w14" not in saying.version


def test_it_keeps_one_notice_for_each_wording_anybody_saw(db) -> None:
    own = Speaker("Acme", "", "en", own={("confirmation", "en"): Template("{brand}: stopped {scope}.", "w12")})
    same = Speaker("Acme", "", "en", own={("confirmation", "en"): Template("{brand}: stopped {scope}.", "w13")})
    sayings = [confirmation(), confirmation(country="US"), confirmation(speaker=own), confirmation(speaker=same)]

    kept = [Notices().keep("confirmation", saying) for saying in [*sayings, *sayings]]

    assert len(set(kept)) == 4
    assert kept[:4] == kept[4:]


def test_it_fills_the_places_of_a_template_in_its_language(acme, receive) -> None:
    receive(bodies.message("STOP", at=SAMPLE_TIME), now=SAMPLE_TIME)
    delivery = Delivery.objects.get()
    template = UtilityTemplate(language="pt_BR", parameters=["scope", "brand", "contact"])

    situation = look([delivery])
    filled = parameters_of(delivery, situation.desks[delivery.sender_id], situation, template)

    assert filled == ("publicidade em todos os canais", "Acme", "help@acme.example")
