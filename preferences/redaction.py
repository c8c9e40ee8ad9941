"""Cuts personal data and secrets out of text: out of what is logged or stored as an error (`redact`), and out of what a
person wrote, so that it can be kept to work on the rules (`minimise`). Pure."""

from __future__ import annotations

import re

# Seven digits or more, with or without separators, are a phone number until proven otherwise.
_NUMBERS = re.compile(r"\+?\d[\d ().-]{5,}\d")
_SECRETS = re.compile(
    r"(?:optout_[0-9a-f]{8}_|Api-Key |Bearer |sha256=)[\w=+/.-]+|\b[A-Z]{2}\.(?:ENT\.)?\w{6,}|wamid\.[\w=+/-]+|/p/[\w:.-]+"
    r"|[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]+(?:\.[\w-]+)+"
)

LONGEST_MINIMISED = 500
#: So much is looked at: more than is kept, since marks can be shorter than what they stand for.
_LOOKED_AT, _LAST_WORD = 4_000, 400

#: What stands between two digits of one number: spaces, dots, brackets, slashes, dashes, and signs nobody sees.
_BETWEEN = r"[\s().,/\-‐-―−·\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]{0,4}"
_MARKS = re.compile(
    rf"""
    (?P<link>  \b[a-z][a-z0-9+.-]{{1,15}}://\S+ | \bwww\.\S+ | \b(?:mailto|tel|sms):\S+ )
  | (?P<email> [^\s@＠<>,;:()"]{{1,64}} [@＠] [^\s@＠<>,;:()"]{{1,200}} [.．。] [^\W\d_]{{2,}} )
  | (?P<site>  (?<![\w@.-]) (?:[\w-]{{1,63}}\.){{1,6}} (?: [^\W\d_]{{2,24}} [/?\#] \S*
               | (?: com|net|org|info|biz|app|dev|shop|store|online|site|xyz|link|gle|example|test )\b ) )
  | (?P<name>  (?<!\w) [@＠] [\w.]{{2,}} )
  | (?P<id>    \bwamid\.\S+ | (?-i: \b[A-Z]{{2}}\.(?:ENT\.)?(?=\w*\d)\w{{6,}} ) )
  | (?P<account> (?-i: \b[A-Z]{{2}}\d{{2}} (?: [ ]?[A-Z0-9]{{4}} ){{3,7}} (?: [ ]?[A-Z0-9]{{1,4}} )? \b )
               | \b[a-z]{{2}}\d{{2}}[a-z0-9]{{11,30}}\b )
  | (?P<code>  \b (?=[\w-]*[^\W\d_]) (?=(?:[\w-]*?\d){{4}}) [\w-]{{5,}} )
  | (?P<number> [+＋]? \d (?: {_BETWEEN}\d ){{4,}} )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MARK_OF = {"site": "link", "code": "number"}
#: What may be the first half of a number or an address where a text was cut, or of a mark.
_CUT_OFF = re.compile(r"(?:[\d\s().,/+-]+|\S{1,300})\Z")
_HALF_A_MARK = re.compile(r"<[a-z]{0,7}\Z")


def redact(text: str) -> str:
    """`text` with phone numbers, user ids, e-mail addresses, message ids, keys and tokens replaced by `[cut]`."""
    return _NUMBERS.sub("[cut]", _SECRETS.sub("[cut]", text))


def minimise(text: str) -> str:
    """What somebody wrote, without what may name them or lead to them: at most 500 characters.

    Links, e-mail addresses, @names, message and user ids, account numbers, and whatever has five digits in a row or four
    among letters (phone and card numbers, orders, dates) become marks such as `<number>`. What is left are words: names
    that somebody spells out stay.
    """
    looked_at = text
    if len(text) > _LOOKED_AT:
        start = _LOOKED_AT - _LAST_WORD
        looked_at = text[:start] + _CUT_OFF.sub("", text[start:_LOOKED_AT])
    marked = _MARKS.sub(_mark, looked_at).strip()
    if len(marked) <= LONGEST_MINIMISED:
        return marked
    return _HALF_A_MARK.sub("", marked[:LONGEST_MINIMISED]).rstrip()


def _mark(found: re.Match[str]) -> str:
    kind = found.lastgroup or ""
    return f"<{_MARK_OF.get(kind, kind)}>"
