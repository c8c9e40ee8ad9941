"""What subscribers are told, in their language: the texts of `<language>.json`, with their places filled in.

A brand's own versions of a text take its place when they are handed in. Nothing here decides whether, when or to whom
something is said.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from preferences.wording.texts import LONGEST_BODY, LONGEST_BUTTON, PLACES_IN_WORDS, TEXTS, Text

__all__ = [
    "DATA_VERSION", "DEFAULT_LANGUAGE", "LONGEST_BODY", "LONGEST_BUTTON", "NOTHING_OWN", "PLACES",
    "PLACES_IN_WORDS", "TEXTS", "Own",
    "Template", "Text", "Wording", "WordingError", "available_languages", "desk_text", "direction", "load", "mistakes",
    "render", "spoken",
]  # fmt: skip

DEFAULT_LANGUAGE = "en"

PLACES: Mapping[str, frozenset[str]] = MappingProxyType({kind: text.places for kind, text in TEXTS.items()})
"""Every text a language must have, and the placeholders each must hold, no more and no fewer."""

_DIRECTORY = Path(__file__).parent
_PLACE = re.compile(r"\{([a-z_]+)\}")
_OLD_LANGUAGE_CODES = {"iw": "he", "in": "id"}
#: Line breaks, no-break spaces, joiners and marks of direction: they are not printed, but writing needs them.
_SEEN_IN_EFFECT = frozenset("\n\u00a0\u202f\u200c\u200d\u200e\u200f\u2066\u2067\u2068\u2069")
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})


class WordingError(Exception):
    """A text or a value for it is missing; the message names language, text and placeholder."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A finished text, the language it is really in, and which template of which version made it.

    `is_fallback` says that the language asked for does not exist and the default language speaks instead.
    """

    text: str
    language: str
    key: str
    version: str
    is_fallback: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A text with its placeholders, and the name of its version."""

    text: str
    version: str


Own = Mapping[tuple[str, str], Template]
"""A brand's own texts, by kind and language."""

NOTHING_OWN: Own = MappingProxyType({})


def available_languages() -> Mapping[str, str]:
    """Language codes in alphabetical order with the name each language gives itself."""
    return _NAMES


def spoken(language: str) -> str:
    """Our code for a language or locale ("pt_BR" is spoken as "pt"), empty if we have no texts in it."""
    code = language.replace("_", "-").split("-")[0].lower()
    code = _OLD_LANGUAGE_CODES.get(code, code)
    return code if code in _TEMPLATES else ""


def direction(language: str) -> str:
    """How the language is written: "ltr" or "rtl"."""
    return "rtl" if spoken(language) in _RIGHT_TO_LEFT else "ltr"


def desk_text(kind: str, language: str) -> Template:
    """The text that comes with the desk, in a language of `available_languages`."""
    return _TEMPLATES[language][kind]


def render(
    kind: str,
    *,
    language: str,
    values: Mapping[str, str],
    default_language: str = DEFAULT_LANGUAGE,
    own: Own = NOTHING_OWN,
) -> Wording:
    """The text `kind` with its placeholders filled; a value is never read as a template itself.

    A language that is not there falls back to `default_language`, visibly. Raises WordingError for an unknown kind, a
    missing value and an unknown default language.
    """
    if kind not in PLACES:
        raise WordingError(f"There is no text {kind!r} in any language")
    said = spoken(language) or spoken(default_language)
    if not said:
        raise WordingError(f"Neither {language!r} nor the default language {default_language!r} has texts")
    missing = sorted(PLACES[kind] - values.keys())
    if missing:
        raise WordingError(f'{said}: "{kind}" needs a value for {{{missing[0]}}}')
    template = own.get((kind, said)) or _TEMPLATES[said][kind]
    return Wording(
        text=_PLACE.sub(lambda place: values[place[1]], template.text),
        language=said,
        key=kind,
        version=template.version,
        is_fallback=not spoken(language),
    )


def mistakes(kind: str, text: str) -> list[str]:
    """What keeps `text` from being spoken as `kind`, each as a sentence without its subject ("lacks {brand} …")."""
    rules, found = TEXTS[kind], frozenset(_PLACE.findall(text))
    wrong = [f"lacks {{{place}}}, {PLACES_IN_WORDS[place]}" for place in sorted(rules.places - found)]
    wrong += [f"must not hold {{{place}}}" for place in sorted(found - rules.places)]
    if set(_PLACE.sub("", text)) & set("{}"):
        wrong.append("has a brace that belongs to no placeholder")
    if rules.names and not re.search(rf"\b{rules.names}\b", text, re.ASCII):
        wrong.append(f"lacks the word {rules.names}, which people answer with")
    if len(text) > rules.longest:
        wrong.append(
            f"has {len(text)} characters, {len(text) - rules.longest} more than the {rules.longest} it may have"
        )
    if any(not char.isprintable() and char not in _SEEN_IN_EFFECT for char in text):
        wrong.append("holds a character that is not seen")
    return wrong


def load(directory: Path = _DIRECTORY) -> Mapping[str, Mapping[str, str]]:
    """The texts of every language. Raises WordingError naming language, text and placeholder of the first mistake."""
    return {path.stem: _checked(path.stem, _read(path)) for path in sorted(directory.glob("*.json"))}


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WordingError(f"{path.name}: not valid JSON: {error}") from error
    if not isinstance(data, dict) or data.pop("language", None) != path.stem:
        raise WordingError(f'{path.name}: "language" must be "{path.stem}", like the name of the file')
    return data


def _checked(language: str, texts: dict[str, Any]) -> dict[str, str]:
    for kind in ("name", *TEXTS):
        if not isinstance(texts.get(kind), str) or not texts[kind].strip():
            raise WordingError(f'{language}: the text "{kind}" is missing')
    for kind, text in texts.items():
        if kind != "name" and kind not in TEXTS:
            raise WordingError(f'{language}: "{kind}" is not a text we use')
        if kind != "name" and (wrong := mistakes(kind, text)):
            raise WordingError(f'{language}: "{kind}" {wrong[0]}')
    return texts


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


_TEXTS = load()
_NAMES: Mapping[str, str] = MappingProxyType({language: texts["name"] for language, texts in _TEXTS.items()})
_TEMPLATES: Mapping[str, Mapping[str, Template]] = MappingProxyType(
    {
        language: MappingProxyType({kind: Template(texts[kind], _digest(texts[kind])) for kind in TEXTS})
        for language, texts in _TEXTS.items()
    }
)
DATA_VERSION = _digest(json.dumps(_TEXTS, sort_keys=True))
"""Changes with any text of any language."""
