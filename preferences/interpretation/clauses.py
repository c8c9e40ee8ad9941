"""A text cut into clauses: without what the person did not write, at the ends of sentences, at commas, at emoji."""

from __future__ import annotations

import re
from typing import NamedTuple

from preferences.interpretation import normalisation

_LONGEST_CLAUSE = 6_000
LONGEST_READ = 2_000
"""Characters of a message of which surely every clause is read. Of longer ones only so many, and their words alone after."""
_MOST_CLAUSES = 200

_SENTENCE_END = re.compile(r"[.!?…;|\n\r。！？؟।॥։።፧។៕။⋯]+|\s[-–—]+\s|[\U0001F300-\U0001FAFF\u2600-\u27BF]+")
_CLAUSE_END = re.compile(r"[,，、،؛:：()（）/၊፣]+")
# Possessive and bounded everywhere: the time stays linear whatever is written.
_QUOTED = re.compile(r"“[^”\n]{1,300}+”|«[^»\n]{1,300}+»|„[^“”\n]{1,300}+[“”]|「[^」\n]{1,300}+」|\"[^\"\n]{1,300}+\"")
_QUOTE = re.compile('[“«„「"]')
_QUOTED_LINE = re.compile(r"^[ \t]{0,20}+>.*$", re.MULTILINE)
_END_OF_LETTER = re.compile(
    r"^[ \t]{0,20}+(?:-{2,20}+[ \t]*+$|_{4,}+|-{3,20}+ ?(?:original|forwarded)"
    r"|(?:sent|envoyé|enviado|gesendet|inviato|verzonden|отправлено) (?:from|de|desde|von|da|met|vanaf|mit|meinem|с)\b.{0,60}$"
    r"|get outlook for\b.{0,60}$|on .{6,80} wrote:$)",
    re.IGNORECASE | re.MULTILINE,
)


class Clause(NamedTuple):
    """A part of a sentence: its words as compared, and the sentence it belongs to."""

    words: tuple[str, ...]
    sentence: int


def own_text(text: str) -> str:
    """The text without what the person did not write: quoted lines, a signature's "Sent from my phone"."""
    if "\n" not in text and ">" not in text:
        return text
    kept = _QUOTED_LINE.sub("", text)
    end = _END_OF_LETTER.search(kept)
    return (kept[: end.start()] if end else kept).strip() or text


def clauses_of(text: str) -> list[Clause]:
    """The clauses of a text in their order, at most so many. What stands in quotation marks is left out."""
    if _QUOTE.search(text) and not _QUOTED.fullmatch(text.strip()):
        text = _QUOTED.sub(" … ", text)
    clauses: list[Clause] = []
    for number, sentence in enumerate(_SENTENCE_END.split(text)):
        for part in _CLAUSE_END.split(sentence):
            words = normalisation.tokens(normalisation.normalise(part[:_LONGEST_CLAUSE]))
            if words:
                clauses.append(Clause(tuple(words), number))
            if len(clauses) >= _MOST_CLAUSES:
                return clauses
    return clauses
