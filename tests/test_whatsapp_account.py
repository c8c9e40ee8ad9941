"""What the reader makes of webhooks about accounts, numbers and templates: words and codes, never an answer."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preferences.interpretation import whatsapp
from preferences.interpretation.observations import AccountEvent, AccountTopic, Reading, SenderRef
from preferences.webhooks.whatsapp import lane_of

SAMPLES = Path(__file__).parent / "fixtures" / "whatsapp"
NOON = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
WABA = SenderRef("100000000000001", "")
SHOP = SenderRef("100000000000001", "200000000000002", "12025550100")
PROMO = {"template": "autumn_promo", "language": "en_GB"}
CONFIRMATION = {"template": "optout_confirmation", "language": "en_GB"}

EXPECTED = {
    "account_update_violation": AccountEvent(WABA, AccountTopic.ACCOUNT, "ACCOUNT_VIOLATION", NOON, detail="SPAM"),
    "account_update_disabled": AccountEvent(
        WABA, AccountTopic.ACCOUNT, "DISABLED_UPDATE", NOON, detail="SCHEDULE_FOR_DISABLE"
    ),
    "phone_number_quality_update": AccountEvent(
        SenderRef("100000000000001", "", "12025550100"), AccountTopic.NUMBER, "THROUGHPUT_UPGRADE", NOON,
        detail="TIER_UNLIMITED",
    ),
    "message_template_quality_update": AccountEvent(
        WABA, AccountTopic.TEMPLATE_QUALITY, "RED", NOON, before="GREEN", **PROMO
    ),
    "message_template_status_update_paused": AccountEvent(
        WABA, AccountTopic.TEMPLATE, "PAUSED", NOON, detail="FIRST_PAUSE", category="MARKETING", **PROMO
    ),
    "template_category_update": AccountEvent(
        WABA, AccountTopic.TEMPLATE_CATEGORY, "MARKETING", NOON, before="UTILITY", category="MARKETING", **CONFIRMATION
    ),
    "errors_value_level": AccountEvent(SHOP, AccountTopic.ERROR, "130429", None),
}  # fmt: skip


def read(field: str, value: object, **entry: Any) -> Reading:
    body = {
        "entry": [{"id": "100000000000001", "time": 1795348800, "changes": [{"field": field, "value": value}]} | entry]
    }
    return whatsapp.read(json.dumps(body).encode())


@pytest.mark.parametrize("name", EXPECTED)
def test_it_reads_the_sample(name: str) -> None:
    body = (SAMPLES / f"{name}.json").read_bytes()

    assert whatsapp.read(body) == Reading(account_events=(EXPECTED[name],))
    assert lane_of(body) == "urgent"


@pytest.mark.parametrize("name", [name for name in EXPECTED if not name.startswith(("account", "phone", "errors"))])
@pytest.mark.parametrize("field", ["message_template_status_update", "brand_new_field"])
def test_it_goes_by_keys_when_the_field_is_wrong(name: str, field: str) -> None:
    value = json.loads((SAMPLES / f"{name}.json").read_bytes())["entry"][0]["changes"][0]["value"]

    assert read(field, value).account_events == (EXPECTED[name],)


def test_it_names_a_field_it_does_not_know_also_when_it_knows_the_keys() -> None:
    reading = read("brand_new_field", {"event": "ACCOUNT_VIOLATION", "violation_info": {"violation_type": "SCAM"}})

    assert [event.detail for event in reading.account_events] == ["SCAM"]
    assert reading.unknown == ("field:brand_new_field",)


@pytest.mark.parametrize(
    ("value", "event", "detail", "category"),
    [
        ({"previous_category": "UTILITY", "new_category": "MARKETING"}, "MARKETING", "", "MARKETING"),
        ({"correct_category": "MARKETING", "new_category": "UTILITY"}, "MARKETING", "SOON", "UTILITY"),
        ({"correct_category": "MARKETING", "new_category": "MARKETING"}, "MARKETING", "", "MARKETING"),
    ],
)
def test_it_tells_an_announced_category_from_a_new_one(
    value: dict[str, str], event: str, detail: str, category: str
) -> None:
    (told,) = read("template_category_update", {"message_template_name": "confirm", **value}).account_events

    assert (told.event, told.detail, told.category) == (event, detail, category)


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ({"restriction_info": [{"restriction_type": "RESTRICTED_ADD_PHONE_NUMBER_ACTION"}]},
         "RESTRICTED_ADD_PHONE_NUMBER_ACTION"),
        ({"restriction_info": {"restriction_type": "X"}}, "X"),
        ({"restriction_info": [None, 5]}, ""),
        ({"ban_info": "soon"}, ""),
        ({"brand_new": {"a": [1]}}, ""),
        ({"violation_info": {"violation_type": "call +12025550143"}}, "CALL_12025550143"),
    ],
)  # fmt: skip
def test_it_tolerates_what_is_new_or_broken(value: dict[str, object], detail: str) -> None:
    (told,) = read("account_update", {"event": "ACCOUNT_RESTRICTION", **value}).account_events

    assert told.event == "ACCOUNT_RESTRICTION"
    assert told.detail == detail


@pytest.mark.parametrize(
    "field", ["account_update", "message_template_status_update", "message_template_components_update"]
)
@pytest.mark.parametrize(
    "value", [None, [], "PAUSED", {}, {"event": 5}, {"event": ["PAUSED"]}, {"message_template_name": "a"}]
)
def test_it_has_nothing_to_say_about_a_value_without_an_event(field: str, value: object) -> None:
    assert read(field, value) == Reading()


@pytest.mark.parametrize("code", [131048, 131031, 368, "131048"])
def test_it_hears_of_our_account_in_a_failed_status(code: object) -> None:
    metadata = {"display_phone_number": "12025550100", "phone_number_id": "200000000000002"}
    status = {"id": "wamid.1", "status": "failed", "timestamp": "1795348800", "recipient_id": "12025550143",
              "errors": [{"code": 131026}, {"code": code}]}  # fmt: skip

    reading = read("messages", {"metadata": metadata, "statuses": [status]})

    assert reading.account_events == (AccountEvent(SHOP, AccountTopic.ERROR, str(code), NOON),)
    assert len(reading.observations) == 1
    assert not reading.has_messages


@pytest.mark.parametrize("code", [131026, 131047, 131049, 131050, 130472, 130429])
def test_it_blames_no_account_for_what_is_about_the_person(code: int) -> None:
    status = {"id": "wamid.1", "status": "failed", "recipient_id": "12025550143", "errors": [{"code": code}]}

    assert read("messages", {"statuses": [status]}).account_events == ()


@pytest.mark.parametrize("field", ["smb_message_echoes", "history"])
def test_it_leaves_echoes_and_history_alone(field: str) -> None:
    assert read(field, {"event": "PAUSED", "message_template_name": "a", "errors": [{"code": 1}]}) == Reading()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KEYS = (
    "event", "ban_info", "violation_info", "restriction_info", "message_template_id", "message_template_name", "errors",
    "message_template_language", "new_quality_score", "new_category", "correct_category", "current_limit", "other_info",
    "display_phone_number", "reason",
)  # fmt: skip


@given(field=st.sampled_from([*AccountTopic, "messages", "x"]), value=st.dictionaries(st.sampled_from(_KEYS), _json))
def test_it_never_takes_them_for_an_answer(field: str, value: dict[str, object]) -> None:
    reading = read(field, value)

    assert reading.observations == ()
    assert not reading.has_messages
    for event in reading.account_events:
        assert event.event
        assert len(event.event) <= 40
