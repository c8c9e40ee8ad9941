"""What subscribers are told."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preferences import wording
from preferences.interpretation import IntentValue, classify, judge
from preferences.interpretation.lexicon import LEXICON, Meaning
from preferences.interpretation.normalisation import normalise
from preferences.interpretation.observations import InboundMessage, MessageKind, Person, SenderRef
from preferences.wording import PLACES, TEXTS, Template

LANGUAGES = list(wording.available_languages())
VALUES = {
    "brand": "Fictional Shop",
    "scope": "SCOPE",
    "channel": "CHANNEL",
    "controller": "CONTROLLER",
    "topic": "TOPIC",
    "contact": "desk@fictional.example",
}


def test_it_understands_every_language_it_speaks() -> None:
    assert LEXICON.names.keys() >= set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", wording.PLACES)
def test_it_fills_every_text_of_every_language(kind: str, language: str) -> None:
    finished = wording.render(kind, language=language, values=VALUES)

    assert (finished.key, finished.language, finished.is_fallback) == (kind, language, False)
    assert all(VALUES[place] in finished.text for place in wording.PLACES[kind])
    assert not set("{}") & set(finished.text)
    assert len(finished.version) == 12


def test_it_says_what_was_really_stopped() -> None:
    scope = wording.render("scope_marketing_any", language="en", values={})

    finished = wording.render("confirmation", language="en", values={"brand": "Fictional Shop", "scope": scope.text})

    assert finished.text == "You have opted out. Fictional Shop has stopped: marketing on all channels."


def test_it_writes_the_undo_line() -> None:
    assert wording.render("undo_line", language="en", values={}).text == "Sent by mistake? Reply START."


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("kind", "keyword"),
    [
        ("undo_line", "START"),
        ("start_confirmation", "STOP"),
        ("start_question", "STOP"),
        ("help", "STOP"),
        ("clarification", "STOP"),
    ],
)
def test_it_names_a_keyword_that_works(language: str, kind: str, keyword: str) -> None:
    assert keyword in wording.render(kind, language=language, values=VALUES).text
    assert classify(keyword, language_hint=language).intent in {IntentValue.OPT_IN, IntentValue.OPT_OUT}


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_asks_for_a_yes_that_is_understood(language: str) -> None:
    question = normalise(wording.render("start_question", language=language, values=VALUES).text)

    own = {
        keyword.words
        for keyword in LEXICON.keywords
        if keyword.language == language and keyword.meaning is Meaning.AFFIRMATION
    }
    assert any(yes in question for yes in own)


def test_it_speaks_at_least_thirty_languages() -> None:
    assert len(LANGUAGES) >= 30


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_labels_the_undo_button_as_the_opposite_of_a_stop(language: str) -> None:
    label = wording.desk_text("undo_button", language).text

    tapped = InboundMessage(
        sender=SenderRef("1", "2", "3"), person=Person("+12025550143"), message_id="m", sent_at=None,
        kind=MessageKind.REPLY_BUTTON, text=label, payload=f"optout:undo:v1:{language}",
    )  # fmt: skip

    assert len(label) <= 20
    assert judge(tapped).intent is IntentValue.OPT_IN
    assert judge(tapped).language == language


@pytest.mark.parametrize("language", ["ar", "fa", "he", "ur"])
@pytest.mark.parametrize(
    "kind", ["confirmation", "start_confirmation", "start_question", "help", "clarification", "platform_stop_line"]
)
def test_it_begins_with_its_own_script_where_one_writes_from_the_right(language: str, kind: str) -> None:
    """WhatsApp takes the direction of a message from its first letter, and the brand's name may be Latin."""
    text = wording.render(kind, language=language, values=VALUES).text

    first = next(char for char in text if char.isalpha())
    assert unicodedata.bidirectional(first) in {"R", "AL"}
    assert wording.direction(language) == "rtl"


PERSUASION = {
    "en": "sorry sad miss offer discount deal free save only win gift please come stay don't exclusive unfortunately last",
    "es": "lamentamos sentimos extrañaremos descuento gratis ahorre gane regalo quédese vuelva exclusiva lástima oferta",
    "fr": "désolé regrettons manquerez remise gratuit économisez gagnez cadeau restez revenez exclusif dommage offre",
    "de": "schade leider vermissen Rabatt kostenlos sparen gewinnen Geschenk bleiben bitte zurück exklusiv Angebot",
    "pt": "lamentamos pena sentiremos desconto grátis economize ganhe presente fique volte exclusivo oferta infelizmente",
}


@pytest.mark.parametrize("kind", ["confirmation", "undo_line", "undo_button", "clarification", "start_confirmation"])
@pytest.mark.parametrize("language", PERSUASION)
def test_it_persuades_nobody(language: str, kind: str) -> None:
    said = f" {normalise(wording.desk_text(kind, language).text)} "

    # "Only some?" and "stay stopped" are about stopping.
    allowed = {"bleiben", "only", "stay"} if kind == "clarification" else set()
    assert [
        word for word in PERSUASION[language].split() if f" {normalise(word)} " in said and word not in allowed
    ] == []


@pytest.mark.parametrize("language", ["en", "de", "es", "fr", "pt", "it", "nl"])
def test_it_gives_the_notice_the_us_asks_for(language: str) -> None:
    """47 CFR 64.1200(f)(9): the seller, the number, automated means, and that it is no condition of purchase."""
    text = wording.render("start_question", language=language, values=VALUES).text.lower()

    automated, purchase = {
        "en": ("automated", "not a condition of purchase"),
        "de": ("automatisiert", "keine bedingung für einen kauf"),
        "es": ("automatizados", "no es condición de compra"),
        "fr": ("automatisés", "n'est pas une condition d'achat"),
        "pt": ("automatizados", "não é condição de compra"),
        "it": ("automatizzati", "non è una condizione di acquisto"),
        "nl": ("geautomatiseerd", "geen voorwaarde voor een aankoop"),
    }[language]
    assert text.count("fictional shop") == 2
    assert automated in text
    assert purchase in text


@pytest.mark.parametrize(
    ("asked", "spoken"), [("pt_BR", "pt"), ("zh-Hant-TW", "zh"), ("EN", "en"), ("iw", "he"), ("in", "id")]
)
def test_it_understands_locales(asked: str, spoken: str) -> None:
    finished = wording.render("undo_line", language=asked, values={})

    assert (finished.language, finished.is_fallback) == (spoken, False)


@pytest.mark.parametrize("asked", ["da", "", "xx_YY"])
def test_it_falls_back_visibly(asked: str) -> None:
    finished = wording.render("undo_line", language=asked, values={})
    german = wording.render("undo_line", language=asked, values={}, default_language="de")

    assert (finished.language, finished.is_fallback) == ("en", True)
    assert (german.language, german.is_fallback) == ("de", True)


def test_it_refuses_a_default_language_without_texts() -> None:
    with pytest.raises(wording.WordingError, match=r"'da'.*'xx'"):
        wording.render("undo_line", language="da", values={}, default_language="xx")


def test_it_names_language_text_and_placeholder_of_a_missing_value() -> None:
    with pytest.raises(wording.WordingError, match=re.escape('fr: "confirmation" needs a value for {scope}')):
        wording.render("confirmation", language="fr", values={"brand": "Fictional Shop"})


def test_it_refuses_a_text_nobody_wrote() -> None:
    with pytest.raises(wording.WordingError, match="'advertisement'"):
        wording.render("advertisement", language="en", values={})


@given(st.text(max_size=40))
def test_it_never_reads_a_value_as_a_template(brand: str) -> None:
    finished = wording.render("start_confirmation", language="en", values={"brand": brand})

    assert finished.text == f"You will get marketing messages from {brand} on WhatsApp again. Reply STOP to stop."


def test_it_gives_each_template_a_version_of_its_own() -> None:
    english = wording.render("undo_line", language="en", values={})

    assert english.version == wording.render("undo_line", language="en", values=VALUES).version
    assert english.version != wording.render("undo_line", language="de", values={}).version
    assert len(wording.DATA_VERSION) == 12


def test_it_speaks_a_brands_own_text_in_its_place() -> None:
    own = {("undo_line", "en"): Template("Wrong button? Reply START.", "w7")}

    spoken = wording.render("undo_line", language="en_GB", values={}, own=own)

    assert (spoken.text, spoken.version) == ("Wrong button? Reply START.", "w7")
    assert wording.render("undo_line", language="de", values={}, own=own).version != "w7"


@given(data=st.data(), kind=st.sampled_from(sorted(TEXTS)))
def test_it_speaks_every_text_with_the_right_places_and_reads_no_value(data: st.DataObject, kind: str) -> None:
    """Braces in a name, also such that look like a placeholder, come out as they went in."""
    fillers = data.draw(st.lists(st.text(st.characters(exclude_characters="{}"), max_size=5), min_size=7, max_size=7))
    values = {
        place: data.draw(st.sampled_from(["{brand}", "{{scope}}", "{", "}", r"\1", "Acme"])) for place in PLACES[kind]
    }
    pieces = [fillers[0], TEXTS[kind].names]
    expected = list(pieces)
    for filler, (place, value) in zip(fillers[1:], sorted(values.items()), strict=False):
        pieces += [filler, f"{{{place}}}"]
        expected += [filler, value]
    own = {(kind, "en"): Template("".join(pieces), "w1")}

    assert wording.render(kind, language="en", values=values, own=own).text == "".join(expected)


@pytest.mark.parametrize(
    ("kind", "text", "mistake"),
    [
        ("confirmation", "{brand} stopped.", "lacks {scope}, what was stopped"),
        ("confirmation", "{brand} {scope} {offer}", "must not hold {offer}"),
        ("confirmation", "{brand} {scope} }", "has a brace that belongs to no placeholder"),
        ("confirmation", "{Brand} {scope}", "has a brace that belongs to no placeholder"),
        ("undo_line", "Sent by mistake? Reply RESTART.", "lacks the word START, which people answer with"),
        ("undo_button", "Undo this opt-out now!", "has 22 characters, 2 more than the 20 it may have"),
        ("scope_service", "service\x00messages", "holds a character that is not seen"),
    ],
)
def test_it_says_what_is_wrong_with_a_text(kind: str, text: str, mistake: str) -> None:
    assert mistake in wording.mistakes(kind, text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_finds_nothing_wrong_with_its_own_texts(language: str) -> None:
    assert {kind: wording.mistakes(kind, wording.desk_text(kind, language).text) for kind in TEXTS} == {
        kind: [] for kind in TEXTS
    }


def texts(**changes: object) -> dict[str, object]:
    source = Path(wording.__file__).with_name("en.json")
    return {**json.loads(source.read_text(encoding="utf-8")), "language": "aa", **changes}


def test_it_loads_a_language_somebody_adds(tmp_path: Path) -> None:
    (tmp_path / "aa.json").write_text(json.dumps(texts()), encoding="utf-8")

    assert wording.load(tmp_path)["aa"]["scope_service"] == "service messages"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (texts(help="{brand}: reply STOP."), 'aa: "help" lacks {contact}'),
        (texts(undo_line="Reply START to {brand}."), 'aa: "undo_line" must not hold {brand}'),
        (texts(undo_line="Reply {} START."), 'aa: "undo_line" has a brace'),
        (texts(undo_line=" "), 'aa: the text "undo_line" is missing'),
        (texts(undo_line=3), 'aa: the text "undo_line" is missing'),
        (texts(name=""), 'aa: the text "name" is missing'),
        (texts(offer="Buy now"), 'aa: "offer" is not a text we use'),
        (texts(language="bb"), 'aa.json: "language" must be "aa"'),
        ([], 'aa.json: "language" must be "aa"'),
    ],
)
def test_it_names_the_mistake_in_a_file(tmp_path: Path, content: object, complaint: str) -> None:
    (tmp_path / "aa.json").write_text(json.dumps(content), encoding="utf-8")

    with pytest.raises(wording.WordingError) as error:
        wording.load(tmp_path)

    assert complaint in str(error.value)


def test_it_names_a_file_that_is_not_json(tmp_path: Path) -> None:
    (tmp_path / "aa.json").write_text("{", encoding="utf-8")

    with pytest.raises(wording.WordingError, match=r"aa\.json: not valid JSON"):
        wording.load(tmp_path)


def test_it_names_every_language_in_its_documentation() -> None:
    page = (Path(__file__).parent.parent / "docs" / "wording.md").read_text(encoding="utf-8")

    assert [LEXICON.names[code] for code in LANGUAGES if LEXICON.names[code] not in page] == []
    assert [kind for kind in TEXTS if not kind.startswith(("scope_", "channel_")) and f"`{kind}`" not in page] == []
