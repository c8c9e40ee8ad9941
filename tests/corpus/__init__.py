"""Labelled replies in many languages, by which the reading of free text is measured.

`tuning/<language>.tsv` is for work on words and rules. `training/<language>.tsv` was written without knowing the words and
is what the second opinion learns from, beside tuning; the lists are not tuned on it. `unseen/<language>.tsv` was written
by others, who did not know the words, and is only measured, never read while tuning: what it says is what to expect of
replies nobody thought of.

A row is intent, kind and text with tabs between; `\\n` in a text is a line break. Labels are what a careful compliance
officer would do.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
PARTS = ("tuning", "training", "unseen")
INTENTS = frozenset({"opt_out", "opt_in", "help", "review", "none"})
KINDS = frozenset({
    "exact", "courteous", "request", "removal", "unwanted", "angry", "wrong_person", "spelling", "latin", "complaint",
    "threat", "timing", "condition", "how_to", "mixed", "business", "question", "habit_or_place", "quote", "negation",
    "chat", "start", "help",
})  # fmt: skip


class Row(NamedTuple):
    """One reply: what it should be judged as, what kind of reply it is, and what was written."""

    language: str
    intent: str
    kind: str
    text: str


def rows(part: str) -> Iterator[Row]:
    """All rows of a part, language by language."""
    for path in sorted((FOLDER / part).glob("*.tsv")):
        for line in path.read_text(encoding="utf-8").splitlines():
            intent, kind, text = line.split("\t")
            yield Row(path.stem, intent, kind, text.replace("\\n", "\n"))
