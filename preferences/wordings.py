"""A brand's own wordings: written by one person, spoken once published, never changed.

The newest published version of a text in a language is spoken; an empty one means "back to the text of the desk". Wording
is treated like loosening (law 8): with two people at work, somebody other than the author publishes it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from preferences import wording
from preferences.interpretation import IntentValue, classify
from preferences.interpretation.lexicon import LEXICON, Keyword, Meaning
from preferences.interpretation.normalisation import is_unspaced, normalise
from preferences.models import Approvals, Brand, PolicyVersion, User, WordingVersion
from preferences.wording import DEFAULT_LANGUAGE, NOTHING_OWN, TEXTS, Own, Template, available_languages


class WordingRefusedError(Exception):
    """The text cannot be written or published; `reasons` are sentences for staff."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


def own_texts(brands: Iterable[int]) -> Mapping[int, Own]:
    """The published texts of each brand that has any, in one query whatever the number of brands and versions.

    A text that no longer fits the rules, because a newer desk has changed them, is left out: the desk's is spoken.
    """
    own: dict[int, dict[tuple[str, str], Template]] = defaultdict(dict)
    for row in newest_published().filter(brand__in=sorted(set(brands))):
        if row.text and is_fit(row):
            own[row.brand_id][row.key, row.language] = template_of(row)
    return own


def own_texts_of(brand: int) -> Own:
    return own_texts([brand]).get(brand, NOTHING_OWN)


def is_fit(version: WordingVersion) -> bool:
    """Whether the text of a version can be spoken: it fits the rules of today."""
    return version.key in TEXTS and not wording.mistakes(version.key, version.text)


def template_of(version: WordingVersion) -> Template:
    """The text with the name under which notices keep it: `w` and the id of the version."""
    return Template(version.text, f"w{version.pk}")


def newest_published() -> QuerySet[WordingVersion]:
    """Of each brand's text and language the version in force."""
    published = WordingVersion.objects.exclude(published_at=None)
    return published.filter(~Exists(_later().exclude(published_at=None)))


def newest() -> QuerySet[WordingVersion]:
    """Of each brand's text and language the version written last, whether it is spoken or waits."""
    return WordingVersion.objects.filter(~Exists(_later()))


def _later() -> QuerySet[WordingVersion]:
    return WordingVersion.objects.filter(
        brand=OuterRef("brand"), key=OuterRef("key"), language=OuterRef("language"), number__gt=OuterRef("number")
    )


def needs_two_people(brand: Brand) -> bool:
    """Whether somebody other than its author must publish a text: always, unless the brand's policy says that one person
    works there."""
    approvals = PolicyVersion.objects.filter(brand=brand).order_by("-number").values_list("approvals", flat=True)
    return approvals.first() != Approvals.SOLO


def write(brand: Brand, key: str, language: str, *, text: str, author: User, now: dt.datetime) -> WordingVersion:
    """Write a new version; it takes the place of any that still waits. Published at once where one person works.

    Raises WordingRefusedError if the text cannot be spoken, or is the one that is spoken already.
    """
    text = tidy(text)
    if not text:
        raise WordingRefusedError("Write a text. To speak the desk’s text again, go back to it.")
    if wrong := complaints(key, language, text):
        raise WordingRefusedError(*wrong)
    return _add(brand, key, language, text=text, author=author, now=now)


def go_back(brand: Brand, key: str, language: str, *, author: User, now: dt.datetime) -> WordingVersion:
    """Write the version that speaks the desk's text again. Published like any other.

    Raises WordingRefusedError if the desk's text is spoken already and nothing waits.
    """
    return _add(brand, key, language, text="", author=author, now=now)


def publish(version: WordingVersion, *, publisher: User, now: dt.datetime) -> None:
    """Let the version be spoken from now on.

    Raises WordingRefusedError if it is spoken already, if a newer one was written, if it no longer fits the rules, or if
    its author publishes it where two people are needed.
    """
    with transaction.atomic():
        _lock(version.brand_id)
        newest = _versions(version.brand, version.key, version.language).order_by("-number").first()
        if newest is None or newest.pk != version.pk:
            raise WordingRefusedError("A newer version was written meanwhile. Publish that one.")
        if newest.published_at:
            raise WordingRefusedError("This version is published already.")
        if newest.created_by_id == publisher.pk and needs_two_people(version.brand):
            raise WordingRefusedError("You wrote this version: somebody else must publish it.")
        if newest.text and (wrong := complaints(version.key, version.language, newest.text)):
            raise WordingRefusedError(*wrong)
        WordingVersion.objects.filter(pk=version.pk).update(published_at=now, published_by=publisher)
    version.published_at, version.published_by = now, publisher


def complaints(key: str, language: str, text: str) -> list[str]:
    """Why the text cannot be spoken, as sentences for staff: placeholders, length, words that must be understood."""
    _check_place(key, language)
    wrong = [f"The text {mistake}." for mistake in wording.mistakes(key, text)]
    if TEXTS[key].asks_for_yes and not _asks_for_yes(text, language):
        example = _affirmations(language)[0].spelling.upper()
        wrong.append(f"The text asks for no word that is understood as yes, such as {example}.")
    if key == "undo_button" and classify(text, language_hint=language).intent == IntentValue.OPT_OUT:
        wrong.append("The label reads as a wish to stop. A tap on it means the opposite.")
    return wrong


def _check_place(key: str, language: str) -> None:
    if key not in TEXTS:
        raise WordingRefusedError(f"There is no text “{key}”.")
    if language not in available_languages():
        raise WordingRefusedError(f"The desk does not speak “{language}”.")


def _affirmations(language: str) -> list[Keyword]:
    found = [one for one in LEXICON.keywords if one.meaning is Meaning.AFFIRMATION]
    own = [one for one in found if one.language == language]
    return own or [one for one in found if one.language == DEFAULT_LANGUAGE]


def _asks_for_yes(text: str, language: str) -> bool:
    words = normalise(text)
    if is_unspaced(words):
        return any(one.words in words.replace(" ", "") for one in _affirmations(language))
    return any(f" {one.words} " in f" {words} " for one in _affirmations(language))


def _add(brand: Brand, key: str, language: str, *, text: str, author: User, now: dt.datetime) -> WordingVersion:
    _check_place(key, language)
    with transaction.atomic():
        _lock(brand.pk)
        versions = list(_versions(brand, key, language).order_by("-number"))
        if text == _last_word(versions):
            raise WordingRefusedError("This is the newest text already.")
        is_solo = not needs_two_people(brand)
        return WordingVersion.objects.create(
            brand=brand,
            key=key,
            language=language,
            number=versions[0].number + 1 if versions else 1,
            text=text,
            created_at=now,
            created_by=author,
            published_at=now if is_solo else None,
            published_by=author if is_solo else None,
        )


def _last_word(versions: list[WordingVersion]) -> str:
    return versions[0].text if versions else ""


def _versions(brand: Brand, key: str, language: str) -> QuerySet[WordingVersion]:
    return WordingVersion.objects.filter(brand=brand, key=key, language=language)


def _lock(brand: int) -> None:
    """Two people at work on one brand's texts take turns, so numbers have no gap and no version is overtaken unseen."""
    Brand.objects.select_for_update().get(pk=brand)


def tidy(text: str) -> str:
    """A text as it is kept: without space around its lines."""
    return "\n".join(line.strip() for line in text.strip().splitlines())
