"""What a message says, worked out without a database, a clock or a network."""

from preferences.interpretation.classification import classify
from preferences.interpretation.intents import Intent, IntentValue
from preferences.interpretation.judging import judge
from preferences.interpretation.lexicon import CLASSIFIER_VERSION, KEYWORDS_VERSION, spelling, vocabulary
from preferences.interpretation.opinion import second_opinion
from preferences.interpretation.own_words import NO_OWN_WORDS, OwnWord, OwnWords

__all__ = [
    "CLASSIFIER_VERSION",
    "KEYWORDS_VERSION",
    "NO_OWN_WORDS",
    "Intent",
    "IntentValue",
    "OwnWord",
    "OwnWords",
    "classify",
    "judge",
    "prepare",
]


def prepare() -> None:
    """Read what sentences need, about a second's work, so that the first reply does not wait for it. Once is enough."""
    vocabulary()
    spelling()
    second_opinion()
