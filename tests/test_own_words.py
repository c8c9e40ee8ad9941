"""A brand's own words: what is accepted, who publishes, how the newest replies would be judged, and real webhooks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from preferences import own_words
from preferences.encryption import seal
from preferences.identifiers import digest
from preferences.interpretation import KEYWORDS_VERSION, NO_OWN_WORDS, OwnWord, OwnWords, classify
from preferences.interpretation.everyday import everyday_language
from preferences.models import (
    Brand,
    BrandWords,
    ConsentEvent,
    PolicyVersion,
    Portfolio,
    Reply,
    Sender,
    Subscriber,
    User,
)
from preferences.own_words import WordsRefusedError
from tests import bodies
from tests.conftest import SAMPLE_TIME

NOW = SAMPLE_TIME + dt.timedelta(days=1)
FISH = OwnWord("it", "opt_out", "pesce palla")


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", is_staff=True)


@pytest.fixture
def ben(db: None) -> User:
    return User.objects.create_user("ben", is_staff=True)


@pytest.fixture
def publish(acme: Brand, ann: User, ben: User):
    """Words of Acme, written by Ann and published by Ben."""

    def run(*words: OwnWord, brand: Brand = acme) -> BrandWords:
        version = own_words.write(brand, words, note="", author=ann, now=NOW)
        own_words.publish(version, publisher=ben, now=NOW)
        return version

    return run


@pytest.fixture
def replied(acme: Brand):
    """So many stored replies to Acme that say this."""

    def run(said: str, times: int = 1, *, intent: str = "none", sender: Sender | None = None, **more: Any) -> None:
        somebody, _ = Subscriber.objects.get_or_create(pk=1, defaults={"root_id": 1})
        first = Reply.objects.count()
        Reply.objects.bulk_create(
            Reply(**{
                "digest": digest(f"wamid.{first + number}"), "subscriber": somebody, "kind": "text", "rule": "text/none",
                "sender": sender or Sender.objects.get(brand=acme), "text": seal("reply", said.encode()), "intent": intent,
                "confidence": 1, "topic": "marketing", "sent_at": SAMPLE_TIME, "received_at": SAMPLE_TIME,
                "processed_at": SAMPLE_TIME, "inbox_entry": 0, **more,
            })
            for number in range(times)
        )  # fmt: skip

    return run


def complaints(*words: OwnWord, known: tuple[OwnWord, ...] = (), past: Any = ()) -> str:
    return " ".join(own_words.check(words, known=known, past=past))


# What is accepted -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (OwnWord("en", "opt_out", ""), "has no letters"),
        (OwnWord("en", "opt_out", "!!! 🎉"), "has no letters"),
        (OwnWord("en", "opt_out", "x" * 41), "has 41 characters, and 40 are compared"),
        (OwnWord("xx", "opt_out", "pesce palla"), "does not know the language “xx”"),
        (OwnWord("en", "courtesy", "be so good"), "choose opt-out, opt-in or help"),
        (OwnWord("en", "opt_out", "12 34"), "is a number"),
        (OwnWord("en", "opt_out", "Q"), "is a single character"),
        (OwnWord("zh", "opt_out", "拒"), "is a single character"),
        (OwnWord("en", "opt_out", "Price?"), "is an everyday word in English"),
        (OwnWord("de", "opt_out", "Nein"), "is an everyday word in German"),
        (OwnWord("en", "help", "ok thanks"), "is an everyday word in"),
        (OwnWord("en", "opt_in", "Yes, please!"), "is an everyday word in"),
        (OwnWord("en", "opt_out", "Stop"), "is built in already, as an opt-out in "),
        (OwnWord("en", "opt_out", "stop all messages"), "is built in already, as an opt-out of all messages in English"),
        (OwnWord("de", "help", "STOPP"), "is built in as an opt-out in "),
        (OwnWord("en", "opt_in", "Stop all messages"), "Built-in words keep their meaning"),
        (OwnWord("en", "opt_out", "start"), "is built in as an opt-in in "),
        (OwnWord("en", "opt_out", "stop messages please"), "is understood already."),
        (OwnWord("en", "help", "don't stop the music"), "contains “stop”, with which people ask to stop"),
        (OwnWord("en", "help", "🛑 blue parrot"), "reads as a wish to stop, so it can only mean an opt-out"),
        (OwnWord("zh", "help", "怎么退订"), "contains “退订”, with which people ask to stop"),
        (OwnWord("en", "opt_in", "unsubscribe nobody"), "so it can only mean an opt-out"),
    ],
)  # fmt: skip
def test_it_says_why_a_word_cannot_be_added(word: OwnWord, reason: str) -> None:
    assert reason in complaints(word)


@pytest.mark.parametrize(
    "word",
    [FISH, OwnWord("en", "opt_out", "parrot time"), OwnWord("en", "help", "agent"), OwnWord("en", "opt_in", "deals on"),
     OwnWord("zh", "opt_out", "蓝鹦鹉"), OwnWord("ar", "opt_out", "ببغاء أزرق"), OwnWord("en", "opt_out", "x" * 40)],
)  # fmt: skip
def test_it_accepts_a_word_nobody_else_has(word: OwnWord) -> None:
    assert complaints(word) == ""


def test_it_takes_two_hundred_words_and_no_more() -> None:
    words = [OwnWord("en", "opt_out", f"wording {number}") for number in range(201)]

    assert complaints(*words[:200]) == ""
    assert complaints(*words) == "These are 201 words, and a brand may have 200. Remove 1."


def test_it_refuses_two_meanings_of_one_spelling() -> None:
    wrong = complaints(FISH, OwnWord("es", "help", "Pesce  PALLA!"))

    assert "“Pesce  PALLA!” stands under opt-out (Italian) and under help (Spanish)." in wrong
    assert complaints(FISH, FISH._replace(language="es")) == ""


def test_it_leaves_words_alone_that_are_in_force() -> None:
    assert complaints(OwnWord("en", "opt_out", "stop"), known=(OwnWord("en", "opt_out", "stop"),)) == ""


def test_it_knows_no_everyday_word_that_a_built_in_word_is() -> None:
    for keyword in ("stop", "unsubscribe", "baja", "退订", "start", "help"):
        assert everyday_language(keyword) == ""
    assert (everyday_language("quanto costa"), everyday_language("merci")) == ("Italian", "French")


@pytest.mark.parametrize(
    ("times", "others", "is_refused"), [(4, 0, False), (5, 0, True), (5, 995, False), (6, 994, True)]
)
def test_it_refuses_what_stands_in_everyday_replies(acme, replied, times: int, others: int, is_refused: bool) -> None:
    replied("When does the blue parrot open?", times)
    replied("a question", others)
    replied("blue parrot", 20, intent="opt_out")

    wrong = complaints(OwnWord("en", "opt_out", "Blue parrot"), past=own_words.newest_replies(acme))

    expected = f"“Blue parrot” stands in {times} of the {times + others:,} newest replies that asked for nothing."
    assert (expected in wrong) is is_refused


def test_it_counts_whole_words_and_scripts_without_spaces(acme, replied) -> None:
    replied("parrots", 9)
    replied("请问蓝鹦鹉在哪里", 9)
    past = own_words.newest_replies(acme)

    assert complaints(OwnWord("en", "opt_out", "parrot"), past=past) == ""
    assert "stands in 9 of the 18" in complaints(OwnWord("zh", "opt_out", "蓝鹦鹉"), past=past)


# Versions ---------------------------------------------------------------------------------------------------------------


def test_it_keeps_words_tidy_and_in_order(acme, ann) -> None:
    words = [OwnWord("it", "opt_out", "  pesce   palla "), OwnWord("en", "help", "agent"), FISH]

    version = own_words.write(acme, words, note=" asked by the shop ", author=ann, now=NOW)

    assert own_words.words_of(version) == (OwnWord("en", "help", "agent"), FISH)
    assert (version.number, version.note, version.created_by, version.published_at) == (
        1,
        "asked by the shop",
        ann,
        None,
    )
    assert own_words.in_force(acme) is None


def test_it_lets_one_person_publish_what_tightens(acme, ann) -> None:
    version = own_words.write(acme, [FISH, OwnWord("en", "help", "agent")], note="", author=ann, now=NOW)

    own_words.publish(version, publisher=ann, now=NOW)

    assert own_words.in_force(acme) == version


@pytest.mark.parametrize(
    "words",
    [[FISH, OwnWord("en", "opt_in", "deals on")], [], [FISH._replace(meaning="help")]],
)
def test_it_wants_a_second_person_for_what_loosens(acme, ann, ben, publish, words: list[OwnWord]) -> None:
    publish(FISH)
    version = own_words.write(acme, words, note="", author=ann, now=NOW)

    with pytest.raises(WordsRefusedError, match="somebody else must publish it"):
        own_words.publish(version, publisher=ann, now=NOW)
    own_words.publish(version, publisher=ben, now=NOW)

    assert own_words.in_force(acme) == version


def test_it_lets_one_person_loosen_under_the_solo_policy(acme, ann, publish) -> None:
    PolicyVersion.objects.create(brand=acme, number=2, approvals="solo")
    version = own_words.write(acme, [OwnWord("en", "opt_in", "deals on")], note="", author=ann, now=NOW)

    own_words.publish(version, publisher=ann, now=NOW)

    assert own_words.in_force(acme) == version


def test_it_knows_that_another_language_loosens_nothing() -> None:
    assert not own_words.difference([FISH], [FISH._replace(language="es")]).loosens
    assert not own_words.difference([OwnWord("en", "opt_in", "deals on")], []).loosens


def test_it_publishes_only_the_newest_version_once(acme, ann, publish) -> None:
    old = own_words.write(acme, [FISH], note="", author=ann, now=NOW)
    new = publish(OwnWord("en", "help", "agent"))

    with pytest.raises(WordsRefusedError, match="A newer version was written"):
        own_words.publish(old, publisher=ann, now=NOW)
    with pytest.raises(WordsRefusedError, match="is published already"):
        own_words.publish(new, publisher=ann, now=NOW)
    with pytest.raises(WordsRefusedError, match="These are the words of the newest version already"):
        own_words.write(acme, own_words.words_of(new), note="", author=ann, now=NOW)


def test_it_checks_again_when_a_version_is_published(acme, ann, replied) -> None:
    version = own_words.write(acme, [OwnWord("en", "opt_out", "blue parrot")], note="", author=ann, now=NOW)
    replied("the blue parrot", 5)

    with pytest.raises(WordsRefusedError, match="stands in 5 of the 5 newest replies"):
        own_words.publish(version, publisher=ann, now=NOW)


def test_it_writes_no_word_that_is_refused(acme, ann) -> None:
    with pytest.raises(WordsRefusedError, match="built in already"):
        own_words.write(acme, [OwnWord("en", "opt_out", "stop")], note="", author=ann, now=NOW)

    assert not BrandWords.objects.exists()


def test_it_loads_the_words_of_many_brands_in_one_query(acme, publish, django_assert_num_queries) -> None:
    other = Brand.objects.create(controller=acme.controller, slug="other", name="Other")
    publish(FISH)
    publish(OwnWord("en", "help", "agent"), brand=other)

    with django_assert_num_queries(1):
        found = own_words.own_words_of({acme.pk, other.pk})
    with django_assert_num_queries(0):
        assert own_words.own_words_of([]) == {}

    assert {pk: words.version for pk, words in found.items()} == {
        acme.pk: f"{KEYWORDS_VERSION[:7]}w1",
        other.pk: f"{KEYWORDS_VERSION[:7]}w1",
    }
    assert own_words.own_words_of([acme.pk])[acme.pk] is found[acme.pk]


def test_it_goes_on_without_a_word_it_can_no_longer_compare(acme) -> None:
    stored = [{"language": "en", "meaning": "opt_out", "spelling": "!"}, FISH._asdict()]
    BrandWords.objects.create(brand=acme, number=1, words=stored, published_at=NOW)

    words = own_words.own_words_of([acme.pk])[acme.pk]

    assert classify("pesce palla", own_words=words).intent == "opt_out"


# The back-test ----------------------------------------------------------------------------------------------------------


def test_it_tells_which_replies_would_change(acme, replied) -> None:
    replied("pesce palla", 3)
    replied("vorrei mangiare il pesce palla blu")
    replied("STOP", 2, intent="opt_out")
    replied("hello", 4)

    past = own_words.newest_replies(acme)
    found = own_words.compare(past, before=NO_OWN_WORDS, after=OwnWords.of(1, [FISH]))

    assert found.moves == [("none", "opt_out", 3), ("none", "review", 1)]
    assert (found.total, found.same, len(found.changed)) == (10, 6, 4)
    assert found.changed[0].past.text == "vorrei mangiare il pesce palla blu"


def test_it_reads_typed_replies_to_this_brand_alone_in_one_query(acme, replied, django_assert_num_queries) -> None:
    stranger = Sender.objects.create(portfolio=Portfolio.objects.get(), provider="whatsapp", key="3")
    replied("first")
    replied("of another sender", sender=stranger)
    replied("a label", kind="reply_button")
    replied("of no key", text=b"\x01\x01x" + bytes(40))
    replied("gone", text=b"")
    replied("last", kind="caption")

    with django_assert_num_queries(1):
        assert [one.text for one in own_words.newest_replies(acme)] == ["last", "first"]
    assert [one.text for one in own_words.newest_replies(acme, 1)] == ["last"]


def test_it_has_nothing_to_compare_for_a_new_brand(acme) -> None:
    found = own_words.compare(own_words.newest_replies(acme), before=NO_OWN_WORDS, after=OwnWords.of(1, [FISH]))

    assert (found.total, found.moves, found.changed) == (0, [], [])


# Real webhooks ----------------------------------------------------------------------------------------------------------


def test_it_turns_a_brands_own_word_into_do_not_send(acme, publish, says, ask) -> None:
    publish(FISH)

    says("Pesce palla!", phone=bodies.ALICE)

    event, reply = ConsentEvent.objects.get(), Reply.objects.get()
    assert ask(bodies.ALICE)["reason"] == "opted_out"
    assert (event.rule, event.kind) == ("own/pesce_palla", "stop")
    assert event.keywords_version == reply.keywords_version == f"{KEYWORDS_VERSION[:7]}w1"


def test_it_names_the_version_also_where_no_own_word_was_said(acme, publish, says) -> None:
    publish(FISH)

    says("STOP")
    says("what time?", 1)

    assert set(Reply.objects.values_list("keywords_version", flat=True)) == {f"{KEYWORDS_VERSION[:7]}w1"}


def test_it_keeps_a_draft_from_counting(acme, ann, says, ask) -> None:
    own_words.write(acme, [FISH], note="", author=ann, now=NOW)

    says("pesce palla", phone=bodies.ALICE)

    assert Reply.objects.get().intent == "none"
    assert Reply.objects.get().keywords_version == KEYWORDS_VERSION


def test_it_knows_no_words_at_a_sender_without_a_brand(acme, publish, says) -> None:
    publish(FISH)
    Sender.objects.update(brand=None)

    says("pesce palla")

    assert (Reply.objects.get().intent, Reply.objects.get().keywords_version) == ("none", KEYWORDS_VERSION)


def test_it_tells_the_words_of_brands_apart(acme, publish, receive) -> None:
    other = Brand.objects.create(controller=acme.controller, slug="other", name="Other")
    Sender.objects.create(portfolio=Portfolio.objects.get(), provider="whatsapp", key="300000000000003", brand=other)
    publish(FISH)
    publish(OwnWord("en", "help", "agent"), brand=other)

    receive(
        bodies.message("pesce palla", at=SAMPLE_TIME, wamid="1"),
        bodies.message("pesce palla", at=SAMPLE_TIME, wamid="2", number="300000000000003"),
        bodies.message("agent", at=SAMPLE_TIME, wamid="3", number="300000000000003"),
        now=SAMPLE_TIME,
    )

    intents = dict(Reply.objects.values_list("digest", "intent"))
    assert [intents[digest(wamid)] for wamid in "123"] == ["opt_out", "none", "help"]


@pytest.mark.parametrize(
    ("payload", "title", "intent"),
    [
        ("menu", "Pesce palla", "opt_out"),
        ("menu", "Vedi tutto", "none"),
        ("optout:marketing", "Vedi tutto", "opt_out"),
        ("optin:marketing", "Vedi tutto", "opt_in"),
        ("optin:marketing", "Pesce palla", "review"),
    ],
)
def test_it_reads_the_labels_of_buttons_in_the_brands_words(acme, publish, receive, payload, title, intent) -> None:
    publish(FISH)
    button = {"type": "button_reply", "button_reply": {"id": payload, "title": title}}

    receive(bodies.message("", at=SAMPLE_TIME, type="interactive", interactive=button), now=SAMPLE_TIME)

    assert Reply.objects.get().intent == intent


def test_it_doubts_a_form_that_says_a_brands_own_word(acme, publish, receive) -> None:
    publish(FISH)
    answer = {"type": "nfm_reply", "nfm_reply": {"name": "flow", "response_json": '{"comment": "Pesce palla!"}'}}

    receive(bodies.message("", at=SAMPLE_TIME, type="interactive", interactive=answer), now=SAMPLE_TIME)

    assert (Reply.objects.get().intent, Reply.objects.get().rule) == ("review", "flow/own/pesce_palla")


def test_it_asks_once_for_a_whole_batch(acme, publish, receive) -> None:
    def queries(first: int, number: int) -> int:
        """Each batch is of people who are known, so that batches differ in size alone."""
        with CaptureQueriesContext(
            connection,
        ) as seen:
            receive(
                *(bodies.message("hello", at=SAMPLE_TIME, wamid=f"{first + one}") for one in range(number)),
                now=SAMPLE_TIME,
            )
        return sum("brandwords" in one["sql"] for one in seen)

    assert queries(0, 1) == 1
    publish(FISH)
    assert (queries(10, 1), queries(20, 30)) == (1, 1)
