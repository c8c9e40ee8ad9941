"""The parts that read sentences: entries with stars and gaps, clauses, disguised words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preferences.interpretation import IntentValue, classify, lexicon
from preferences.interpretation.clauses import clauses_of, own_text
from preferences.interpretation.spelling import Spelling
from preferences.interpretation.vocabulary import CONCEPTS, Vocabulary

lexicon.spelling()  # read once, so that no example waits for it
KNOWN = {"stop", "unsubscribe", "cancel", "cancer", "terminar", "messages", "all", "стоп"}


def vocabulary(**entries: list[str]) -> Vocabulary:
    found = Vocabulary()
    found.add_language("xx", [(concept, text) for concept, texts in entries.items() for text in texts], spaces=True)
    return found


def concepts(words: Vocabulary, text: str) -> list[tuple[str, str]]:
    """What stands for what: each hit's words and concepts."""
    units = text.split()
    atoms = [words[unit].atoms or (unit,) for unit in units]
    return [
        (" ".join(units[hit.start : hit.end]), "+".join(sorted(hit.concepts)))
        for hit in words.languages["xx"].hits(atoms)
    ]


@pytest.mark.parametrize(
    ("entries", "text", "found"),
    [
        ({"stop": ["halt"]}, "please halt now", [("halt", "stop")]),
        ({"send": ["send*"]}, "sending sends send resend", [("sending", "send"), ("sends", "send"), ("send", "send")]),
        ({"send": ["*send*"]}, "resending", [("resending", "send")]),
        ({"send": ["*sending"]}, "resending resendings", [("resending", "send")]),
        ({"stop": ["bus"], "everyday": ["bus stop"]}, "the bus stop", [("bus stop", "everyday")]),
        ({"send": ["text"], "messages": ["text"]}, "text", [("text", "messages+send")]),
        ({"remove": ["take … off"], "me": ["me"]}, "take me off", [("take me off", "remove"), ("me", "me")]),
        ({"remove": ["take … off"]}, "take a b c off", [("take a b c off", "remove")]),
        ({"remove": ["take … off"]}, "take a b c d off", []),
    ],
)
def test_it_finds_the_longest_entry_at_each_place(entries, text, found) -> None:
    assert concepts(vocabulary(**entries), text) == found


def test_it_knows_every_list_by_what_it_means() -> None:
    assert all(CONCEPTS.values())


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Stop. Now!", [("stop",), ("now",)]),
        ("no, stop", [("no",), ("stop",)]),
        ("stop\nMaria", [("stop",), ("maria",)]),
        ("stop 🙏 please", [("stop",), ("please",)]),
        ("opt-out - now", [("opt", "out"), ("now",)]),
        ("he said “stop it” twice", [("he", "said"), ("twice",)]),
        ("“stop it”", [("stop", "it")]),
        ("توقف، من فضلك؟ لا", [("توقف",), ("من", "فضلك"), ("لا",)]),
        ("रुको। अभी", [("रुको",), ("अभी",)]),
        ("Ինչպե՞ս հրաժարվել", [("ինչպես", "հրաժարվել")]),
        ("...", []),
    ],
)
def test_it_cuts_a_message_into_clauses(text: str, clauses: list[tuple[str, ...]]) -> None:
    assert [clause.words for clause in clauses_of(text)] == clauses


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("STOP", "STOP"),
        ("STOP\n\nSent from my iPhone", "STOP"),
        ("STOP\n-- \nMaria López\nSales", "STOP"),
        ("STOP\nGesendet von Outlook für Android", "STOP"),
        ("STOP\nOn Mon, 3 Mar 2025 at 10:00 Acme <a@acme.example> wrote:\n> Sale!", "STOP"),
        ("> Reply STOP to end\nok", "ok"),
        ("> all of it quoted", "> all of it quoted"),
        ("a > b", "a > b"),
    ],
)
def test_it_leaves_out_what_the_person_did_not_write(text: str, own: str) -> None:
    assert own_text(text) == own


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("stop", "stop"),
        ("st0p", "stop"),
        ("5top", "stop"),
        ("stoooop", "stop"),
        ("ssttoopp", "stop"),
        ("ѕtоp", "stop"),
        ("ctoп", "стоп"),
        ("unsuscribe", "unsubscribe"),
        ("unsubscribbe", "unsubscribe"),
        ("unsubsrcibe", "unsubscribe"),
        ("unsubscrib", "unsubscribe"),
        ("cancle", "cancel"),
        ("cancer", "cancer"),
        ("cancels", "cancels"),
        ("concel", "cancel"),
        ("dancel", "dancel"),
        ("terminal", "terminal"),
        ("terminas", "terminas"),
        ("step", "step"),
        ("shop", "shop"),
        ("2024", "2024"),
        ("", ""),
    ],
)
def test_it_looks_through_disguises_and_slips_but_not_at_other_words(written: str, read: str) -> None:
    assert Spelling(KNOWN, KNOWN).read(written) == read


@given(st.text(max_size=80))
def test_it_never_changes_a_known_word_and_reads_only_known_ones(word: str) -> None:
    spelling = Spelling(KNOWN, KNOWN)

    assert spelling.read(word) in KNOWN | {word}
    assert spelling.read(spelling.read(word)) == spelling.read(word)


@given(
    st.lists(st.sampled_from(["stop", "don't", "send", "me", "messages", ",", ".", "order", "if", "“", "”", ">", "\n"]))
)
def test_it_never_opts_in_by_a_sentence(words: list[str]) -> None:
    assert classify(" ".join(words)).intent is not IntentValue.OPT_IN
