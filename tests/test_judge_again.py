"""`judge_again`: what another version of the rules would decide differently, before it goes live."""

from __future__ import annotations

import json
import re

import pytest
from django.core.management import CommandError, call_command

from preferences.inbox import judging_again
from preferences.interpretation import CLASSIFIER_VERSION, KEYWORDS_VERSION, Intent, IntentValue, OwnWord, OwnWords
from preferences.management import base
from preferences.models import Brand, BrandWords, Controller, Reply, Sender
from tests import bodies
from tests.conftest import SAMPLE_TIME

RUNNING = f"classifier {CLASSIFIER_VERSION}, words {KEYWORDS_VERSION}"


@pytest.fixture
def again(capsys, db):
    def run(*words):
        call_command("judge_again", *words)
        return capsys.readouterr().out

    return run


@pytest.fixture
def another_version(monkeypatch):
    """Rules that take "baja" for nothing and doubt no condition."""
    before = judging_again.judge

    def judge(message, **words):
        if message.text == "baja":
            return Intent(IntentValue.NONE, "text/none")
        intent = before(message, **words)
        if intent.rule == "en/sentence/unsubscribe/condition":
            return intent._replace(intent=IntentValue.NONE, rule="en/let_be")
        return intent

    monkeypatch.setattr(judging_again, "judge", judge)


@pytest.fixture
def replies(acme, says):
    for second, text in enumerate(
        ["STOP", "baja", "baja", "if this goes on I will unsubscribe +44 7700 900123", "hello"]
    ):
        says(text, second)


def test_it_finds_nothing_to_change_in_what_it_decided_itself(acme, says, receive, again):
    texts = [
        "STOP",
        "stop all messages",
        "START",
        "yes",
        "hello",
        "if this goes on I will unsubscribe",
        "🛑",
        "",
        "取消",
        "help",
        "x" * 70_000,
    ]
    for second, text in enumerate(texts):
        says(text, second)
    says("stop", 50, field="standby")
    says("can you stop?", 51, field="standby")
    says("STOP", 52, group_id="group-1")
    receive(bodies.status(at=SAMPLE_TIME, id="wamid.order", pricing={"category": "utility"}), now=SAMPLE_TIME)
    says("cancel", 53, context={"from": "12025550100", "id": "wamid.order"})
    says("cancel", 54, field="standby", context={"from": "12025550100", "id": "wamid.order"})
    assert set(Reply.objects.values_list("intent", flat=True)) == {"opt_out", "opt_in", "help", "review", "none"}

    said = again("--fail-on-change")

    assert said.splitlines() == [
        f"Judged again with {RUNNING}: 16 replies, received from 2026-11-22 to 2026-11-22.",
        f"  16 were judged by {RUNNING}.",
        "Nothing would be decided differently.",
    ]


def test_it_says_what_would_be_decided_differently(replies, another_version, again):
    said = re.sub(" +", " ", again())

    assert "Decided differently: 3 replies (60.00%)." in said
    assert " es opt_out none 2\n" in said
    assert "review none 1\n" in said
    assert " es/baja text/none 2\n en/sentence/unsubscribe/condition en/let_be 1\n" in said
    assert "if this goes on" not in said


def test_it_shows_some_of_them_with_their_words_only_when_asked(replies, another_version, again):
    without, with_words = again("--show", "1"), again("--show", "5", "--texts")

    assert without.count("(en/let_be)") == 1
    assert "which bus" not in without
    assert "if this goes on I will unsubscribe <number>" in with_words
    assert with_words.count("(text/none)") == 2


def test_it_tells_programs(replies, another_version, again):
    told = json.loads(again("--format", "json", "--show", "1"))

    assert (told["judged"], told["changed"], told["left_out"], told["unreadable"]) == (5, 3, 0, 0)
    assert told["classifier_version"] == CLASSIFIER_VERSION
    assert {"language": "es", "was": "opt_out", "would_be": "none", "replies": 2} in told["decisions"]
    assert told["rules"][0] == {
        "was": {"decision": "opt_out", "rule": "es/baja"}, "would_be": {"decision": "none", "rule": "text/none"}, "replies": 2,
    }  # fmt: skip
    assert told["shown"][0]["reply"] == Reply.objects.get(rule="en/sentence/unsubscribe/condition").pk
    assert "text" not in told["shown"][0]
    assert "<number>" in json.loads(again("--format", "json", "--show", "1", "--texts"))["shown"][0]["text"]


def test_it_fails_on_a_change_where_asked_to(replies, another_version, again):
    with pytest.raises(CommandError, match="3 replies would be decided differently"):
        again("--fail-on-change")


def test_it_counts_another_reach_of_an_opt_out_as_another_decision(replies, again, monkeypatch):
    before = judging_again.judge
    monkeypatch.setattr(judging_again, "judge", lambda message, **words: before(message, **words)._replace(topic="any"))

    assert "opt_out  opt_out:any  1" in again()


def test_it_counts_another_rule_for_the_same_decision_apart(replies, again, monkeypatch):
    before = judging_again.judge
    monkeypatch.setattr(
        judging_again, "judge", lambda message, **words: before(message, **words)._replace(rule="xx/new")
    )

    said = again("--fail-on-change")

    assert "The same decision by another rule: 5." in said
    assert "Nothing would be decided differently." in said


def test_it_leaves_out_taps_and_what_has_no_words(acme, says, receive, again):
    says("STOP")
    receive(bodies.tapped("optout:marketing", at=SAMPLE_TIME), now=SAMPLE_TIME)
    receive(
        bodies.message("", at=SAMPLE_TIME, type="reaction", reaction={"message_id": "wamid.x", "emoji": "👍"}),
        now=SAMPLE_TIME,
    )

    said = again()

    assert ": 1 reply," in said
    assert "Left out: 2 made by buttons, forms and other means" in said


def test_it_says_how_many_it_could_not_read(replies, again, settings):
    settings.FIELD_ENCRYPTION_KEYS = ["new:" + "A" * 43 + "="]

    assert "Not readable: 5, because FIELD_ENCRYPTION_KEYS lacks their key." in again()


def test_it_takes_the_newest_those_since_a_day_or_those_of_a_brand(replies, says, acme, again):
    later = SAMPLE_TIME + 30 * bodies.HOUR
    other = Brand.objects.create(controller=Controller.objects.get(), slug="other", name="Other")
    Sender.objects.create(
        portfolio=Sender.objects.get().portfolio, provider="whatsapp", key="3", display="3", brand=other
    )
    says("hello", 30 * 3600, number="3")

    def judged(*words):
        return json.loads(again("--format", "json", *words))["judged"]

    assert judged() == 6
    assert judged("--limit", "2") == 2
    assert judged("--since", later.date().isoformat()) == 1
    assert judged("--since", "2026-11-22", "--limit", "5") == 5
    assert (judged("--brand", "acme"), judged("--brand", "other")) == (5, 1)
    with pytest.raises(CommandError, match="no brand “nobody”"):
        judged("--brand", "nobody")


@pytest.mark.parametrize("words", [("--limit", "0"), ("--show", "-1"), ("--since", "yesterday")])
def test_it_refuses_what_is_no_number_or_date(again, words):
    with pytest.raises(CommandError, match="is no"):
        again(*words)


def test_it_says_so_where_nobody_ever_wrote(again):
    said = again()

    assert said.splitlines() == [f"Judged again with {RUNNING}: 0 replies.", "Nothing would be decided differently."]


def test_it_knows_the_words_in_force_of_each_brand(acme, says, again):
    words = [OwnWord("it", "opt_out", "pesce palla")._asdict()]
    BrandWords.objects.create(brand=acme, number=1, words=words, published_at=SAMPLE_TIME)

    says("pesce palla")

    assert Reply.objects.get().intent == "opt_out"
    assert "Nothing would be decided differently." in again()


def test_it_reads_in_batches_and_writes_nothing(acme, says, again, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(judging_again, "_AT_ONCE", 2)
    for second in range(5):
        says("cancel", second, context={"from": "12025550100", "id": "wamid.order"})

    with django_assert_max_num_queries(30) as queries:
        assert ": 5 replies," in again()

    assert all(one["sql"].startswith("SELECT") for one in queries)
    assert len([one for one in queries if "preferences_reply" in one["sql"]]) == 4


def test_it_judges_each_reply_in_the_words_of_its_brand(replies, says, acme):
    says("zebra lamp", 10)
    words = {acme.pk: OwnWords.of(1, [OwnWord("en", "opt_out", "zebra lamp")])}

    found = judging_again.compare(Reply.objects.all(), limit=None, own_words=words)
    of_others = judging_again.compare(Reply.objects.all(), limit=None, own_words={acme.pk + 1: words[acme.pk]})

    assert [(was.rule, now.rule) for was, now in found.rules] == [("text/none", "own/zebra_lamp")]
    assert of_others.changed == 0


def test_it_runs_before_the_new_versions_migrations(replies, again, monkeypatch):
    monkeypatch.setattr(base, "missing_migrations", lambda: ["preferences.9999_of_the_new_version"])

    assert "Nothing would be decided differently." in again()
