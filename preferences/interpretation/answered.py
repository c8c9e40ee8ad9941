"""What a message that somebody answers asks of them: which words it offers as answers, and whether these end messages.

It is read with the vocabulary that reads replies, so in every language of the keyword files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from preferences.interpretation import normalisation, sentences
from preferences.interpretation.classification import classify
from preferences.interpretation.clauses import Clause, clauses_of
from preferences.interpretation.intents import IntentValue
from preferences.interpretation.lexicon import spelling, vocabulary

LONGEST_TEXT = 4_096
"""Characters that are read of a message that is answered; WhatsApp lets no business send more."""

_SENTENCE = re.compile(r"[^.!?…|\n\r。！？؟।]+[.!?…|。！？؟।]*")
_QUESTION = re.compile(r"[?？؟՞]|[;；]\s*$|(?:か|吗|嗎|呢|ไหม|มั้ย)[。.\s]*$")
_QUOTES = str.maketrans(dict.fromkeys('“”„«»「」『』"*_', " "))
_SET_APART = re.compile(r"[“„«「『\"'‘*]([^“”„«»「」『』\"'‘’*\n]{1,40})[”“»」』\"'’*]")
_WORD = re.compile(r"[^\W_]+")
_ENDS_MESSAGES = frozenset({"unsubscribe", "do_not_send", "asks"})
_OFF_A_LIST = frozenset({"remove", "not", "no_more", "stop"})
_ASKS_FOR = frozenset({"want", "wants", "send"})
_OTHER_MATTER = frozenset({"business"})
_FEW_UNKNOWN = 1  # words beside the offered one that may be the verb: reply, write
#: "Shall we keep you posted?" in words that stand in no keyword file, because people who answer do not write them.
_IN_TOUCH = (
    "keep you posted", "keep you updated", "keep you informed", "keep in touch", "stay in touch", "auf dem laufenden halten",
    "tenir au courant", "tenir informe", "mantenerle informad", "mantenerte informad", "tenere aggiornat", "tenerti aggiornat",
    "tenerla aggiornat", "op de hoogte houden", "manter informad", "halla dig uppdaterad", "holde deg oppdatert",
    "holde dig opdateret", "informowac cie", "держать в курсе", "держать вас в курсе",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answered:
    """What is known of a message that is answered: its words, the labels of its buttons, and whether WhatsApp counts it as
    a service message (a booking, an order, a code), as marketing (False), or did not say (None)."""

    text: str = ""
    buttons: tuple[str, ...] = ()
    is_service: bool | None = None


NOTHING_KNOWN = Answered()


class About(Enum):
    """What a message offers a word for, the surest first."""

    MESSAGES = "to end messages"
    SOMETHING_ELSE = "for something else"
    PERHAPS_ELSE = "nothing near says it, and the message speaks of something else"
    UNKNOWN = "not offered, or for what is not clear"


def offers(answered: Answered, word: str, *, is_set_apart: bool) -> About:
    """What the message offers `word` for (normalised): as words in its text or as a button.

    With `is_set_apart` only a word counts that stands out in the text: in capitals, in quotes or bold, where the script has
    capitals. One offer to end messages outweighs any other.
    """
    text = answered.text[:LONGEST_TEXT]
    languages = _languages(text)
    said = [_read(clauses, languages) for clauses in _by_sentence(text)]
    offering = [place for place, one in enumerate(said) if one.has(word)]
    if is_set_apart and word not in _words_set_apart(text):
        offering = []
    found = {_about(said, place, word, languages) for place in offering}
    if any(normalisation.normalise(label) == word for label in answered.buttons):
        found.add(_about_all(said))
    return next((about for about in About if about in found), About.UNKNOWN)


def asks_to_end(answered: Answered, word: str) -> bool:
    """Whether the message asks if messages should end, or offers `word` (a yes, normalised) for that."""
    for sentence in _sentences(answered.text):
        is_offer = f" {word} " in f" {normalisation.normalise(sentence)} "
        if (is_offer or _QUESTION.search(sentence)) and _ends_messages(sentence):
            return True
    return False


def asks_to_send(answered: Answered) -> bool:
    """Whether the message asks if the person wants messages: offers, news, a newsletter."""
    return any(_QUESTION.search(sentence) and _is_offer_to_send(sentence) for sentence in _sentences(answered.text))


class _Said(NamedTuple):
    """One sentence: its words, what stands in it, and how many of its words stand for nothing."""

    words: tuple[str, ...]
    concepts: frozenset[str]
    unknown: float

    def has(self, word: str) -> bool:
        if normalisation.is_unspaced(word):
            return word in "".join(self.words)
        return f" {word} " in f" {' '.join(self.words)} "


def _about(said: list[_Said], place: int, word: str, languages: Sequence[str]) -> About:
    """What the word is offered for in one sentence; where that names nothing, the sentence before and the whole message
    tell."""
    rest = _without(said[place], word, languages)
    if rest.concepts & _ENDS_MESSAGES or ("list" in rest.concepts and rest.concepts & _OFF_A_LIST):
        return About.MESSAGES
    if "messages" in rest.concepts:
        return About.UNKNOWN if rest.concepts & _OTHER_MATTER else About.MESSAGES
    if rest.concepts & _OTHER_MATTER or rest.unknown > _FEW_UNKNOWN:
        return About.SOMETHING_ELSE
    if "stop" in rest.concepts:
        return About.UNKNOWN  # "Reply END to stop": of what is not said, and this is how campaigns close
    before = _about_all(said[place - 1 : place]) if place else About.UNKNOWN
    about = before if before is not About.UNKNOWN else _about_all(said)
    is_said = len(rest.words) < len(said[place].words) - 1  # "To cancel it, reply CANCEL" says it by the word itself
    return About.SOMETHING_ELSE if about is About.PERHAPS_ELSE and is_said else about


def _about_all(said: list[_Said]) -> About:
    concepts = frozenset[str]().union(*(one.concepts for one in said))
    if concepts & _ENDS_MESSAGES or ("messages" in concepts and not concepts & _OTHER_MATTER):
        return About.MESSAGES
    return About.PERHAPS_ELSE if concepts & _OTHER_MATTER and "messages" not in concepts else About.UNKNOWN


def _ends_messages(sentence: str) -> bool:
    found = classify(sentence, is_typed=False)
    is_wish = found.intent in {IntentValue.OPT_OUT, IntentValue.REVIEW} and "/sentence/" in found.rule
    return is_wish and found.topic in {"marketing", "any"} and not found.rule.endswith(("/unwanted", "/of_what"))


def _is_offer_to_send(sentence: str) -> bool:
    if classify(sentence, is_typed=False).intent in {IntentValue.OPT_OUT, IntentValue.REVIEW}:
        return False
    words = normalisation.normalise(sentence)
    if any(phrase in words for phrase in _IN_TOUCH):
        return True
    concepts = _concepts(clauses_of(sentence), _languages(sentence))[0]
    return "messages" in concepts and bool(concepts & _ASKS_FOR) and not concepts & _OTHER_MATTER


def _sentences(text: str) -> list[str]:
    return _SENTENCE.findall(text[:LONGEST_TEXT].translate(_QUOTES))


def _by_sentence(text: str) -> Iterator[list[Clause]]:
    # Words in quotation marks are what a message offers most; `clauses_of` leaves them out.
    for sentence in _sentences(text):
        if clauses := clauses_of(sentence):
            yield clauses


def _read(clauses: list[Clause], languages: Sequence[str]) -> _Said:
    words = tuple(word for clause in clauses for word in clause.words)
    return _Said(words, *_concepts(clauses, languages))


def _without(said: _Said, word: str, languages: Sequence[str]) -> _Said:
    """The sentence without the word that is offered, so that it does not speak for what it is offered for."""
    if normalisation.is_unspaced(word):
        rest = tuple(" ".join(said.words).replace(word, " ").split())
    else:
        rest = tuple(f" {' '.join(said.words)} ".replace(f" {word} ", "  ").split())
    return _read([Clause(rest, 0)], languages) if rest else _Said((), frozenset(), 0)


def _concepts(clauses: list[Clause], languages: Sequence[str]) -> tuple[frozenset[str], float]:
    """What stands in the clauses, read in these languages, and how many words stand for nothing."""
    read = spelling().read
    known = [clause._replace(words=tuple(map(read, clause.words))) for clause in clauses]
    if not languages:
        return frozenset(), float(sum(len(clause.words) for clause in known))
    message = sentences.Message(known, vocabulary(), languages)
    return message.concepts, message.unknown


def _languages(text: str) -> list[str]:
    clauses = clauses_of(text.translate(_QUOTES))
    return sentences.languages_of(clauses, vocabulary(), "", may_ask_nothing=True)


def _words_set_apart(text: str) -> set[str]:
    found = set(map(normalisation.normalise, _SET_APART.findall(text)))
    return found | set(_capitals(text)) | set(_without_capitals(text))


def _capitals(text: str) -> Iterable[str]:
    """Words in capitals, alone and together with the one before, if not everything is."""
    if text.upper() == text:
        return []
    words = _WORD.findall(text)
    loud = [normalisation.normalise(word) if word.isupper() and len(word) > 1 else "" for word in words]
    pairs = [f"{one} {other}" for one, other in pairwise(loud) if one and other]
    return [*filter(None, loud), *pairs]


def _without_capitals(text: str) -> Iterable[str]:
    """Words of scripts that have none, where nothing shows what stands out."""
    return (normalisation.normalise(word) for word in _WORD.findall(text) if word.lower() == word.upper())
