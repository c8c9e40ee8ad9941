"""Words that people write every day and that mean nothing for consent: no brand may give them a meaning.

The list is `everyday.json` and what the keywords of each language call courtesy or a yes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from preferences.interpretation.lexicon import LEXICON, Meaning
from preferences.interpretation.own_words import compared

_LIST = Path(__file__).parent / "everyday.json"
_HARMLESS = {Meaning.COURTESY, Meaning.AFFIRMATION}


def everyday_language(words: str) -> str:
    """The English name of a language in which these words, as they are compared, are said every day; "" if in none.

    A phrase that is made of nothing but courtesy and a yes is one of them: "yes please", "ok thanks".
    """
    if words in _everyday():
        return _everyday()[words]
    harmless, parts = _harmless(), words.split()
    return harmless[parts[0]] if parts and all(part in harmless for part in parts) else ""


@cache
def _harmless() -> Mapping[str, str]:
    """Courtesy and a yes, each with the name of its first language."""
    found: dict[str, str] = {}
    for keyword in LEXICON.keywords:
        if keyword.meaning in _HARMLESS:
            found.setdefault(keyword.words, LEXICON.names[keyword.language])
    return found


@cache
def _everyday() -> Mapping[str, str]:
    found = dict(_harmless())
    for language, spellings in json.loads(_LIST.read_text(encoding="utf-8")).items():
        for spelling in spellings:
            found.setdefault(compared(spelling), LEXICON.names[language])
    return found
