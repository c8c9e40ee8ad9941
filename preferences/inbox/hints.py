"""Which language a person probably writes, told by the country of their number: a hint for words that several languages share.

Countries in which many write another language than most are left out.
"""

from __future__ import annotations

from preferences.decisions.answers import COUNTRY_LANGUAGES
from preferences.identifiers import country_of_bsuid, country_of_phone
from preferences.interpretation.observations import Person

#: Beside those of the countries that are answered in their language.
_MORE = {
    "AL": "sq", "AM": "hy", "AO": "pt", "AU": "en", "AZ": "az", "BG": "bg", "BI": "rw", "BY": "ru", "CD": "fr", "CI": "fr",
    "CV": "pt", "CZ": "cs", "DK": "da", "EE": "et", "ET": "am", "FI": "fi", "GB": "en", "GE": "ka", "HR": "hr", "HT": "ht",
    "HU": "hu", "IE": "en", "IS": "is", "JM": "en", "KG": "ky", "KH": "km", "KZ": "ru", "LA": "lo", "LK": "si", "LS": "st",
    "LT": "lt", "LV": "lv", "MG": "mg", "MK": "mk", "MM": "my", "MN": "mn", "MT": "mt", "MW": "ny", "MZ": "pt", "NO": "nb",
    "NP": "ne", "NZ": "en", "PH": "fil", "PS": "ar", "RS": "sr", "RW": "rw", "SD": "ar", "SI": "sl", "SK": "sk", "SN": "fr",
    "SO": "so", "SY": "ar", "TJ": "tg", "TM": "tk", "US": "en", "UZ": "uz", "XK": "sq", "ZW": "sn",
}  # fmt: skip
_SEVERAL = frozenset({"CH", "MD", "MY"})
_LANGUAGES = {country: code for country, code in (COUNTRY_LANGUAGES | _MORE).items() if country not in _SEVERAL}


def language_of(person: Person) -> str:
    """The language most people write where the person's number is from, "" where that is not known or there are several."""
    return language_of_country(country_of_phone(person.phone or "") or country_of_bsuid(person.bsuid or ""))


def language_of_country(country: str) -> str:
    return _LANGUAGES.get(country, "")
