"""`python scripts/train_opinion.py`: learn `preferences/interpretation/opinion.tsv` from the corpus.

Logistic regression by stochastic gradient descent with AdaGrad, in plain Python: the same file from the same rows, in
about a minute. The rows of the training part, on which the lists of words were not tuned, count more than those of the
tuning part, whose every word the lists know. `--folds 5` trains on four fifths and judges the last fifth of the training
part, five times, and prints what thresholds are worth, without writing anything.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from preferences.interpretation import normalisation  # noqa: E402
from preferences.interpretation.free_text import signs_of  # noqa: E402
from preferences.interpretation.opinion import SCALE, Opinion, pairs, pieces_of  # noqa: E402
from tests import corpus  # noqa: E402

EPOCHS = 12
RATE = 0.8
DECAY = 2e-5
FEWEST = 2
SMALLEST = 0.05
SEED = 1
TRAINING_WEIGHT = 2.0
KEYWORDS = ROOT / "preferences" / "interpretation" / "keywords"
ORDINARY = ("common", "business", "question", "everyday")
ORDINARY_ROWS = 40  # in each language
NUMBERS = 0.3  # share of them that hold a number


class Example(NamedTuple):
    """One row as the model sees it."""

    pieces: list[str]
    signs: list[str]
    is_opt_out: bool
    weight: float


def example(row: corpus.Row, weight: float) -> Example:
    words = [word for word in normalisation.normalise(row.text).split() if not word.isdigit()]
    pieces = {piece for word in set(words) for piece in pieces_of(word)} | set(pairs(words))
    return Example(sorted(pieces), signs_of(row.text), row.intent == "opt_out", weight)


def ordinary(count: int) -> list[corpus.Row]:
    """Made-up replies of daily talk: words of orders, places, questions and courtesy of each language, a few at a time, and
    numbers. The corpus has few of these, and the desk reads little else."""
    draw = random.Random(SEED)  # noqa: S311
    made = []
    for path in sorted(KEYWORDS.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        lists = data.get("sentences", {})
        words = [word for name in ORDINARY for word in lists.get(name, []) if "…" not in word] + data.get(
            "courtesy", []
        )
        joiner = " " if data.get("spaces", True) else ""
        for _ in range(count if words else 0):
            chosen = [draw.choice(words).strip("*") for _ in range(draw.randint(1, 5))]
            if draw.random() < NUMBERS:
                chosen.append(str(draw.randint(1, 9999)))
            made.append(corpus.Row(path.stem, "none", "chat", joiner.join(chosen)))
    return made


def train(examples: Sequence[Example]) -> tuple[dict[str, int], int]:
    """The weights of pieces and signs and the bias, in hundredths."""
    counts = Counter(feature for one in examples for feature in (*one.pieces, *one.signs))
    weights = {feature: 0.0 for feature, count in counts.items() if count >= FEWEST}
    squares = dict.fromkeys(weights, 1e-3)
    bias, bias_square = 0.0, 1e-3
    order = list(range(len(examples)))
    shuffle = random.Random(SEED).shuffle  # noqa: S311 (the same order every time is the point)
    for _ in range(EPOCHS):
        shuffle(order)
        for at in order:
            one = examples[at]
            kinds = [
                ([feature for feature in features if feature in weights], 1 / math.sqrt(len(features)))
                for features in (one.pieces, one.signs)
                if features
            ]
            score = bias + sum(norm * sum(weights[feature] for feature in features) for features, norm in kinds)
            error = one.weight * (1 / (1 + math.exp(-max(-30.0, min(30.0, score)))) - one.is_opt_out)
            bias_square += error * error
            bias -= RATE * error / math.sqrt(bias_square)
            for features, norm in kinds:
                for feature in features:
                    slope = error * norm + DECAY * weights[feature]
                    squares[feature] += slope * slope
                    weights[feature] -= RATE * slope / math.sqrt(squares[feature])
    kept = {feature: round(weight * SCALE) for feature, weight in weights.items() if abs(weight) >= SMALLEST}
    return kept, round(bias * SCALE)


def judge_folds(tuning: list[Example], training: list[corpus.Row], folds: int) -> None:
    random.Random(SEED).shuffle(training)  # noqa: S311
    examples = [example(row, TRAINING_WEIGHT) for row in training]
    judged: list[tuple[float, bool]] = []
    for fold in range(folds):
        model = Opinion(*train([*tuning, *(one for at, one in enumerate(examples) if at % folds != fold)]))
        judged += [
            (model.likelihood(normalisation.normalise(row.text).split(), signs_of(row.text)), row.intent == "opt_out")
            for row in training[fold::folds]
        ]
    total = sum(label for _, label in judged)
    for threshold in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98):
        above = [label for likelihood, label in judged if likelihood >= threshold]
        print(f"{threshold:.2f}: precision {sum(above) / max(1, len(above)):.3f}, recall {sum(above) / total:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, default=0)
    options = parser.parse_args()
    tuning = [example(row, 1.0) for row in [*corpus.rows("tuning"), *ordinary(ORDINARY_ROWS)]]
    training = list(corpus.rows("training"))
    if options.folds:
        judge_folds(tuning, training, options.folds)
        return
    examples = [*tuning, *(example(row, TRAINING_WEIGHT) for row in training)]
    weights, bias = train(examples)
    lines = [str(bias), *(f"{weight}\t{piece}" for piece, weight in sorted(weights.items()))]
    (ROOT / "preferences" / "interpretation" / "opinion.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(examples):,} rows, {len(weights):,} weights")


if __name__ == "__main__":
    main()
