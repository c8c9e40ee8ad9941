"""The one spelling in which words are compared: case, width, accents, emoji and invisible characters folded away.

Every step looks at one character at a time. Normalising a whole text would sort its combining marks, which takes
quadratic time on a text made of marks; so only runs of Hangul, which have nothing to sort, are composed as a whole.
"""

from __future__ import annotations

import re
import unicodedata

STOP_EMOJI = frozenset("🛑🚫⛔")

_REMEMBERED_FOLDS = 8192
_BREVE = "\u0306"
_KANA_VOICE_MARKS = "\u3099\u309a"

# Letters that Unicode does not decompose, letters that are written one for the other, and symbols that decompose
# into letters nobody meant ("™" is not the word "tm").
_LETTERS = {
    "ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe",
    "ٱ": "ا", "ى": "ي", "ی": "ي", "ة": "ه", "ہ": "ه", "ک": "ك", "ـ": "", "\ufffd": "",
    "ൺ": "ണ്", "ൻ": "ന്", "ർ": "ര്", "ൽ": "ല്", "ൾ": "ള്",  # Malayalam letters with a spelling of two characters, too
    "ɓ": "b", "ɗ": "d", "ƙ": "k", "ƴ": "y", "ɛ": "e", "ɔ": "o", "ŋ": "n",
    "՛": "", "՜": "", "՞": "",  # Armenian marks stand inside the word
    "ँ": "ं", "ʼ": " ", "ʻ": " ", "ʹ": " ", "ℹ": " ", "™": " ", "℠": " ", "㊗": " ", "㊙": " ",
}  # fmt: skip

# In these scripts a non-spacing mark is a vowel or changes the word; everywhere else it is an accent or a point.
_MARKS_ARE_LETTERS = (range(0x0900, 0x0F00), range(0x1000, 0x10A0), range(0x1780, 0x1800))
_NUKTAS = frozenset("\u093c\u09bc\u0a3c\u0abc\u0b3c\u0cbc")
_WHOLE_LETTERS = (range(0x3041, 0x3097), range(0x30A1, 0x30FB), range(0xAC00, 0xD7A4))
_SQUARED_WORDS = range(0x1F200, 0x1F260)

_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]"
)
_JAMO = re.compile("[\u1100-\u11ff]")
_HANGUL = re.compile("[\u1100-\u11ff\uac00-\ud7a3]+")
_KANA = re.compile(f"([\u3041-\u3096\u30a1-\u30fa])([{_KANA_VOICE_MARKS}])|[{_KANA_VOICE_MARKS}]+")
_LATIN_OR_OTHER = re.compile("[a-z0-9]+|[^ a-z0-9]+")

_ASCII = {
    code: chr(code).lower()
    if chr(code).isalnum()
    else (" " if chr(code).isprintable() or chr(code).isspace() else None)
    for code in range(128)
}


def normalise(text: str) -> str:
    """Words in folded letters with one space between them, or an empty string.

    Never raises, takes linear time, and gives its own result again when applied to it.
    """
    if text.isascii():
        return " ".join(text.translate(_ASCII).split())
    if _BREVE in text:
        # Everywhere else a breve is an accent; in Cyrillic it makes another letter.
        text = text.replace("и" + _BREVE, "й").replace("И" + _BREVE, "й")
    return " ".join(_compose(text.translate(_FOLDS)).split())


def tokens(words: str) -> list[str]:
    """The words of a normalised text; Latin letters are cut from scripts that put no space between words."""
    if is_unspaced(words):
        return _LATIN_OR_OTHER.findall(words)
    return words.split()


def is_unspaced(words: str) -> bool:
    """Whether a script is used in which spaces do not show where a word ends."""
    return not words.isascii() and _UNSPACED.search(words) is not None


def has_stop_emoji(text: str) -> bool:
    """Whether a stop sign, a no-entry sign or a prohibition sign is in the text as it was typed."""
    return not text.isascii() and any(emoji in text for emoji in STOP_EMOJI)


def is_only_stop_emoji(text: str) -> bool:
    """Whether stop emoji, once or often, are all there is beside spaces and punctuation."""
    if not has_stop_emoji(text) or normalise(text):
        return False
    return all(unicodedata.category(character) != "So" for character in set(text) - STOP_EMOJI)


class _Folds(dict[int, str]):
    """What becomes of each character, worked out when it is first seen; only so many are remembered."""

    def __missing__(self, code: int) -> str:
        folded = _fold(chr(code))
        if len(self) < _REMEMBERED_FOLDS:
            self[code] = folded
        return folded


_FOLDS = _Folds()


def _fold(character: str) -> str:
    code = ord(character)
    if character in _LETTERS:
        return _LETTERS[character]
    if character in "йЙ":
        return "й"
    if code in _SQUARED_WORDS:
        return " "
    if any(code in letters for letters in _WHOLE_LETTERS):
        return character
    simple = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(map(_letter, simple))


def _letter(character: str) -> str:
    """A letter or digit as it is compared, a space for punctuation and symbols, nothing for what is not seen."""
    if character in _LETTERS:
        return _LETTERS[character]
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category[0] in "LN" or category == "Mc":
        return character
    if category[0] == "M":
        return character if _is_letter_mark(character) else ""
    if category in {"Cf", "Cs", "Cn", "Co"} or (category == "Cc" and not character.isspace()):
        return ""
    return " "


def _is_letter_mark(character: str) -> bool:
    if character in _NUKTAS:
        return False
    return character in _KANA_VOICE_MARKS or any(ord(character) in marks for marks in _MARKS_ARE_LETTERS)


def _compose(folded: str) -> str:
    if any(mark in folded for mark in _KANA_VOICE_MARKS):
        folded = _KANA.sub(_voiced, folded)
    if _JAMO.search(folded):
        folded = _HANGUL.sub(lambda run: unicodedata.normalize("NFC", run[0]), folded)
    return folded


def _voiced(match: re.Match[str]) -> str:
    if match[1] is None:
        return ""
    return unicodedata.normalize("NFC", match[1] + match[2])[0]
