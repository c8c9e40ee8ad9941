"""`understanding`: how well free text is judged, by language and by kind of reply, on the labelled corpus; and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.results import Goal, Result, median, spread
from preferences.interpretation import IntentValue, classify
from tests import corpus

#: What people answer to a business, of typical lengths.
EVERYDAY = (
    "ok", "thanks", "yes please", "hello", "Where is my order?", "STOP", "👍", "What time do you open tomorrow?",
    "Thank you so much for your help", "stop", "No", "is it available in blue", "gracias", "ok perfecto", "haan ji",
    "Hi, I ordered two weeks ago and still nothing arrived, can you check please?", "kitna price hai", "نعم", "شكرا", "да",
    "спасибо, жду", "Can I come at 5?", "Great, see you then", "how much is it", "please send me the price list",
    "no thanks", "perfect", "When do you close today", "I will pay tomorrow", "Buenos días, ¿tienen talla 40?",
    "please stop texting me", "BAJA", "Unsubscribe",
)  # fmt: skip
_CAUGHT = {IntentValue.OPT_OUT, IntentValue.REVIEW}


@dataclass(slots=True)
class Score:
    """Counts over some rows. Precision and recall are those of opt-outs; 1 where there was nothing to count."""

    rows: int = 0
    opt_outs: int = 0
    obeyed: int = 0
    caught: int = 0
    invented: int = 0
    others: int = 0
    held: int = 0
    opted_in: int = 0

    def add(self, row: corpus.Row, intent: IntentValue) -> None:
        self.rows += 1
        if row.intent == IntentValue.OPT_OUT:
            self.opt_outs += 1
            self.obeyed += intent is IntentValue.OPT_OUT
            self.caught += intent in _CAUGHT
        else:
            self.invented += intent is IntentValue.OPT_OUT
        if row.intent == IntentValue.NONE:
            self.others += 1
            self.held += intent is IntentValue.REVIEW
            self.opted_in += intent is IntentValue.OPT_IN

    @property
    def precision(self) -> float:
        return _share(self.obeyed, self.obeyed + self.invented)

    @property
    def recall(self) -> float:
        return _share(self.obeyed, self.opt_outs)

    @property
    def recall_with_review(self) -> float:
        return _share(self.caught, self.opt_outs)

    def columns(self) -> tuple[object, ...]:
        return (
            self.rows, round(self.precision, 3), round(self.recall, 3), round(self.recall_with_review, 3), self.held,
            self.opted_in,
        )  # fmt: skip


def run(*, rounds: int, is_quick: bool) -> list[Result]:
    return [*map(_judged, corpus.PARTS), _speed(1 if is_quick else rounds)]


def score(
    rows: Iterable[corpus.Row], *, by: Callable[[corpus.Row], str], is_told_language: bool = False
) -> dict[str, Score]:
    """The scores of each group of rows and, as "all", of all together. Replies are judged by their text alone, or with a
    hint at their language."""
    scores: dict[str, Score] = {"all": Score()}
    for row in rows:
        intent = classify(row.text, language_hint=row.language if is_told_language else None).intent
        for group in ("all", by(row)):
            scores.setdefault(group, Score()).add(row, intent)
    return scores


def _judged(part: str) -> Result:
    rows = list(corpus.rows(part))
    languages = score(rows, by=lambda row: row.language)
    kinds = score(rows, by=lambda row: row.kind)
    total = languages.pop("all")
    kinds.pop("all")
    result = Result(
        f"understanding-{part}",
        f"{total.rows:,} labelled replies in {len(languages)} languages ({part} part)",
        ("", "replies", "precision", "recall", "recall with review", "none held", "none opted in"),
    )
    result.rows = [(name, *one.columns()) for name, one in [*languages.items(), *kinds.items(), ("all", total)]]
    exact = score((row for row in rows if row.kind == "exact"), by=lambda row: row.kind, is_told_language=True)["all"]
    if part == "training":  # learned from, not aimed at
        return result
    result.goals = [
        Goal("opt-out precision", total.precision, 0.97),
        Goal("opt-out recall", total.recall, 0.93),
        Goal("opt-out recall counting review", total.recall_with_review, 0.97),
        # As the inbox does it, which hints at the language of the number's country.
        Goal("exact words obeyed, told the language", exact.recall, 1.0),
        Goal("`none` judged opt-in", total.opted_in, 0, is_ceiling=True),
    ]
    return result


def _speed(rounds: int) -> Result:
    """Everyday replies are what the desk mostly reads; the corpus holds the longest and hardest, in all languages at once."""
    kinds = {
        "everyday replies": [*EVERYDAY] * 100,
        "the unseen part of the corpus": [row.text for row in corpus.rows("unseen")],
    }
    result = Result("understanding-speed", "one process", ("", "/s", "lowest–highest"))
    for name, texts in kinds.items():
        rates = []
        for _ in range(rounds + 1):
            started = time.perf_counter()
            for text in texts:
                classify(text)
            rates.append(len(texts) / (time.perf_counter() - started))
        rates = rates[1:]  # the first round meets every word for the first time
        result.rows.append((name, median(rates), spread(rates)))
        result.rounds[name] = rates
    everyday = median(result.rounds["everyday replies"])
    result.goals = [Goal("everyday replies judged", everyday, 20_000, "/s", note="on a quiet processor")]
    return result


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
