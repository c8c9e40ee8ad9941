"""The words and phrases a brand added to those that come with the desk: drafted, tried on stored replies, published.

`versions` keeps and loads them, `checking` says which are refused and why, `backtest` judges what people wrote before.
"""

from preferences.own_words.backtest import SIZES, Backtest, Changed, Move, Past, compare, newest_replies
from preferences.own_words.checking import MOST_WORDS, check
from preferences.own_words.versions import (
    Difference,
    WordsRefusedError,
    difference,
    in_force,
    newest,
    newest_published,
    own_words_of,
    publish,
    tidy,
    words_of,
    write,
)

__all__ = [
    "MOST_WORDS",
    "SIZES",
    "Backtest",
    "Changed",
    "Difference",
    "Move",
    "Past",
    "WordsRefusedError",
    "check",
    "compare",
    "difference",
    "in_force",
    "newest",
    "newest_published",
    "newest_replies",
    "own_words_of",
    "publish",
    "tidy",
    "words_of",
    "write",
]
