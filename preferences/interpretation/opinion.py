"""A second opinion on free text, learned from the labelled corpus: how likely the pieces of its words ask for an end.

A linear model over two kinds of evidence: pieces of words (two to five letters) with pairs of words, and the signs that
`sentences` found, which are the same in every language. It cannot decide alone, but it has seen spellings, endings and
ways to ask that no list holds. `scripts/train_opinion.py` makes `opinion.tsv` from the corpus, always the same from the
same rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

_FILE = Path(__file__).parent / "opinion.tsv"
_LENGTHS = (2, 3, 4, 5)
_LONGEST_WORD = 160
_MOST_WORDS = 120
_REMEMBERED_WORDS = 32_768
SCALE = 100
"""Weights are stored as whole hundredths."""


class Opinion:
    """Weights of pieces, applied. What a word adds is remembered: the same words come again and again."""

    def __init__(self, weights: dict[str, int], bias: int) -> None:
        self._weights = weights
        self._bias = bias / SCALE
        self._remembered: dict[str, tuple[int, int]] = {}

    def likelihood(self, words: Sequence[str], signs: Sequence[str]) -> float:
        """How likely, 0..1, a message of these normalised words and different signs asks for the end of messages."""
        total = pieces = 0
        words = [word for word in words[:_MOST_WORDS] if not word.isdigit()]
        for word in dict.fromkeys(words):
            weight, count = self._of_word(word)
            total += weight
            pieces += count
        for pair in dict.fromkeys(pairs(words)):
            total += self._weights.get(pair, 0)
            pieces += 1
        score = total / math.sqrt(pieces or 1)
        score += sum(self._weights.get(sign, 0) for sign in signs) / math.sqrt(len(signs) or 1)
        return 1 / (1 + math.exp(-(self._bias + score / SCALE)))

    def _of_word(self, word: str) -> tuple[int, int]:
        known = self._remembered.get(word)
        if known is None:
            found = set(pieces_of(word))
            known = sum(self._weights.get(piece, 0) for piece in found), len(found)
            if len(self._remembered) < _REMEMBERED_WORDS:
                self._remembered[word] = known
        return known


def pieces_of(word: str) -> Iterator[str]:
    """The pieces of a word, with a space where it begins and ends."""
    padded = f" {word[:_LONGEST_WORD]} "
    for length in _LENGTHS:
        for start in range(len(padded) - length + 1):
            yield padded[start : start + length]


def pairs(words: Sequence[str]) -> Iterator[str]:
    """Each word with the one that follows it."""
    for first, second in pairwise(words):
        yield f"{first}  {second}"


@cache
def second_opinion() -> Opinion:
    """The model as it was trained, read when it is first asked."""
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    weights = {piece: int(weight) for weight, piece in (line.split("\t", 1) for line in lines[1:])}
    return Opinion(weights, int(lines[0]))
