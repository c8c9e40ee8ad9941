"""What the commands say: to somebody whose database is not ready, and about what they did."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from preferences import inbox, outbox
from preferences.management import base
from preferences.management.commands import simulate
from preferences.models import Consent, InboxEntry
from preferences.status import DatabaseUnavailableError
from tests import bodies

Run = Callable[..., str]

NEED_THE_DATABASE = [
    ("create_api_key", "--name=x", "--scopes=eligibility:read"),
    ("deliver_outbox",),
    ("export_examples", "--by=uma", "--reason=x"),
    ("process_inbox",),
    ("purge",),
    ("rebuild_consents", "--check"),
    ("seal_ledger",),
    ("seed_demo",),
    ("simulate",),
    ("verify_ledger",),
]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; what it said."""

    def call(*words: str) -> str:
        call_command(*words)
        return capsys.readouterr().out.strip()

    return call


@pytest.mark.parametrize("words", NEED_THE_DATABASE, ids=lambda words: words[0])
def test_it_asks_for_migrations_before_it_does_anything(words, run, monkeypatch):
    monkeypatch.setattr(base, "missing_migrations", lambda: ["preferences.0001_initial"])

    with pytest.raises(CommandError, match=r"Run `manage.py migrate` first"):
        run(*words)


@pytest.mark.parametrize("words", [*NEED_THE_DATABASE, ("judge_again",)], ids=lambda words: words[0])
def test_it_says_so_when_the_database_is_down(words, run, monkeypatch):
    def missing() -> list[str]:
        raise DatabaseUnavailableError("OperationalError.")

    monkeypatch.setattr(base, "missing_migrations", missing)

    with pytest.raises(CommandError, match=r"does not answer \(OperationalError\.\) Start it, or mend DATABASE_URL"):
        run(*words)


def test_it_reads_the_inbox_and_empties_the_outbox(acme, post, run):
    post(bodies.message("STOP", at=timezone.now()))

    assert run("process_inbox") == "Webhooks processed: 1."
    assert run("deliver_outbox") == "Deliveries settled: 1."
    assert (run("process_inbox"), run("deliver_outbox")) == ("Webhooks processed: 0.", "Deliveries settled: 0.")


def test_it_names_the_webhooks_that_failed(db, post, run):
    post(bodies.message("STOP", at=timezone.now()))
    InboxEntry.objects.update(body=b"not ours")
    entry = InboxEntry.objects.get().pk

    with pytest.raises(CommandError, match=rf"failed and will be retried: 1 \({entry}\)"):
        run("process_inbox")


def test_it_finds_and_repairs_what_the_ledger_does_not_say(acme, receive, run, ask):
    receive(bodies.message("STOP", at=timezone.now()))
    Consent.objects.update(status="opted_in")

    with pytest.raises(CommandError, match=r"1 of 1 subscribers differ.*Run `rebuild_consents` to repair them"):
        run("rebuild_consents", "--check")
    still_wrong = ask(bodies.BILAL)["reason"]

    assert run("rebuild_consents").startswith("Repaired 1 of 1 subscribers")
    assert run("rebuild_consents", "--check") == "All 1 subscribers are what the ledger says."
    assert (still_wrong, ask(bodies.BILAL)["reason"]) == ("opted_in", "opted_out")


def test_it_lets_go_what_is_read_and_old_and_nothing_else(acme, post, receive, run):
    old = timezone.now() - dt.timedelta(days=15)
    receive(bodies.message("STOP", at=old), now=old)
    receive(bodies.message("hello", at=old + dt.timedelta(days=2)), now=old + dt.timedelta(days=2))
    post(bodies.message("STOP", at=old, phone=bodies.ALICE))
    InboxEntry.objects.filter(state="pending").update(received_at=old)

    said = run("purge").splitlines()

    assert said == [
        "Webhooks deleted: 1, all read and received more than 14 days ago.",
        "Texts of staff deleted: 0.",
        "Access records deleted: 0.",
        "Account notices deleted: 0.",
        "Answers to decisions deleted: 0.",
        "Examples deleted: 0.",
        "Texts of examples deleted: 0.",
        "Alarms deleted: 0.",
    ]
    assert sorted(InboxEntry.objects.values_list("state", flat=True)) == ["done", "pending"]
    assert Consent.objects.get().status == "opted_out"


def test_it_tells_the_whole_story_however_often_it_is_simulated(acme, post, run, monkeypatch):
    def send(self, url, webhooks):
        assert [post(webhook, secret=settings.WHATSAPP_APP_SECRET[0]).status_code for webhook in webhooks] == [200] * 9
        inbox.process()
        outbox.deliver()

    monkeypatch.setattr(simulate.Command, "_send", send)
    monkeypatch.setattr(simulate.random, "sample", lambda numbers, count: numbers)  # not by luck

    for _ in range(5):
        lines = run("simulate").splitlines()
        spoken = [line for line in lines if "opt_out" in line]
        assert [line.split()[-3:] for line in spoken] == [["recorded,", "not", "sent"]] * 5
        assert sum("no: held" in line for line in lines) == sum("no: platform_stop" in line for line in lines) == 1
