"""The wishes that keywords say: which keywords a text is made of, which stand in it, and the intent of one."""

from __future__ import annotations

from collections.abc import Sequence

from preferences.interpretation import normalisation
from preferences.interpretation.intents import Intent, IntentValue, doubtful
from preferences.interpretation.lexicon import LEXICON, Index, Keyword, Meaning
from preferences.interpretation.reading import Reading

Keywords = tuple[Keyword, ...]

_MOST_NAMED = 3  # languages in an explanation
INTENTS = {
    Meaning.OPT_OUT: IntentValue.OPT_OUT,
    Meaning.EVERYTHING: IntentValue.OPT_OUT,
    Meaning.OPT_IN: IntentValue.OPT_IN,
    Meaning.HELP: IntentValue.HELP,
    Meaning.AFFIRMATION: IntentValue.NONE,
}


def wishes_in(reading: Reading) -> list[Keywords] | None:
    """The keywords a text consists of, apart from courtesy; None if there is more in it."""
    own = reading.own
    groups = _cover(reading.words.split(), LEXICON.spaced, own.spaced)
    joined = "" if groups else reading.joined
    return _cover(joined, LEXICON.unspaced, own.unspaced) if joined else groups


def _cover(units: list[str] | str, index: Index, own: Index | None) -> list[Keywords] | None:
    """The keywords a message is made of when it has nothing beside them and courtesy, else None. The built-in meaning of
    a word is the one that counts."""
    groups: list[Keywords] = []
    start = 0
    while start < len(units):
        length, found = index.at(units, start)
        if own is not None:
            own_length, own_found = own.at(units, start)
            length, found = (own_length, own_found) if own_length > length else (length, found)
        if not found:
            return None
        if all(keyword.meaning is not Meaning.COURTESY for keyword in found):
            groups.append(found)
        start += length
    return groups


def one_wish(groups: list[Keywords] | None) -> Keywords | None:
    """The keywords that say it, if all want the same."""
    if not groups or len({INTENTS[found[0].meaning] for found in groups}) > 1:
        return None
    return next((found for found in groups if found[0].meaning is Meaning.EVERYTHING), groups[0])


def is_stop(found: Keywords) -> bool:
    return INTENTS[found[0].meaning] is IntentValue.OPT_OUT


def keyword_inside(reading: Reading, languages: Sequence[str] = ()) -> Intent | None:
    """A stop word among other words; with `languages`, only one of these, of the brand, or known worldwide."""
    groups = list(LEXICON.spaced_inside.inside(normalisation.tokens(reading.words)))
    groups += LEXICON.unspaced_inside.inside(reading.joined)
    if reading.own.spaced is not None and reading.own.unspaced is not None:
        groups += reading.own.spaced.inside(normalisation.tokens(reading.words))
        groups += reading.own.unspaced.inside(reading.joined)
        groups = [found for found in groups if found[0].meaning is not Meaning.HELP]
    if languages:
        groups = [found for found in groups if any(_is_in(keyword, languages) for keyword in found)]
    stops = [found for found in groups if is_stop(found)]
    if not stops:
        return None
    found = max(stops, key=lambda found: (found[0].meaning is Meaning.EVERYTHING, len(found[0].words)))
    keyword, language = pick(found, reading.hint)
    intent = intent_of(keyword, language, f"The message contains {named(keyword, found)} and says more than that.")
    if len(stops) < len(groups):
        explanation = "The message asks both to stop and to start."
        return doubtful(intent._replace(rule=f"{intent.rule}/and_start", explanation=explanation))
    return doubtful(intent._replace(rule=f"{intent.rule}/inside"))


def _is_in(keyword: Keyword, languages: Sequence[str]) -> bool:
    return keyword.language in languages or keyword.is_international or keyword.is_own


def pick(found: Keywords, hint: str) -> tuple[Keyword, str]:
    """The keyword of the hinted language or the first, and the language it is evidence of, if of any. An English word that
    others borrowed is English."""
    keyword = next((keyword for keyword in found if keyword.language == hint), found[0])
    is_clear = len(found) == 1 or keyword.language == "en"
    if keyword.language == hint or (is_clear and not keyword.is_international):
        return keyword, keyword.language
    return keyword, hint if keyword.is_international else ""


def named(keyword: Keyword, found: Keywords) -> str:
    kind = "button" if keyword.is_button else "phrase" if " " in keyword.spelling else "word"
    if keyword.is_international:
        return f'the international {kind} "{keyword.spelling.upper()}"'
    if keyword.is_own:
        return f'the brand\'s own {kind} "{keyword.spelling}"'
    sharing = found[:1] if keyword.language == "en" else found[:_MOST_NAMED]
    languages = " or ".join(LEXICON.names[other.language] for other in sharing)
    return f'the {languages} {kind} "{keyword.spelling}"'


def intent_of(keyword: Keyword, language: str, explanation: str) -> Intent:
    is_affirmation = keyword.meaning is Meaning.AFFIRMATION
    if is_affirmation:
        explanation = f"{explanation} It says yes only to a question that was asked."
    return Intent(
        intent=INTENTS[keyword.meaning],
        rule=f"{keyword.language}/affirmation" if is_affirmation else keyword.rule,
        language=language,
        explanation=explanation,
        topic="any" if keyword.meaning is Meaning.EVERYTHING else "marketing",
        is_international=keyword.is_international,
        is_affirmation=is_affirmation,
    )
