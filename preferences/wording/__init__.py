"""What subscribers are told, in their language: the texts of `<language>.json`, with their places filled in.

Nothing here decides whether, when or to whom something is said.
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

DEFAULT_LANGUAGE = "en"

PLACES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "confirmation": frozenset({"brand", "scope"}),
        "scope_marketing_any": frozenset(),
        "scope_marketing_channel": frozenset({"channel"}),
        "scope_marketing_controller": frozenset({"controller"}),
        "scope_everything": frozenset(),
        "scope_topic": frozenset({"topic"}),
        "channel_whatsapp": frozenset(),
        "channel_sms": frozenset(),
        "channel_email": frozenset(),
        "channel_voice": frozenset(),
        "channel_push": frozenset(),
        "undo_line": frozenset(),
        "platform_stop_line": frozenset({"brand"}),
        "start_confirmation": frozenset({"brand"}),
        "start_question": frozenset({"brand"}),
        "help": frozenset({"brand", "contact"}),
    }
)
"""Every text a language must have, and the placeholders each must hold, no more and no fewer."""

_DIRECTORY = Path(__file__).parent
_PLACE = re.compile(r"\{([a-z_]+)\}")
_OLD_LANGUAGE_CODES = {"iw": "he", "in": "id"}


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
class _Template:
    text: str
    version: str


def available_languages() -> Mapping[str, str]:
    """Language codes in alphabetical order with the name each language gives itself."""
    return _NAMES


def render(kind: str, *, language: str, values: Mapping[str, str], default_language: str = DEFAULT_LANGUAGE) -> Wording:
    """The text `kind` with its placeholders filled; a value is never read as a template itself.

    A language that is not there falls back to `default_language`, visibly. Raises WordingError for an unknown kind, a
    missing value and an unknown default language.
    """
    if kind not in PLACES:
        raise WordingError(f"There is no text {kind!r} in any language")
    spoken = _spoken(language) or _spoken(default_language)
    if not spoken:
        raise WordingError(f"Neither {language!r} nor the default language {default_language!r} has texts")
    missing = sorted(PLACES[kind] - values.keys())
    if missing:
        raise WordingError(f'{spoken}: "{kind}" needs a value for {{{missing[0]}}}')
    template = _TEMPLATES[spoken][kind]
    return Wording(
        text=_PLACE.sub(lambda place: values[place[1]], template.text),
        language=spoken,
        key=kind,
        version=template.version,
        is_fallback=not _spoken(language),
    )


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
    for kind in ("name", *PLACES):
        if not isinstance(texts.get(kind), str) or not texts[kind].strip():
            raise WordingError(f'{language}: the text "{kind}" is missing')
    for kind, text in texts.items():
        if kind != "name" and kind not in PLACES:
            raise WordingError(f'{language}: "{kind}" is not a text we use')
        expected, found = PLACES.get(kind, frozenset()), frozenset(_PLACE.findall(text))
        for place in sorted(expected ^ found):
            verb = "lacks" if place in expected else "must not hold"
            raise WordingError(f'{language}: "{kind}" {verb} {{{place}}}')
        if set(_PLACE.sub("", text)) & set("{}"):
            raise WordingError(f'{language}: "{kind}" has a brace that belongs to no placeholder')
    return texts


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _spoken(language: str) -> str:
    """Our code for a language or locale ("pt_BR" is spoken as "pt"), empty if we have no texts in it."""
    code = language.replace("_", "-").split("-")[0].lower()
    code = _OLD_LANGUAGE_CODES.get(code, code)
    return code if code in _TEMPLATES else ""


_TEXTS = load()
_NAMES: Mapping[str, str] = MappingProxyType({language: texts["name"] for language, texts in _TEXTS.items()})
_TEMPLATES: Mapping[str, Mapping[str, _Template]] = MappingProxyType(
    {
        language: {kind: _Template(texts[kind], _digest(texts[kind])) for kind in PLACES}
        for language, texts in _TEXTS.items()
    }
)
DATA_VERSION = _digest(json.dumps(_TEXTS, sort_keys=True))
"""Changes with any text of any language."""
