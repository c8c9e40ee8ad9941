"""Words behind their disguises: st0p, stooop, ѕtop, unsuscribe. A disguise is only looked through when the word as it was
written is not known in any language."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from itertools import groupby

_REMEMBERED_WORDS = 32_768
_SHORTEST_TYPO = 6
_LONG_WORD = 9
_LONGEST_TYPO = 24
_DIGITS = str.maketrans("013457", "oieast")
_ONES_AS_L = str.maketrans("013457", "oleast")
#: Cyrillic and Greek letters that look like Latin ones. (Unicode Technical Standard 39 calls them confusables.)
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕһԁԛԝвмнтктпαεοριυκντχγωβμηζ",
    "aeopcyxijshdqwbmhtktnaeopiukvtxywbmnz",
)
_LATIN_AS_CYRILLIC = str.maketrans("aeopcyxkmtbh", "аеорсухкмтвн")


class Spelling:
    """Looks through disguises to words that `known` contains; typos only to words of `targets`."""

    def __init__(self, known: Container[str], targets: Iterable[str]) -> None:
        self._known = known
        self._remembered: dict[str, str] = {}
        self._neighbours: dict[str, str | None] = {}
        self._targets = {word for word in targets if _SHORTEST_TYPO <= len(word) <= _LONGEST_TYPO and word.isalpha()}
        for word in sorted(self._targets):
            for shorter in _deletions(word):
                # What could be two words is taken for neither.
                self._neighbours[shorter] = word if self._neighbours.get(shorter, word) == word else None

    def read(self, word: str) -> str:
        """The known word this one stands for, else the word itself."""
        read = self._remembered.get(word)
        if read is None:
            read = self._look(word)
            if len(self._remembered) < _REMEMBERED_WORDS:
                self._remembered[word] = read
        return read

    def _look(self, word: str) -> str:
        if word in self._known or len(word) > _LONGEST_TYPO * 3:
            return word
        for look in _LOOKS:
            for plain in look(word):
                if plain != word and plain in self._known:
                    return plain
        return self._typo_of(word) or word

    def _typo_of(self, word: str) -> str | None:
        if not _SHORTEST_TYPO - 1 <= len(word) <= _LONGEST_TYPO + 1 or not word.isalpha():
            return None
        for shorter in (word, *_deletions(word)):
            target = shorter if shorter in self._targets else self._neighbours.get(shorter)
            if target is not None and _is_slip(word, target):
                return target
        return None


def _deletions(word: str) -> Iterator[str]:
    for place in range(len(word)):
        yield word[:place] + word[place + 1 :]


def _is_slip(written: str, meant: str) -> bool:
    """One letter too many, too few, wrong or swapped; not at the beginning, and not at the end, where other endings make
    other words ("terminal" is not "terminar", "cancels" not "cancel")."""
    if written[0] != meant[0] or written == meant:
        return False
    if len(written) == len(meant):
        differing = [place for place, pair in enumerate(zip(written, meant, strict=True)) if pair[0] != pair[1]]
        if len(differing) == 1:
            return differing[0] != len(meant) - 1
        first, second = differing if len(differing) == 2 else (0, 0)
        return second == first + 1 and written[first] == meant[second] and written[second] == meant[first]
    if abs(len(written) - len(meant)) != 1:
        return False
    longer, shorter = (written, meant) if len(written) > len(meant) else (meant, written)
    place = next((at for at, letter in enumerate(shorter) if letter != longer[at]), len(shorter))
    if place == len(shorter):  # the last letter: one too many is an ending, one too few of a long word a slip
        return len(written) < len(meant) and len(meant) >= _LONG_WORD
    return longer[place + 1 :] == shorter[place:]


def _without_digits(word: str) -> Iterator[str]:
    if any(letter.isalpha() for letter in word) and any(letter.isdigit() for letter in word):
        yield word.translate(_DIGITS)
        yield word.translate(_ONES_AS_L)


def _without_lookalikes(word: str) -> Iterator[str]:
    if not word.isascii():
        latin = word.translate(_LOOKALIKES)
        if latin.isascii():
            yield latin
            yield from _without_repeats(latin)
        if any(letter.isascii() for letter in word):
            yield word.translate(_LATIN_AS_CYRILLIC)


def _without_repeats(word: str) -> Iterator[str]:
    runs = [(letter, len(list(run))) for letter, run in groupby(word)]
    if len(runs) == len(word) or len(runs) < 3:
        return
    yield "".join(letter * min(length, 2) for letter, length in runs)
    yield "".join(letter * (1 if length > 2 else length) for letter, length in runs)
    yield "".join(letter for letter, _ in runs)


_LOOKS: tuple[Callable[[str], Iterator[str]], ...] = (_without_digits, _without_repeats, _without_lookalikes)
