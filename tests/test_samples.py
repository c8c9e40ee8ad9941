"""Every sample webhook with the state it must lead to, written by hand from the provider's documentation.

Each case: what came before, who is asked about and the expected answer, and the kinds of ledger events in order.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from preferences.models import ConsentEvent, Delivery, InboxEntry, Reply
from tests.conftest import FIXTURES

ALICE = "+12025550143"
BILAL = "+447700900123"
CHIARA = "IT.70000000000000000999"


class Case(NamedTuple):
    sample: str
    answers: dict[str, str]
    kinds: list[str]
    before: tuple[str, ...] = ()
    topic: str = "marketing"


NOTHING = "no_consent"
CASES = [
    # Typed words
    Case("text_stop", {ALICE: "opted_out", "US.70000000000000000143": "opted_out"}, ["stop"]),
    Case("text_stop_legacy_no_bsuid", {ALICE: "opted_out"}, ["stop"]),
    Case("text_stop_contextual_reply", {ALICE: "opted_out"}, ["stop"]),
    Case("text_stop_escaped_unicode", {BILAL: "opted_out"}, ["stop"]),
    Case("text_username_and_phone", {BILAL: "opted_out"}, ["stop"]),
    Case("text_with_bsuid_no_phone", {CHIARA: "opted_out"}, ["stop"]),
    Case("text_parent_bsuid_no_phone", {CHIARA: "opted_out", "IT.ENT.80000000000000000999": "opted_out"}, ["stop"]),
    Case("image_with_caption_stop", {ALICE: "opted_out"}, ["stop"]),
    Case("edit_message", {ALICE: "opted_out"}, ["stop"]),
    Case("text_not_optout_contains_stop", {ALICE: NOTHING}, []),
    Case("text_group_message", {ALICE: "held"}, ["hold"]),
    Case("text_ctwa_referral", {ALICE: NOTHING}, []),
    # START alone from the US asks for YES first
    Case("text_start", {ALICE: NOTHING}, ["opt_in_request"]),
    Case("text_start", {ALICE: "opted_out"}, ["stop", "opt_in_request"], before=("text_stop",)),
    # Buttons, lists and Flows
    Case("button_quick_reply_stop", {ALICE: "opted_out"}, ["stop"]),
    Case("button_quick_reply_stop_default_payload", {ALICE: "opted_out"}, ["stop"]),
    Case("button_quick_reply_stop_bsuid_only", {CHIARA: "opted_out"}, ["stop"]),
    Case("interactive_button_reply", {ALICE: "opted_out"}, ["stop"]),
    Case("interactive_button_reply", {ALICE: "opted_out"}, ["stop"], topic="service"),
    Case("interactive_list_reply", {ALICE: NOTHING}, ["stop"]),
    Case("interactive_list_reply", {ALICE: "opted_out"}, ["stop"], topic="newsletter"),
    Case("interactive_nfm_reply", {ALICE: "opted_out"}, ["stop"]),
    Case("interactive_call_permission_reply", {ALICE: NOTHING}, []),
    # What is no request at all
    Case("reaction", {ALICE: NOTHING}, []),
    Case("reaction_removed", {ALICE: NOTHING}, []),
    Case("request_welcome", {ALICE: NOTHING}, []),
    Case("unsupported_message", {ALICE: NOTHING}, []),
    Case("smb_message_echo_business_says_stop", {ALICE: NOTHING}, []),
    Case("user_actions_link_click", {ALICE: NOTHING}, []),
    Case("errors_value_level", {ALICE: NOTHING}, []),
    Case("unknown_future_field", {ALICE: NOTHING}, []),
    Case("account_update_violation", {ALICE: NOTHING}, []),
    Case("account_update_disabled", {ALICE: NOTHING}, []),
    Case("phone_number_quality_update", {ALICE: NOTHING}, []),
    Case("message_template_quality_update", {ALICE: NOTHING}, []),
    Case("message_template_status_update_paused", {ALICE: NOTHING}, []),
    Case("template_category_update", {ALICE: NOTHING}, []),
    # A message that cannot be read may hide a STOP; a deleted STOP was still received
    Case("unsupported_131060_unavailable", {ALICE: "held"}, ["hold"]),
    Case("revoke_message", {ALICE: "opted_out"}, ["stop"], before=("text_stop",)),
    # WhatsApp's own switch
    Case("user_preferences_stop", {ALICE: "platform_stop"}, ["platform_stop"]),
    Case("user_preferences_stop_legacy", {ALICE: "platform_stop"}, ["platform_stop"]),
    Case("user_preferences_stop_bsuid_only", {CHIARA: "platform_stop"}, ["platform_stop"]),
    Case("user_preferences_stop", {ALICE: "no_objection"}, ["platform_stop"], topic="service"),
    Case(
        "user_preferences_resume",
        {ALICE: NOTHING},
        ["platform_stop", "platform_resume"],
        before=("user_preferences_stop",),
    ),
    Case("user_preferences_resume", {ALICE: "opted_out"}, ["stop", "platform_resume"], before=("text_stop",)),
    Case(
        "user_preferences_many",
        {ALICE: NOTHING, CHIARA: "platform_stop"},
        ["platform_stop", "platform_stop", "platform_resume"],
    ),
    # Statuses: 131050 is WhatsApp's own stop, the other failures say nothing about consent
    Case("status_failed_131050", {ALICE: "platform_stop"}, ["platform_stop"]),
    Case("status_failed_131050_bsuid_only", {CHIARA: "platform_stop"}, ["platform_stop"]),
    *[
        Case(f"status_{name}", {ALICE: NOTHING}, [])
        for name in (
            "sent",
            "delivered",
            "read",
            "delivered_legacy",
            "failed_131049",
            "failed_130472",
            "failed_131026",
            "failed_131047",
            "failed_130403",
        )
    ],
    Case("status_delivered_bsuid_only", {CHIARA: NOTHING}, []),
    # People who move: the stop follows the person and stays on the number left behind
    Case(
        "system_user_changed_number",
        {BILAL: "opted_out", "+447700900777": "opted_out", "GB.70000000000000000777": "opted_out"},
        ["stop"],
        before=("text_username_and_phone",),
    ),
    Case("system_user_changed_number", {"+447700900777": NOTHING}, []),
    Case(
        "system_user_changed_number_legacy",
        {BILAL: "opted_out", "+447700900777": "opted_out"},
        ["stop"],
        before=("text_username_and_phone",),
    ),
    Case(
        "system_user_changed_user_id",
        {"IT.70000000000000001000": "opted_out", CHIARA: "opted_out"},
        ["stop"],
        before=("text_with_bsuid_no_phone",),
    ),
    Case(
        "system_user_changed_user_id_parent",
        {"IT.70000000000000001000": "opted_out", "IT.ENT.80000000000000001000": "opted_out"},
        ["stop"],
        before=("text_parent_bsuid_no_phone",),
    ),
    Case(
        "user_id_update_retracted",
        {"IT.70000000000000001000": "opted_out"},
        ["stop"],
        before=("text_with_bsuid_no_phone",),
    ),
    # A phone shared on request belongs to the user id that shared it
    Case(
        "contacts_shared_phone",
        {CHIARA: "opted_out", "+447700900456": "opted_out"},
        ["stop"],
        before=("text_with_bsuid_no_phone",),
    ),
    # Batches
    Case(
        "batch_many_messages",
        {ALICE: "opted_out", BILAL: "opted_out", CHIARA: "opted_out"},
        ["platform_stop", "platform_stop", "stop", "stop", "stop"],
    ),
    Case("batch_1000_updates", {ALICE: "opted_out"}, ["stop"]),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.sample}-{case.topic}-{len(case.before)}" for case in CASES])
def test_it_leads_to_the_right_state(case, acme, sample, receive, ask):
    for name in (*case.before, case.sample):
        receive(sample(name))

    assert {who: ask(who, topic=case.topic)["reason"] for who in case.answers} == case.answers
    assert sorted(ConsentEvent.objects.values_list("kind", flat=True)) == sorted(case.kinds)
    assert not InboxEntry.objects.exclude(state="done").exists()


def test_it_covers_every_sample_webhook():
    index = json.loads((FIXTURES / "INDEX.json").read_text())["files"]
    webhooks = {name.removesuffix(".json") for name, info in index.items() if info["kind"] == "meta-webhook"}

    assert webhooks == {case.sample for case in CASES}


def test_it_accepts_the_signature_that_came_with_each_sample(db, post, sample):
    index = json.loads((FIXTURES / "INDEX.json").read_text())["files"]
    for name, info in index.items():
        if info["kind"] == "meta-webhook":
            response = post(sample(name.removesuffix(".json")), signature=info["x_hub_signature_256"])
            assert response.status_code == 200, name


def test_it_keeps_what_nobody_understands_with_a_label(acme, sample, receive):
    receive(sample("unknown_future_field"))

    assert InboxEntry.objects.get().unknown == ["field:brand_new_field"]


def test_it_deletes_status_bodies_once_they_are_applied(acme, sample, receive):
    receive(sample("status_delivered"))

    assert not InboxEntry.objects.exists()


def test_it_never_answers_in_a_group(acme, sample, receive):
    receive(sample("text_group_message"))

    assert not Delivery.objects.exists()


def test_it_counts_each_reply_once(acme, sample, receive):
    receive(sample("batch_many_messages"), sample("batch_many_messages"))

    assert Reply.objects.count() == 4
