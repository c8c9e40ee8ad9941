"""How well replies are understood, on the labelled corpus: `python -m benchmarks understanding` prints the whole table."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.understanding import Score, score
from preferences.interpretation import classify
from tests import corpus

#: Stop words that are daily talk in a much larger language ("okay" in Hindi, "look" in Spanish), and a number that mostly
#: answers a question: alone they say nothing. The first two are obeyed from where the language is spoken.
EVERYDAY_ELSEWHERE = {("sw", "acha"), ("sn", "mira"), ("fa", "۱۱")}


@pytest.fixture(scope="module")
def scores() -> dict[str, dict[str, Score]]:
    return {part: score(corpus.rows(part), by=lambda row: row.kind) for part in corpus.PARTS}


@pytest.mark.parametrize("part", corpus.PARTS)
def test_the_corpus_is_well_formed(part: str) -> None:
    rows = list(corpus.rows(part))

    assert [row for row in rows if row.intent not in corpus.INTENTS or row.kind not in corpus.KINDS] == []
    assert [text for text, count in Counter((row.language, row.text) for row in rows).items() if count > 1] == []
    assert len({row.language for row in rows}) >= 40
    assert len(rows) >= 1_500
    assert sum(row.intent == "none" for row in rows) >= 0.4 * len(rows)


@pytest.mark.parametrize("part", ["tuning", "unseen"])
def test_opt_outs_are_neither_missed_nor_invented(part: str, scores: dict[str, dict[str, Score]]) -> None:
    total = scores[part]["all"]

    assert total.precision >= 0.97
    assert total.recall >= 0.93
    assert total.recall_with_review >= 0.97


@pytest.mark.parametrize("part", corpus.PARTS)
def test_nobody_is_opted_in_by_ordinary_replies(part: str, scores: dict[str, dict[str, Score]]) -> None:
    assert scores[part]["all"].opted_in == 0


@pytest.mark.parametrize("part", corpus.PARTS)
def test_exact_words_are_always_obeyed(part: str) -> None:
    missed = [row for row in corpus.rows(part) if row.kind == "exact" and classify(row.text).intent != row.intent]

    assert {(row.language, row.text.lower()) for row in missed} <= EVERYDAY_ELSEWHERE


@pytest.mark.parametrize("part", corpus.PARTS)
def test_ordinary_replies_are_seldom_held(part: str, scores: dict[str, dict[str, Score]]) -> None:
    total = scores[part]["all"]

    assert total.held <= 0.1 * total.others
