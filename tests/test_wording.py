"""What subscribers are told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preferences import wording
from preferences.interpretation import IntentValue, classify
from preferences.interpretation.lexicon import LEXICON, Meaning
from preferences.interpretation.normalisation import normalise

LANGUAGES = list(wording.available_languages())
VALUES = {
    "brand": "Fictional Shop",
    "scope": "SCOPE",
    "channel": "CHANNEL",
    "controller": "CONTROLLER",
    "topic": "TOPIC",
    "contact": "desk@fictional.example",
}


def test_it_speaks_every_language_that_has_keywords() -> None:
    assert list(LEXICON.names) == LANGUAGES


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
    [("undo_line", "START"), ("start_confirmation", "STOP"), ("start_question", "STOP"), ("help", "STOP")],
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


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_fits_into_one_message(language: str) -> None:
    assert sum(len(wording.render(kind, language=language, values=VALUES).text) for kind in wording.PLACES) < 2048


@pytest.mark.parametrize(
    ("asked", "spoken"), [("pt_BR", "pt"), ("zh-Hant-TW", "zh"), ("EN", "en"), ("iw", "he"), ("in", "id")]
)
def test_it_understands_locales(asked: str, spoken: str) -> None:
    finished = wording.render("undo_line", language=asked, values={})

    assert (finished.language, finished.is_fallback) == (spoken, False)


@pytest.mark.parametrize("asked", ["sv", "", "xx_YY"])
def test_it_falls_back_visibly(asked: str) -> None:
    finished = wording.render("undo_line", language=asked, values={})
    german = wording.render("undo_line", language=asked, values={}, default_language="de")

    assert (finished.language, finished.is_fallback) == ("en", True)
    assert (german.language, german.is_fallback) == ("de", True)


def test_it_refuses_a_default_language_without_texts() -> None:
    with pytest.raises(wording.WordingError, match=r"'sv'.*'xx'"):
        wording.render("undo_line", language="sv", values={}, default_language="xx")


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


def texts(**changes: object) -> dict[str, object]:
    source = Path(wording.__file__).with_name("en.json")
    return {**json.loads(source.read_text(encoding="utf-8")), "language": "aa", **changes}


def test_it_loads_a_language_somebody_adds(tmp_path: Path) -> None:
    (tmp_path / "aa.json").write_text(json.dumps(texts()), encoding="utf-8")

    assert wording.load(tmp_path)["aa"]["scope_topic"] == "{topic}"


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
