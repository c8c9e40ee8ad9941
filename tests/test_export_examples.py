"""`export_examples`: what comes out, that a spreadsheet takes it for text, and that it stands in the audit."""

from __future__ import annotations

import csv
import io
import json
import stat

import pytest
from django.core.management import CommandError, call_command

from preferences import reviews
from preferences.models import AccessRecord, Example, Reply, ReviewOutcome, User
from tests import bodies
from tests.conftest import SAMPLE_TIME

DOUBT = "if this goes on I will unsubscribe"
COLUMNS = ["label", "judged", "rule", "language", "classifier_version", "keywords_version", "source", "text"]


@pytest.fixture
def export(capsys, db):
    User.objects.create_user("uma", is_staff=True)

    def run(*words, by="uma", reason="Mending the rules"):
        call_command("export_examples", "--by", by, "--reason", reason, *words)
        return capsys.readouterr()

    return run


@pytest.fixture
def settled(acme, says):
    """One doubtful reply each that was settled by a person and by the deadline."""

    def write(*texts, outcome=ReviewOutcome.NOT_OPT_OUT, at=SAMPLE_TIME + bodies.HOUR):
        for text in texts:
            says(text)
        reviews.settle(list(Reply.objects.filter(review_state="waiting")), outcome, now=at)

    return write


def test_it_writes_what_the_rules_said_and_what_it_was(settled, export):
    settled(f"{DOUBT} +44 7700 900123")

    said = export()

    one = Example.objects.get()
    header, row = csv.reader(io.StringIO(said.out), dialect="excel-tab")
    assert header == COLUMNS
    assert row == [
        "none", "review", one.rule, one.language, str(one.classifier_version), one.keywords_version, "review",
        f"{DOUBT} <number>",
    ]  # fmt: skip
    assert said.err.strip() == "Examples written: 1."


def test_it_writes_an_object_a_line(settled, export):
    settled("🛑 “nearest”\nhm?")

    (line,) = export("--format", "jsonl").out.splitlines()

    assert list(json.loads(line)) == COLUMNS
    assert json.loads(line)["text"] == "🛑 “nearest”\nhm?"


@pytest.mark.parametrize(
    ("written", "cell"),
    [
        ('=HYPERLINK("x"), if this is so I will unsubscribe', '\'=HYPERLINK("x"), if this is so I will unsubscribe'),
        ("+ if this is so I will unsubscribe", "'+ if this is so I will unsubscribe"),
        ("-if this is so I will unsubscribe", "'-if this is so I will unsubscribe"),
        ("@ if this is so I will unsubscribe", "'@ if this is so I will unsubscribe"),
        ("＝1, if this is so I will unsubscribe", "'＝1, if this is so I will unsubscribe"),
        ('if this is so I\twill unsubscribe "all"', 'if this is so I will unsubscribe "all"'),
    ],
)
def test_it_is_text_to_a_spreadsheet(settled, export, written, cell):
    settled(written)

    lines = export().out.splitlines()

    assert len(lines) == 2
    assert next(csv.reader(lines[1:], dialect="excel-tab"))[-1] == cell


def test_it_chooses_by_time_label_and_source(settled, export):
    settled(DOUBT)
    settled(DOUBT, outcome=ReviewOutcome.OPT_OUT, at=SAMPLE_TIME + 48 * bodies.HOUR)
    settled(DOUBT, outcome=ReviewOutcome.DEADLINE, at=SAMPLE_TIME + 96 * bodies.HOUR)

    def labels(*words):
        rows = csv.DictReader(io.StringIO(export(*words).out), dialect="excel-tab")
        return [(row["label"], row["source"]) for row in rows]

    none, by_person, by_deadline = ("none", "review"), ("opt_out", "review"), ("opt_out", "deadline")
    assert labels() == [none, by_person, by_deadline]
    assert labels("--since", "2026-11-24") == [by_person, by_deadline]
    assert labels("--since", "2026-11-26T12:00:01+00:00") == []
    assert labels("--label", "opt_out") == [by_person, by_deadline]
    assert labels("--label", "none") == [none]
    assert labels("--source", "deadline") == [by_deadline]
    assert [record.detail for record in AccessRecord.objects.order_by("pk")][-1] == "Examples of replies: 1"


def test_it_stands_in_the_audit(settled, export):
    settled(DOUBT, DOUBT)

    export(reason="Mending the rules of Spanish")

    record = AccessRecord.objects.get()
    assert (record.actor.username, record.action, record.subscriber) == ("uma", "export", None)
    assert (record.reason, record.detail) == ("Mending the rules of Spanish", "Examples of replies: 2")


def test_it_writes_a_new_file_that_only_its_owner_reads(settled, export, tmp_path):
    settled(DOUBT)
    path = tmp_path / "examples.tsv"

    said = export("--output", str(path))

    assert said.out == ""
    assert path.read_text().splitlines()[1].endswith(DOUBT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(CommandError, match="cannot be written: File exists"):
        export("--output", str(path))
    assert AccessRecord.objects.count() == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ({"by": "nobody"}, "no active member of staff called “nobody”"),
        ({"reason": " "}, "Say in --reason"),
        ({"reason": "x" * 201}, "at most 200 characters"),
    ],
)
def test_it_refuses_to_export_for_nobody_or_nothing(settled, export, words, complaint):
    settled(DOUBT)

    with pytest.raises(CommandError, match=complaint):
        export(**words)

    assert not AccessRecord.objects.exists()


def test_it_refuses_a_member_of_staff_who_left(settled, export):
    User.objects.update(is_active=False)

    with pytest.raises(CommandError, match="no active member of staff"):
        export()


def test_it_refuses_what_is_no_date(export):
    with pytest.raises(CommandError, match="“soon” is no date"):
        export("--since", "soon")


def test_it_says_how_many_words_it_could_not_read(settled, export, settings):
    settled(DOUBT)
    settings.FIELD_ENCRYPTION_KEYS = ["new:" + "A" * 43 + "="]

    said = export("--format", "jsonl")

    assert json.loads(said.out)["text"] == ""
    assert "1 of them without their words: FIELD_ENCRYPTION_KEYS lacks the key." in said.err


def test_it_reads_in_fixed_memory_and_few_queries(settled, export, django_assert_max_num_queries, monkeypatch):
    settled(*[DOUBT] * 20)

    with django_assert_max_num_queries(8):
        lines = export().out.splitlines()

    assert len(lines) == 21
