"""A brand's own words and phrases, compiled once for the many replies they are looked up in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from preferences.interpretation import normalisation
from preferences.interpretation.lexicon import KEYWORDS_VERSION, Index, Keyword, Meaning


class OwnWord(NamedTuple):
    """One word or phrase as staff wrote it; `meaning` is `opt_out`, `opt_in` or `help`."""

    language: str
    meaning: str
    spelling: str

    @property
    def words(self) -> str:
        """The spelling as it is compared."""
        return compared(self.spelling)


@dataclass(frozen=True, slots=True)
class OwnWords:
    """What a brand added. `version` names built-in and own words together, in at most 12 characters."""

    version: str = KEYWORDS_VERSION
    spaced: Index | None = None
    unspaced: Index | None = None

    @classmethod
    def of(cls, number: int, words: Iterable[OwnWord]) -> OwnWords:
        """Compile version `number` of a brand's words. Raises ValueError for a meaning that is none of the three."""
        keywords = [_keyword(word) for word in words]
        return cls(
            version=f"{KEYWORDS_VERSION[:7]}w{number}",
            spaced=Index([one for one in keywords if not normalisation.is_unspaced(one.words)], joiner=" "),
            unspaced=Index([one for one in keywords if normalisation.is_unspaced(one.words)], joiner=""),
        )


NO_OWN_WORDS = OwnWords()


def compared(spelling: str) -> str:
    """How a spelling is compared with what people write; "" if it has no letters and no digits."""
    words = normalisation.normalise(spelling)
    return words.replace(" ", "") if normalisation.is_unspaced(words) else words


def _keyword(word: OwnWord) -> Keyword:
    words = compared(word.spelling)
    if not words:
        raise ValueError(f"{word.spelling!r} has no letters.")
    meaning = Meaning(word.meaning)
    if meaning not in {Meaning.OPT_OUT, Meaning.OPT_IN, Meaning.HELP}:
        raise ValueError(f"{word.meaning!r} is no meaning a brand's own word can have.")
    return Keyword(words=words, spelling=word.spelling, language=word.language, meaning=meaning, is_own=True)
