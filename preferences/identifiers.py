"""How people are addressed: E.164 numbers, WhatsApp user ids (BSUID) and e-mail addresses, as plain strings.

Pure functions on text; who a string belongs to is the models' business, and nothing here asks a network or a database.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Literal, NamedTuple

import phonenumbers

Scheme = Literal["phone", "bsuid", "parent_bsuid", "email"]

_LONGEST_RECIPIENT = 320
_E164 = re.compile(r"\+?([1-9][0-9]{6,14})")
_BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
_NOT_IN_EMAIL = r"@\s\x00-\x1f\x7f-\x9f\ud800-\udfff\"(),:;<>\[\]\\"
_EMAIL = re.compile(rf"[^{_NOT_IN_EMAIL}]{{1,64}}@(?:[^.{_NOT_IN_EMAIL}]+\.)+[^.{_NOT_IN_EMAIL}]+")
_WHATSAPP_PREFIX = re.compile(r"whatsapp:\s*", re.IGNORECASE)

# What people write between digits, and the invisible direction marks that phones add when a contact is copied.
_SEPARATORS = " \t\u00a0\u2007\u2009\u202f-\u2010\u2011\u2012\u2013\u2014\u2212().·/"
_MARKS = "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
_WITHOUT_SEPARATORS = {**dict.fromkeys(map(ord, _SEPARATORS)), ord("＋"): "+"}
_WITHOUT_MARKS = dict.fromkeys(map(ord, _MARKS))

# WhatsApp itself mixes two spellings of one line in these three countries (calling code, then what it adds or drops).
# https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages (2026-09)
_FOLDED_COUNTRIES = ("+52", "+54", "+55")
# Only mobile lines got the ninth digit, and theirs began with 6 to 9 before it.
_BRAZIL_WITH_NINE = re.compile(r"\+55([0-9]{2})9([6-9][0-9]{7})")
_MEXICO_WITH_ONE = re.compile(r"\+521([0-9]{10})")
_ARGENTINA_WITH_NINE = re.compile(r"\+549([0-9]{10})")

_REGIONS: dict[int, tuple[str, ...]] = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
_NO_COUNTRY = "001"
_HIDDEN = "••••"


class Identifier(NamedTuple):
    """One address of a person: `value` is how it is shown and sent to, `match_key` how it is found."""

    scheme: Scheme
    value: str
    match_key: str


def parse_recipient(text: str) -> Identifier | None:
    """Return what `text` addresses, or None if it addresses nobody.

    Digits without `+` are read as an international number: `2025550143` is Egypt, not Washington.
    """
    plain = _E164.fullmatch(text)
    if plain:
        return _phone(plain[1])
    if len(text) > _LONGEST_RECIPIENT:
        return None
    text = text.translate(_WITHOUT_MARKS).strip()
    if "@" in text:
        return _email(text)
    prefix = _WHATSAPP_PREFIX.match(text)
    if prefix:
        text = text[prefix.end() :]
    user = _BSUID.fullmatch(text)
    if user:
        return Identifier("parent_bsuid" if user[1] else "bsuid", text, text)
    spelled = _E164.fullmatch(_without_spelling(text))
    return _phone(spelled[1]) if spelled else None


def match_key(scheme: str, value: str) -> str:
    """Return the one key under which every spelling of the same line is found; a key is its own key."""
    if scheme == "email":
        return value.casefold()
    if scheme != "phone" or not value.startswith(_FOLDED_COUNTRIES):
        return value
    if brazil := _BRAZIL_WITH_NINE.fullmatch(value):
        return f"+55{brazil[1]}{brazil[2]}"
    if mexico := _MEXICO_WITH_ONE.fullmatch(value):
        return f"+52{mexico[1]}"
    if argentina := _ARGENTINA_WITH_NINE.fullmatch(value):
        return f"+54{argentina[1]}"
    return value


def spellings(phone: str) -> tuple[str, ...]:
    """Return every way to write the line of `phone` (E.164), its match key first."""
    key = match_key("phone", phone)
    country, national = key[:3], key[3:]
    if len(national) != 10 or country not in _FOLDED_COUNTRIES:
        return (key,)
    if country == "+55":
        if national[2] < "6":
            return (key,)
        return (key, f"+55{national[:2]}9{national[2:]}")
    return (key, f"+521{national}" if country == "+52" else f"+549{national}")


def phone_from_wa_id(wa_id: str) -> str | None:
    """Return the E.164 number of a WhatsApp id (`12025550143`, a leading `+` is allowed), or None if it is none."""
    digits = wa_id[1:] if wa_id[:1] == "+" else wa_id
    if 7 <= len(digits) <= 15 and digits.isascii() and digits.isdigit() and digits[0] != "0":
        return "+" + digits
    return None


def country_of_phone(e164: str) -> str:
    """Return the ISO alpha-2 country of a number, or "" if it has none.

    In a shared calling code (+1, +7, +44 …) a number nobody has been given counts for the code's main country.
    """
    phone = phone_from_wa_id(e164)
    code = _calling_code(phone) if phone else ""
    if phone is None or not code:
        return ""
    regions = _REGIONS[int(code)]
    region = regions[0] if len(regions) == 1 else _region_in_shared_code(code, phone[1 + len(code) :]) or regions[0]
    return "" if region == _NO_COUNTRY else region


def country_of_bsuid(bsuid: str) -> str:
    """Return the ISO alpha-2 country a WhatsApp user id begins with, or "" if it is no such id."""
    return bsuid[:2] if _BSUID.fullmatch(bsuid) else ""


def mask(value: str) -> str:
    """Return `value` so that staff recognise it and nobody can use it; never more than the last four digits."""
    if "@" in value:
        local, _, domain = value.rpartition("@")
        return f"{local[:1] if len(local) > 1 else ''}•••@{domain}"
    if _E164.fullmatch(value) and value[0] == "+":
        code = _calling_code(value)
        return f"+{f'{code} ' if code else ''}••• ••• {_tail(value[1 + len(code) :])}"
    if user := _BSUID.fullmatch(value):
        head = f"{value[:3]}{user[1] or ''}"
        return f"{head}{_HIDDEN}{_tail(value[len(head) :])}"
    return f"{_HIDDEN}{_tail(value)}"


def digest(provider_id: str) -> bytes:
    """Return the SHA-256 of a provider's message id: these ids contain the phone number, so only this is kept."""
    return hashlib.sha256(provider_id.encode("utf-8", "surrogatepass")).digest()


def _phone(digits: str) -> Identifier:
    value = "+" + digits
    return Identifier("phone", value, match_key("phone", value))


def _email(text: str) -> Identifier | None:
    address = text.casefold()
    if len(address) > 254 or not _EMAIL.fullmatch(address):
        return None
    return Identifier("email", address, address)


def _without_spelling(text: str) -> str:
    """Return `text` with an international prefix as `+`, ASCII digits and nothing between them."""
    if "(0)" in text:
        # The trunk zero of "+44 (0)20 …" is not dialled from abroad, except in Italy, where it belongs to the number.
        text = text.replace("(0)", "0" if text.lstrip("(+0 ").startswith("39") else "", 1)
    if not text.isascii():
        text = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)
    text = text.translate(_WITHOUT_SEPARATORS)
    return "+" + text[2:] if text.startswith("00") else text


def _calling_code(phone: str) -> str:
    """Return the calling code of an E.164 number; no code begins with another one."""
    for length in (1, 2, 3):
        code = phone[1 : 1 + length]
        if int(code) in _REGIONS:
            return code
    return ""


def _region_in_shared_code(code: str, national: str) -> str | None:
    zeros = len(national) - len(national.lstrip("0"))
    number = phonenumbers.PhoneNumber(
        country_code=int(code),
        national_number=int(national),
        italian_leading_zero=bool(zeros),
        number_of_leading_zeros=zeros or None,
    )
    region: str | None = phonenumbers.region_code_for_number(number)
    return region


def _tail(secret: str) -> str:
    """Return the last four characters, fewer where fewer than three would stay hidden."""
    shown = min(4, max(len(secret) - 3, 0))
    return secret[len(secret) - shown :]
