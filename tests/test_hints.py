"""The country of a number as a hint which language a short word is in."""

from __future__ import annotations

import pytest

from preferences.inbox import hints
from preferences.interpretation.lexicon import LEXICON
from preferences.interpretation.observations import Person
from preferences.models import Reply
from tests import bodies
from tests.conftest import SAMPLE_TIME

TANZANIA, INDIA, BRITAIN = "+255712345678", "+919876543210", "+447700900123"


@pytest.mark.parametrize(
    ("person", "language"),
    [
        (Person(phone=TANZANIA), "sw"),
        (Person(phone="+254712345678"), "sw"),
        (Person(phone="+18095550143"), "es"),
        (Person(bsuid="KE.1349"), "sw"),
        (Person(phone=INDIA), ""),
        (Person(phone="+41791234567"), ""),
        (Person(email="alice@example.com"), ""),
        (Person(), ""),
    ],
)
def test_it_knows_the_language_of_a_country_that_has_one(person: Person, language: str) -> None:
    assert hints.language_of(person) == language


def test_it_hints_only_at_languages_with_keywords() -> None:
    assert {
        hints.language_of_country(country) for country in ("TZ", "ZW", "ET", "NO", "PH", "DO")
    } <= LEXICON.names.keys()
    assert hints.language_of_country("") == ""


@pytest.mark.parametrize(
    ("phone", "text", "intent", "language"),
    [
        (TANZANIA, "ACHA", "opt_out", "sw"),
        (INDIA, "acha", "none", ""),
        (BRITAIN, "acha", "none", ""),
        ("+263712345678", "Mira", "opt_out", "sn"),
        ("+34612345678", "mira", "none", ""),
        (TANZANIA, "please stop by on Tuesday", "none", "en"),
        (TANZANIA, "ARRET", "opt_out", "fr"),
        (TANZANIA, "STOP", "opt_out", ""),
    ],
)
def test_it_reads_a_shared_word_as_where_the_number_is_from(acme, receive, phone, text, intent, language) -> None:
    receive(bodies.message(text, at=SAMPLE_TIME, phone=phone), now=SAMPLE_TIME)

    reply = Reply.objects.get()
    assert (reply.intent, reply.language) == (intent, language)
