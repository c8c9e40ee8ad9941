"""What WhatsApp tells about accounts and templates stands once, in words, and stops templates we should not use."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from preferences import inbox
from preferences.inbox.templates import TemplateEvent, follow
from preferences.models import (
    AccountNotice,
    Brand,
    ConsentEvent,
    InboxEntry,
    Portfolio,
    Reply,
    Sender,
    TemplateState,
    UtilityTemplate,
)
from preferences.signing import sign_meta
from preferences.webhooks import whatsapp
from tests.conftest import SAMPLE_TIME, SECRET

NOW = SAMPLE_TIME + dt.timedelta(seconds=5)
SECOND = dt.timedelta(seconds=1)


def told(field: str, value: dict[str, Any], *, account: str = "100000000000001", time: int | None = 1795348800) -> dict:
    entry: dict[str, Any] = {"id": account, "changes": [{"field": field, "value": value}]}
    return {"object": "whatsapp_business_account", "entry": [entry | ({"time": time} if time else {})]}


def failed(code: int, *, number: int, at: int = 1795348800) -> dict:
    status = {"id": f"wamid.{number}", "status": "failed", "timestamp": str(at), "recipient_id": "12025550143",
              "errors": [{"code": code}]}  # fmt: skip
    metadata = {"display_phone_number": "12025550100", "phone_number_id": "200000000000002"}
    return told("messages", {"metadata": metadata, "statuses": [status]}, time=None)


@pytest.mark.parametrize(
    ("name", "kind", "subject", "severity", "words"),
    [
        ("account_update_violation", "account_update/ACCOUNT_VIOLATION", "100000000000001", "warning", "In its words: spam."),
        ("account_update_disabled", "account_update/DISABLED_UPDATE", "100000000000001", "critical", "going to disable"),
        ("phone_number_quality_update", "phone_number_quality_update/THROUGHPUT_UPGRADE", "12025550100", "info",
         "throughput upgrade. In its words: tier unlimited."),
        ("message_template_quality_update", "message_template_quality_update/RED", "autumn_promo (en_GB)", "warning",
         "In its words: before: green."),
        ("message_template_status_update_paused", "message_template_status_update/PAUSED", "autumn_promo (en_GB)",
         "warning", "paused the template"),
        ("template_category_update", "template_category_update/MARKETING", "optout_confirmation (en_GB)", "warning",
         "must carry no confirmations"),
        ("errors_value_level", "errors/130429", "12025550100", "info", "in a second"),
    ],
)  # fmt: skip
def test_it_keeps_the_sample_in_words(acme, sample, receive, name, kind, subject, severity, words):
    receive(sample(name))

    notice = AccountNotice.objects.get()
    assert (notice.kind, notice.subject, notice.severity, notice.is_over) == (kind, subject, severity, False)
    assert words in notice.text
    assert notice.portfolio == Portfolio.objects.get()
    assert notice.at <= InboxEntry.objects.get().received_at
    assert not Reply.objects.exists()
    assert not ConsentEvent.objects.exists()


@pytest.mark.parametrize("name", ["phone_number_quality_update", "errors_value_level"])
def test_it_finds_the_number_it_is_about(acme, sample, receive, name):
    Sender.objects.update(display="+1 202-555-0100")

    receive(sample(name))

    assert AccountNotice.objects.get().sender == Sender.objects.get()


def test_it_finds_no_number_in_another_account(acme, receive):
    value = {"display_phone_number": "12025550100", "event": "FLAGGED"}

    receive(told("phone_number_quality_update", value, account="100000000000077"))

    notice = AccountNotice.objects.get()
    assert notice.sender is None
    assert notice.portfolio.key == "waba:100000000000077"
    assert notice.portfolio.is_provisional


def test_it_stands_once_however_often_it_is_sent(acme, sample, receive):
    for name in ("account_update_disabled", "message_template_status_update_paused"):
        receive(sample(name), sample(name), now=NOW)
        receive(sample(name), now=NOW + dt.timedelta(hours=3))

    assert AccountNotice.objects.count() == 2


def test_it_tells_the_spam_limit_once_an_hour_and_not_for_each_message(acme, receive):
    receive(*[failed(131048, number=number, at=1795348800 + number) for number in range(5)], now=NOW)
    later = NOW + dt.timedelta(hours=2)
    receive(failed(131048, number=9, at=int(later.timestamp())), now=later)

    assert (
        list(AccountNotice.objects.values_list("kind", "severity").order_by("pk"))
        == [("errors/131048", "critical")] * 2
    )


@pytest.mark.parametrize(
    ("field", "value", "is_over"),
    [
        ("account_update", {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}}, True),
        ("account_update", {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}, False),
        ("account_update", {"event": "ACCOUNT_RECONNECTED"}, True),
        ("account_update", {"event": "SOMETHING_NEW"}, False),
        ("message_template_status_update", {"message_template_name": "a", "event": "REINSTATED"}, True),
        ("message_template_status_update", {"message_template_name": "a", "event": "PAUSED",
                                            "other_info": {"title": "UNPAUSE"}}, True),
        ("message_template_status_update", {"message_template_name": "a", "event": "FLAGGED"}, False),
        ("message_template_quality_update", {"message_template_name": "a", "new_quality_score": "GREEN"}, True),
        ("message_template_quality_update", {"message_template_name": "a", "new_quality_score": "YELLOW"}, False),
        ("template_category_update", {"message_template_name": "a", "new_category": "UTILITY"}, True),
        ("template_category_update", {"message_template_name": "a", "new_category": "UTILITY",
                                      "correct_category": "MARKETING"}, False),
        ("phone_number_quality_update", {"display_phone_number": "12025550100", "event": "UNFLAGGED"}, True),
    ],
)  # fmt: skip
def test_it_knows_when_a_trouble_is_over(acme, receive, field, value, is_over):
    receive(told(field, value))

    assert AccountNotice.objects.get().is_over is is_over


def test_it_keeps_words_of_any_length(acme, receive):
    receive(
        told("account_update", {"event": "A" * 500, "violation_info": {"violation_type": "B" * 500}}),
        told("message_template_quality_update", {"message_template_name": "n" * 900, "new_quality_score": "C" * 90}),
        told("phone_number_quality_update", {"event": "D" * 90, "display_phone_number": "9" * 90}),
    )

    assert AccountNotice.objects.count() == 3
    assert not InboxEntry.objects.exclude(state="done").exists()


def test_it_asks_nothing_when_nothing_is_told(acme, sample, receive):
    receive(sample("text_stop"), now=NOW)

    with CaptureQueriesContext(connection) as captured:
        receive(sample("text_start"), now=NOW)

    assert [query for query in captured if "accountnotice" in query["sql"] or "utilitytemplate" in query["sql"]] == []


def test_it_asks_as_often_for_one_event_as_for_fifty(acme, receive):
    def cost(size: int) -> int:
        for number in range(size):
            value = {"message_template_name": f"t{size}_{number}", "event": "PAUSED"}
            raw = json.dumps(told("message_template_status_update", value)).encode()
            whatsapp.accept(raw, signature=sign_meta(raw, SECRET), headers={}, now=NOW)
        with CaptureQueriesContext(connection) as captured:
            inbox.process(now=NOW)
        return len(captured)

    cost(1)  # a first one may make an account

    assert cost(2) == cost(50)
    assert AccountNotice.objects.count() == 53


# Templates of our own -------------------------------------------------------------------------------------------------


@pytest.fixture
def template(acme: Brand) -> UtilityTemplate:
    return UtilityTemplate.objects.create(
        brand=acme, portfolio=Portfolio.objects.get(), kind="confirmation", name="optout_confirmation",
        language="en_GB", changed_at=SAMPLE_TIME - dt.timedelta(days=1),
    )  # fmt: skip


def test_it_uses_no_template_that_became_marketing(template, sample, receive):
    receive(sample("template_category_update"), now=NOW)

    template.refresh_from_db()
    assert (template.state, template.changed_at) == (TemplateState.RECATEGORISED, SAMPLE_TIME)
    assert "marketing template" in template.reason


def test_it_goes_on_using_a_template_that_is_only_announced_to_change(template, receive):
    value = {"message_template_name": "optout_confirmation", "message_template_language": "en_GB"}
    receive(told("template_category_update", value | {"new_category": "UTILITY", "correct_category": "MARKETING"}))

    template.refresh_from_db()
    assert template.state == TemplateState.USABLE
    assert AccountNotice.objects.get().severity == "warning"


@pytest.mark.parametrize("change", [{"name": "other"}, {"language": "de"}, {"portfolio": 0}])
def test_it_changes_no_other_template(template, change):
    named = {"portfolio": template.portfolio_id, "name": template.name, "language": template.language}

    follow([TemplateEvent(**named | change, event="PAUSED", category="", at=SAMPLE_TIME)])

    template.refresh_from_db()
    assert template.state == TemplateState.USABLE
