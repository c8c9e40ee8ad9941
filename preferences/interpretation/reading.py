"""A text as the steps of `classification` see it: as typed, as compared, and the language it is probably in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from preferences.interpretation import normalisation
from preferences.interpretation.lexicon import LEXICON
from preferences.interpretation.own_words import OwnWords

LONGEST_TEXT = 65_536
"""Characters that are read; WhatsApp lets nobody type more."""

FEWEST_SPELLED_LETTERS = 3  # "S T O P"
_OLD_LANGUAGE_CODES = {"iw": "he", "in": "id"}


class Reading(NamedTuple):
    """`hint` is the code of a language with keywords, or empty; `is_cut` says that not all of the text was read."""

    text: str
    words: str
    hint: str
    is_cut: bool
    own: OwnWords
    is_typed: bool

    @classmethod
    def of(cls, text: str, language_hint: str | None, own_words: OwnWords, *, is_typed: bool) -> Reading:
        read = text[:LONGEST_TEXT]
        words = normalisation.normalise(read)
        return cls(
            text=read,
            words=words[:LONGEST_TEXT],
            hint=known_language(language_hint) if language_hint else "",
            is_cut=max(len(text), len(words)) > LONGEST_TEXT,
            own=own_words,
            is_typed=is_typed,
        )

    def only(self, words: Iterable[str]) -> Reading:
        """The same, had the person written nothing but these words."""
        return self._replace(words=" ".join(words), text="")

    @property
    def joined(self) -> str:
        """The words without spaces where spaces mean nothing, in East Asian scripts and in "S T O P"; else nothing."""
        if self.words.isascii() and self.words[1:2].strip():
            return ""  # the first word has two letters: nothing is spelled out
        units = self.words.split()
        is_spelled_out = len(units) >= FEWEST_SPELLED_LETTERS and all(len(unit) == 1 for unit in units)
        return "".join(units) if is_spelled_out or normalisation.is_unspaced(self.words) else ""


def known_language(hint: str) -> str:
    """The language of a code or locale if there are keywords for it, else an empty string."""
    code = hint.replace("_", "-").split("-")[0].lower()
    code = _OLD_LANGUAGE_CODES.get(code, code)
    return code if code in LEXICON.names else ""
