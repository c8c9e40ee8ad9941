"""Finding people by whatever staff have at hand: any spelling of a number, its last digits, a user id, a username, a
message id, a delivery's or a record's own id, an e-mail address. Every question is answered by an index."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

import phonenumbers
from django.db.models import Q, QuerySet

from preferences.identifiers import Identifier, country_of_phone, digest, match_key, parse_recipient
from preferences.interpretation.json_text import clean
from preferences.models import Delivery, Identity, MessageKey, Scheme, Subscriber, Username

#: Four digits belong to one in ten thousand numbers; nobody reads through more people than this.
MOST_PEOPLE = 500

_LONGEST = 320
_LINK = re.compile(r"^(?:tel:|(?:https?://)?(?:wa\.me/|(?:api\.)?whatsapp\.com/send/?\?phone=))", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"wamid\.[\w=+/.-]+")
_MASKED = re.compile(r"[+•…*\d\s]*[•…*][•…*\s]*(\d{4})")
_RECORD = re.compile(r"(?:subscriber\s+)?([0-9a-f]{8})", re.IGNORECASE)
_USERNAME = re.compile(r"@?[^\s@]{3,35}")
_FEWEST_DIGITS = 4
_FEWEST_OF_A_NUMBER = 7
#: WhatsApp spells one line of these countries in two ways (preferences.identifiers folds them).
_FOLDED = ("+52", "+54", "+55")
#: What is dialled inside a country before the number, where it is no zero.
_TRUNKS = (("8", "+7", 11), ("06", "+36", 11))


@dataclass(frozen=True, slots=True)
class Found:
    """The roots of the people `text` may mean. `kind` says by what was looked, without any value, for the record of
    the search; `understood` says how the text was read, as the end of "Read as …"."""

    kind: str
    understood: str
    roots: frozenset[int] = frozenset()

    @property
    def is_cut(self) -> bool:
        return len(self.roots) >= MOST_PEOPLE


def find(text: str) -> Found:
    """Everybody `text` may mean, at most MOST_PEOPLE; also those who had the number or user id in the past."""
    text = _LINK.sub("", clean(text).strip().strip("\"'"))
    if not text or len(text) > _LONGEST:
        return Found("nothing", "nothing that can be looked up")
    if named := _by_own_id(text):
        return named
    if message := _MESSAGE_ID.search(text):
        return Found("message id", "a WhatsApp message id", _by_message(message[0]))
    if masked := _MASKED.fullmatch(text):
        return _by_last_digits(masked[1])
    if not any(char.isalpha() for char in text) and "@" not in text:
        return _by_number(text)
    one = parse_recipient(text)
    if one:
        return _by_identifier(one)
    return _by_name(text)


# Ids ------------------------------------------------------------------------------------------------------------------


def _by_own_id(text: str) -> Found | None:
    """A record's own id, whole or as it is shown on screen, or the correlation id of a delivery."""
    short = _RECORD.fullmatch(text)
    if short and not short[1].isdecimal():
        first, last = uuid.UUID(short[1] + "0" * 24), uuid.UUID(short[1] + "f" * 24)
        roots = _roots(Subscriber.objects.filter(public_id__range=(first, last)))
        return Found("record", "the id of a record", roots) if roots else None
    try:
        name = uuid.UUID(text)
    except ValueError:
        return None
    if roots := _roots(Subscriber.objects.filter(public_id=name)):
        return Found("record", "the id of a record", roots)
    deliveries = Delivery.objects.filter(correlation_id=name).values_list("subscriber__root_id", flat=True)
    return Found("delivery", "the id of a record or of a delivery", frozenset(deliveries))


def _by_message(message_id: str) -> frozenset[int]:
    people = MessageKey.objects.filter(digest=digest(message_id)).values_list("subscriber", flat=True)
    return _roots(Subscriber.objects.filter(pk__in=list(people)))


def _roots(subscribers: QuerySet[Subscriber]) -> frozenset[int]:
    return frozenset(subscribers.values_list("root_id", flat=True)[:MOST_PEOPLE])


# Names ----------------------------------------------------------------------------------------------------------------


def _by_identifier(one: Identifier) -> Found:
    roots = _by_keys(one.scheme, [one.match_key])
    if one.scheme == "phone":
        return Found("number", _number_in_words(one.value), roots)
    if one.scheme == "email":
        return Found("e-mail address", "an e-mail address", roots)
    return Found("user id", "a WhatsApp user id", roots)


def _by_name(text: str) -> Found:
    """A WhatsApp username, with or without @, or a key of another system."""
    external = _by_keys(Scheme.EXTERNAL, [text])
    if not _USERNAME.fullmatch(text):
        return Found("external key", "a key of another system", external)
    name = text.removeprefix("@").lower()
    named = Username.objects.filter(name=name).values_list("subscriber__root_id", flat=True)[:MOST_PEOPLE]
    return Found("username", f"the WhatsApp username @{name}", frozenset(named) | external)


# Numbers --------------------------------------------------------------------------------------------------------------


def _by_number(text: str) -> Found:
    """A number with its country, as it is dialled inside the country, or its last digits."""
    digits = "".join(str(unicodedata.decimal(char)) for char in text if char.isdecimal())
    one = parse_recipient(text)
    is_international = text.lstrip("( ").startswith(("+", "＋", "00"))
    national = digits.lstrip("0")
    if one and is_international and (roots := _by_keys(Scheme.PHONE, [one.match_key])):
        return Found("number", _number_in_words(one.value), roots)
    if len(national) < _FEWEST_OF_A_NUMBER and not (one and is_international):
        return _by_last_digits(digits)
    keys = {one.match_key} if one else set()
    keys |= {match_key("phone", country + national) for country in _FOLDED}
    keys |= {
        code + digits[len(trunk) :]
        for trunk, code, length in _TRUNKS
        if digits.startswith(trunk) and len(digits) == length
    }
    roots = _by_keys(Scheme.PHONE, keys) | _ending_with(national)
    if one and is_international:
        return Found("number", _number_in_words(one.value), roots)
    return Found("number", f"a number that is or ends with {national}", roots)


def _by_last_digits(digits: str) -> Found:
    if len(digits) < _FEWEST_DIGITS:
        return Found("nothing", f"fewer than {_FEWEST_DIGITS} digits, which would find too many people")
    return Found("last digits", f"the last digits of a number, {digits}", _ending_with(digits))


def _by_keys(scheme: str, keys: Iterable[str]) -> frozenset[int]:
    identities = Identity.objects.filter(match_key__in=sorted(keys), scheme=scheme)
    # Two questions, because there is an index for live identities and another for ended ones.
    live = identities.filter(ended_at=None).values_list("root_id", flat=True)
    ended = identities.filter(~Q(ended_at=None)).values_list("root_id", flat=True)
    return frozenset([*live[:MOST_PEOPLE], *ended[:MOST_PEOPLE]])


def _ending_with(digits: str) -> frozenset[int]:
    identities = Identity.objects.filter(scheme=Scheme.PHONE, last4=digits[-4:], value__endswith=digits)
    return frozenset(identities.values_list("root_id", flat=True)[:MOST_PEOPLE])


def _number_in_words(value: str) -> str:
    """For example "the number +1 202-555-0143 (US)"."""
    try:
        spelled = phonenumbers.format_number(phonenumbers.parse(value), phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    except phonenumbers.NumberParseException:
        spelled = value
    country = country_of_phone(value)
    return f"the number {spelled} ({country})" if country else f"the number {spelled}"
