"""The keywords of every language, read once from `keywords/*.json` and checked; what they mean for a reply is decided
in `classification`.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from preferences.interpretation import normalisation
from preferences.interpretation.spelling import Spelling
from preferences.interpretation.vocabulary import CONCEPTS, COURTESY, PER_SE, EntryError, SureWords, Vocabulary

CLASSIFIER_VERSION = 4
"""Raised with every change of the rules or of the normalisation that can change a judgement."""

_DIRECTORY = Path(__file__).parent / "keywords"
_LONGEST_KEYWORD = 40
#: A word of several languages is named after the first of these that has it, then by the alphabet.
_FIRST = {code: place for place, code in enumerate(("en", "es", "fr", "pt", "de", "it", "ru", "ar", "hi", "id", "zh"))}


class Meaning(StrEnum):
    OPT_OUT = "opt_out"
    EVERYTHING = "opt_out_everything"
    OPT_IN = "opt_in"
    HELP = "help"
    AFFIRMATION = "affirmation"
    COURTESY = "courtesy"


class KeywordFileError(Exception):
    """A keyword file cannot be used; the message names the file and the key."""


class Keyword(NamedTuple):
    """One word or phrase of one language: `spelling` as in the file, `words` as it is compared.

    `counts_inside` says that it raises doubt inside a longer message, too; `is_international` that it is used
    worldwide; `is_own` that a brand added it; `concept` is what it stands for in a sentence.
    """

    words: str
    spelling: str
    language: str
    meaning: Meaning
    counts_inside: bool = False
    is_international: bool = False
    is_button: bool = False
    is_own: bool = False
    concept: str = ""

    @property
    def rule(self) -> str:
        return f"{'own' if self.is_own else self.language}/{self.words.replace(' ', '_')}"


class Index:
    """Keywords found by what they are made of: words, or characters where no spaces are written."""

    def __init__(self, keywords: Iterable[Keyword], *, joiner: str) -> None:
        self._joiner = joiner
        self._found: dict[str, tuple[Keyword, ...]] = {}
        self._longest: dict[str, int] = defaultdict(int)
        for keyword in keywords:
            self._found[keyword.words] = (*self._found.get(keyword.words, ()), keyword)
            units = keyword.words.split() if joiner else keyword.words
            self._longest[units[0]] = max(self._longest[units[0]], len(units))
        self._longest.default_factory = None

    def __getitem__(self, words: str) -> tuple[Keyword, ...]:
        """The keywords, of one or more languages, that are spelled exactly so; often none."""
        return self._found.get(words, ())

    def at(self, units: list[str] | str, start: int) -> tuple[int, tuple[Keyword, ...]]:
        """The longest keyword beginning at `start`, and how many units it takes; (0, ()) if none begins there."""
        longest = self._longest.get(units[start], 0)
        for length in range(min(longest, len(units) - start), 0, -1):
            part = units[start : start + length]
            found = self._found.get(part if isinstance(part, str) else self._joiner.join(part))
            if found is not None:
                return length, found
        return 0, ()

    def inside(self, units: list[str] | str) -> Iterator[tuple[Keyword, ...]]:
        """Every longest keyword, from left to right, wherever it begins."""
        start = 0
        while start < len(units):
            length, found = self.at(units, start)
            if found:
                yield found
            start += length or 1


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All languages together. The unspaced indexes serve the scripts that put no spaces between words, those called
    `inside` hold only what counts inside a longer message. `where_spoken` has, by language and words, what asks for an end
    only in a message that is surely in that language.
    """

    names: Mapping[str, str]
    keywords: tuple[Keyword, ...]
    spaced: Index
    unspaced: Index
    spaced_inside: Index
    unspaced_inside: Index
    where_spoken: Mapping[tuple[str, str], Keyword]


def load(directory: Path = _DIRECTORY) -> Lexicon:
    """Read and check all languages. Raises KeywordFileError naming the file and the key."""
    names: dict[str, str] = {}
    keywords: list[Keyword] = []
    where_spoken: dict[tuple[str, str], Keyword] = {}
    unspaced: set[str] = set()
    for path in sorted(directory.glob("*.json")):
        data = _read(path)
        names[path.stem] = data["name"]
        keywords.extend(_keywords(path, data))
        where_spoken |= {(one.language, one.words): one for one in _where_spoken(path, data)}
        if not data.get("spaces", True):
            unspaced.add(path.stem)
    _refuse_contradictions(keywords)
    keywords.sort(key=lambda keyword: _FIRST.get(keyword.language, len(_FIRST)))
    spaced = [keyword for keyword in keywords if keyword.language not in unspaced or keyword.words.isascii()]
    # Latin words stand in Chinese or Japanese messages, too ("STOPしてください"), but there they stand apart.
    latin = [keyword for keyword in spaced if keyword.words.isascii() and " " not in keyword.words]
    joined = [keyword for keyword in keywords if keyword.language in unspaced and not keyword.words.isascii()]
    return Lexicon(
        names=MappingProxyType(names),
        keywords=tuple(keywords),
        spaced=Index(spaced, joiner=" "),
        unspaced=Index([*joined, *latin], joiner=""),
        spaced_inside=Index(filter(_counts_inside, spaced), joiner=" "),
        unspaced_inside=Index(filter(_counts_inside, joined), joiner=""),
        where_spoken=MappingProxyType(where_spoken),
    )


def check_sentences(directory: Path = _DIRECTORY) -> None:
    """Look at every entry of `sentences`. Raises KeywordFileError naming the file and the key."""
    for code, language in load_vocabulary(load(directory), directory).languages.items():
        try:
            language.check()
        except EntryError as error:
            raise KeywordFileError(
                f'{code}.json: "sentences.{error.concept}" has {error.entry!r}: {error.reason}'
            ) from error


def load_vocabulary(lexicon: Lexicon, directory: Path = _DIRECTORY) -> Vocabulary:
    """Read what words stand for in sentences. The entries of a language are read when it is first met; the files that come
    with the desk are checked by its tests. Raises KeywordFileError naming the file and the key.
    """
    found = Vocabulary()
    keywords = defaultdict(list)
    for keyword in lexicon.keywords:
        keywords[keyword.language].append(keyword)
    for path in sorted(directory.glob("*.json")):
        _add_sentences(found, path, _read(path), keywords[path.stem])
    return found


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary of all languages, read when the first sentence is."""
    return load_vocabulary(LEXICON)


@cache
def spelling() -> Spelling:
    """Looks through disguises to the words of all languages, and through slips to those that can ask for an end."""
    keywords = {one.words for one in LEXICON.keywords if one.meaning is Meaning.OPT_OUT}
    return Spelling(SureWords(vocabulary()), keywords | vocabulary().actions)


def version(directory: Path = _DIRECTORY) -> str:
    """The first 12 hex digits of the SHA-256 over the keyword files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(directory.glob("*.json")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


_LISTS: Mapping[tuple[str, ...], tuple[Meaning, bool]] = MappingProxyType(
    {
        ("opt_out", "words"): (Meaning.OPT_OUT, True),
        ("opt_out", "phrases"): (Meaning.OPT_OUT, True),
        ("opt_out", "whole_message_only"): (Meaning.OPT_OUT, False),
        ("opt_out_everything",): (Meaning.EVERYTHING, True),
        ("opt_in",): (Meaning.OPT_IN, True),
        ("help",): (Meaning.HELP, False),
        ("affirmation",): (Meaning.AFFIRMATION, False),
        ("courtesy",): (Meaning.COURTESY, False),
        ("buttons", "opt_out"): (Meaning.OPT_OUT, True),
        ("buttons", "opt_in"): (Meaning.OPT_IN, True),
    }
)
_WHERE_SPOKEN = ("opt_out", "where_spoken")
_OTHER_KEYS = frozenset({"language", "name", "spaces", "international", "note", "sentences"})
#: What keywords stand for inside a sentence. Words alone do not: "stop", "cancel" and "end" mean many things there.
_IN_SENTENCES = {
    ("opt_out", "phrases"): "do_not_send",
    ("opt_out_everything",): "do_not_send",
    ("opt_in",): "wants",
    ("buttons", "opt_out"): "do_not_send",
}


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise KeywordFileError(f"{path.name}: not valid JSON: {error}") from error
    if not isinstance(data, dict):
        raise KeywordFileError(f"{path.name}: the file must hold one JSON object")
    if data.get("language") != path.stem:
        raise KeywordFileError(f'{path.name}: "language" must be "{path.stem}", like the name of the file')
    if not isinstance(data.get("name"), str) or not data["name"]:
        raise KeywordFileError(f'{path.name}: "name" must be the English name of the language')
    if not isinstance(data.get("spaces", True), bool):
        raise KeywordFileError(f'{path.name}: "spaces" must be true or false')
    known = _OTHER_KEYS | {keys[0] for keys in _LISTS}
    for key, value in data.items():
        if key not in known:
            raise KeywordFileError(f'{path.name}: "{key}" is not a key of a keyword file')
        inner = {keys[1] for keys in (*_LISTS, _WHERE_SPOKEN) if keys[0] == key and len(keys) > 1}
        if inner and (not isinstance(value, dict) or not inner.issuperset(value)):
            raise KeywordFileError(f'{path.name}: "{key}" must be an object with {", ".join(sorted(inner))}')
    return data


def _keywords(path: Path, data: dict[str, Any]) -> Iterator[Keyword]:
    joiner = " " if data.get("spaces", True) else ""
    international = {_compared(path, "international", text, joiner) for text in _texts(path, data, ("international",))}
    seen: dict[str, Meaning] = {}
    for keys, (meaning, counts_inside) in _LISTS.items():
        for spelling in _texts(path, data, keys):
            words = _compared(path, ".".join(keys), spelling, joiner)
            if words in seen:
                if seen[words] is not meaning:
                    raise KeywordFileError(f'{path.name}: {spelling!r} is in "{seen[words]}" and in "{meaning}"')
                continue  # "opt-out" and "opt out" are one keyword, but a native speaker may write both
            seen[words] = meaning
            yield Keyword(
                words=words,
                spelling=spelling,
                language=path.stem,
                meaning=meaning,
                # A single ideograph is part of too many other words.
                counts_inside=counts_inside and (bool(joiner) or len(words) > 1),
                is_international=words in international,
                is_button=keys[0] == "buttons",
                concept=_IN_SENTENCES.get(keys, ""),
            )
    if not international <= seen.keys():
        raise KeywordFileError(f'{path.name}: "international" names words that are in no other list')


def _where_spoken(path: Path, data: dict[str, Any]) -> Iterator[Keyword]:
    for spelling in _texts(path, data, _WHERE_SPOKEN):
        words = _compared(path, ".".join(_WHERE_SPOKEN), spelling, " ")
        yield Keyword(words=words, spelling=spelling, language=path.stem, meaning=Meaning.OPT_OUT)


def _add_sentences(vocabulary: Vocabulary, path: Path, data: dict[str, Any], keywords: Sequence[Keyword]) -> None:
    spaces = data.get("spaces", True)
    entries = [
        (concept, spelling)
        for concept, entry in _sentence_entries(path, data)
        for spelling in _with_and_without_apostrophe(entry)
    ]
    entries += [(concept, one.words) for one in keywords for concept in _concepts(one, spaces=spaces)]
    vocabulary.add_language(path.stem, entries, spaces=spaces, words=(one.words for one in keywords))


def _sentence_entries(path: Path, data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    sentences = data.get("sentences", {})
    if not isinstance(sentences, dict) or not sentences.keys() <= CONCEPTS.keys():
        raise KeywordFileError(f'{path.name}: "sentences" must be an object with lists out of {", ".join(CONCEPTS)}')
    for concept in sentences:
        for entry in _texts(path, data, ("sentences", concept)):
            yield concept, entry


def _concepts(keyword: Keyword, *, spaces: bool) -> list[str]:
    """What a keyword stands for inside a sentence."""
    has_parts = " " in keyword.words if spaces else len(keyword.words) > 1
    if keyword.concept:
        is_phrase = has_parts and (spaces or keyword.concept != "wants")  # where no spaces are, "開始" is in much
        return [keyword.concept] if is_phrase else []
    if keyword.meaning is Meaning.COURTESY:
        return [COURTESY]
    if keyword.meaning is not Meaning.OPT_OUT or not keyword.counts_inside:
        return []
    # One of several words covers its first, which mostly is one that means stop.
    return [PER_SE, "stop"] if spaces and has_parts else [PER_SE]


def _with_and_without_apostrophe(entry: str) -> set[str]:
    """People write "dont" for "don't", too."""
    return {entry, entry.replace("’", "").replace("'", "")} if "'" in entry or "’" in entry else {entry}


def _texts(path: Path, data: dict[str, Any], keys: tuple[str, ...]) -> list[str]:
    value: Any = data
    for key in keys:
        value = value.get(key, {})
    if value == {}:
        return []
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise KeywordFileError(f'{path.name}: "{".".join(keys)}" must be a list of words or phrases')
    return value


def _compared(path: Path, key: str, spelling: str, joiner: str) -> str:
    words = normalisation.normalise(spelling)
    if not words.isascii():  # Latin letters are written with spaces everywhere
        words = joiner.join(words.split())
    if not words:
        raise KeywordFileError(f'{path.name}: "{key}" has an entry without letters: {spelling!r}')
    if len(words) > _LONGEST_KEYWORD:
        raise KeywordFileError(f'{path.name}: "{key}" has an entry over {_LONGEST_KEYWORD} characters: {spelling!r}')
    return words


def _counts_inside(keyword: Keyword) -> bool:
    return keyword.counts_inside


_MAY_MEAN_BOTH = {Meaning.COURTESY, Meaning.AFFIRMATION}


def _refuse_contradictions(keywords: Iterable[Keyword]) -> None:
    """One spelling may belong to several languages, but must mean the same in all of them; only a courtesy may mean yes
    elsewhere ("po" in Tagalog and Albanian)."""
    first: dict[str, Keyword] = {}
    for keyword in keywords:
        other = first.setdefault(keyword.words, keyword)
        if other.meaning is not keyword.meaning and {other.meaning, keyword.meaning} != _MAY_MEAN_BOTH:
            raise KeywordFileError(
                f'{keyword.language}.json: "{keyword.meaning}" has {keyword.spelling!r}, '
                f'which {other.language}.json has in "{other.meaning}"'
            )


LEXICON = load()
KEYWORDS_VERSION = version()
