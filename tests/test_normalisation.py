"""The spelling in which words are compared."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preferences.interpretation import normalisation

ANY_TEXT = st.text(alphabet=st.characters(), max_size=200)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("STOP", "stop"),
        ("  Stop!!! ", "stop"),
        ("\tstop\r\nmessages\n", "stop messages"),
        ("*STOP* _please_ ~now~", "stop please now"),
        ("S.T.O.P", "s t o p"),
        ("don't", "don t"),
        ("don’t", "don t"),
        ("opt-out", "opt out"),
        ("“STOP”", "stop"),
        ("ＳＴＯＰ", "stop"),
        ("𝐒𝐓𝐎𝐏", "stop"),
        ("ⓢⓣⓞⓟ", "stop"),
        ("S\u200bT\u200cO\u2060P\ufeff", "stop"),
        ("\u202eSTOP\u202c", "stop"),
        ("ST\0OP", "stop"),
        ("ST\ud800OP", "stop"),
        ("ST\ufffdOP", "stop"),
        ("STOP 🛑🛑", "stop"),
        ("✋🏽 stop", "stop"),
        ("ℹ️ STOP ™", "stop"),
        ("1️⃣", "1"),
        ("Arrêt", "arret"),
        ("Arre\u0302t", "arret"),
        ("ŁÓDŹ", "lodz"),
        ("Straße", "strasse"),
        ("İPTAL", "iptal"),
        ("ıptal", "iptal"),
        ("ΣΤΌΠ τέλος", "στοπ τελοσ"),
        ("СТОП", "стоп"),
        ("Ещё", "еще"),
        ("Стой", "стой"),
        ("Стои\u0306", "стой"),
        ("إِيقَافـــ", "ايقاف"),
        ("مساعدة", "مساعده"),
        ("الغى", "الغي"),
        ("הַסֵּר", "הסר"),
        ("कृपया रोकें।", "कृपया रोकें"),
        ("फ़ोन", "फोन"),
        ("हाँ", "हां"),
        ("நிறுத்து!", "நிறுத்து"),
        ("ｽﾄｯﾌﾟ", "ストップ"),
        ("フ\u309aロモ", "プロモ"),
        ("\u3099ア", "ア"),
        ("🈁 STOP", "stop"),
        ("「配信停止」", "配信停止"),
        (unicodedata.normalize("NFD", "수신거부"), "수신거부"),
        ("١٢٣", "123"),
        ("🛑", ""),
        ("", ""),
    ],
)
def test_it_writes_words_in_one_spelling(text: str, words: str) -> None:
    assert normalisation.normalise(text) == words


@given(ANY_TEXT)
def test_it_changes_nothing_the_second_time(text: str) -> None:
    words = normalisation.normalise(text)

    assert normalisation.normalise(words) == words


@given(ANY_TEXT)
def test_it_leaves_single_spaces_and_nothing_invisible(text: str) -> None:
    words = normalisation.normalise(text)

    assert words == " ".join(words.split())
    assert len(words) <= 18 * len(text)
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Cn", "So", "Po"} for character in words)


@given(st.text(alphabet=st.characters(max_codepoint=0x2FFF), max_size=60))
def test_it_spells_composed_and_decomposed_ascii_alike(text: str) -> None:
    accented = "".join(character + "\u0301" for character in text if character.isascii() and character.isalnum())

    assert normalisation.normalise(unicodedata.normalize("NFC", accented)) == normalisation.normalise(accented)


@pytest.mark.parametrize(
    "pattern",
    ["stop ", "\u0301\u0316", "a\u0301", "\u094d\u0e38", "\u1100\u1161\u11a8", "か\u3099", "ﷺ", "\ud800", "🛑", "ｶﾞ"],
    ids=ascii,
)
def test_it_takes_linear_time_for_hostile_text(pattern: str) -> None:
    started = time.perf_counter()

    normalisation.normalise((pattern * 65_536)[:65_536])

    assert time.perf_counter() - started < 3


@pytest.mark.parametrize(
    ("words", "tokens"),
    [
        ("", []),
        ("bus stop", ["bus", "stop"]),
        ("stopしてください", ["stop", "してください"]),
        ("请问 bus stop在哪里", ["请问", "bus", "stop", "在哪里"]),
        ("स्टॉप करो", ["स्टॉप", "करो"]),
    ],
)
def test_it_finds_the_words(words: str, tokens: list[str]) -> None:
    assert normalisation.tokens(words) == tokens


@pytest.mark.parametrize("text", ["🛑", "🚫", "⛔", "⛔️", " 🛑 🛑! ", "🛑🚫⛔", "🛑\u200d"])
def test_it_sees_that_nothing_but_stop_emoji_is_there(text: str) -> None:
    assert normalisation.is_only_stop_emoji(text)
    assert normalisation.has_stop_emoji(text)


@pytest.mark.parametrize("text", ["🛑 stop", "🛑🙏", "🚫 1"])
def test_it_sees_stop_emoji_beside_other_things(text: str) -> None:
    assert not normalisation.is_only_stop_emoji(text)
    assert normalisation.has_stop_emoji(text)


@pytest.mark.parametrize("text", ["", "stop", "👍", "...", "\u200d"])
def test_it_sees_no_stop_emoji(text: str) -> None:
    assert not normalisation.is_only_stop_emoji(text)
    assert not normalisation.has_stop_emoji(text)
