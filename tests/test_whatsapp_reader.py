"""What the WhatsApp reader makes of every sample webhook, of new and broken shapes, and of nonsense."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preferences.interpretation import json_text, whatsapp
from preferences.interpretation.observations import (
    IdentityChange,
    IdentityLink,
    InboundMessage,
    MessageKind,
    Person,
    PreferenceChange,
    Reading,
    SenderRef,
    StatusUpdate,
    UnreadableBodyError,
)

SAMPLES = Path(__file__).parent / "fixtures" / "whatsapp"
INDEX = json.loads((SAMPLES / "INDEX.json").read_bytes())["files"]

SHOP = SenderRef("100000000000001", "200000000000002", "12025550100")
OTHER_SHOP = SenderRef("100000000000099", "200000000000099", "12025550199")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

ALICE = Person("+12025550143", "US.70000000000000000143")
ALICE_BY_PHONE = Person("+12025550143")
BILAL = Person("+447700900123", "GB.70000000000000000123")
CHIARA = Person(None, "IT.70000000000000000999")
CHIARA_WITH_PARENT = Person(None, "IT.70000000000000000999", "IT.ENT.80000000000000000999")
CHIARA_MOVED = Person(None, "IT.70000000000000001000")
#: Beside their messages the samples show a username of these two; failed and sent statuses show none.
USERNAMES = {CHIARA: "chiara_sample", CHIARA_WITH_PARENT: "chiara_sample", BILAL: "bilal.example"}

PROMOTION = "wamid.RklDVElPTi1PVVQtUFJPTU8tMQ=="


def second(offset: int) -> datetime:
    return NOON + timedelta(seconds=offset)


def message(name: str, kind: MessageKind, person: Person = ALICE, **more: Any) -> InboundMessage:
    known = {"sender": SHOP, "person": person, "message_id": name, "sent_at": NOON, "kind": kind}
    return InboundMessage(**known | {"username": USERNAMES.get(person, "")} | more)


def status(name: str, word: str, person: Person = ALICE, **more: Any) -> StatusUpdate:
    known = {"sender": SHOP, "person": person, "message_id": name, "status": word, "at": NOON}
    return StatusUpdate(**known | {"username": USERNAMES.get(person, "") if word == "delivered" else ""} | more)


def failure(code: int) -> StatusUpdate:
    at = second(1)
    return status(PROMOTION, "failed", ALICE_BY_PHONE, at=at, error_code=code, correlation_id="outbox:7f3c")


def preference(person: Person, *, is_stop: bool, at: datetime, source_id: str) -> PreferenceChange:
    username = USERNAMES.get(person, "")
    return PreferenceChange(SHOP, person, is_stop=is_stop, at=at, source_id=source_id, username=username)


def moved(previous: Person, current: Person, source_id: str) -> IdentityChange:
    return IdentityChange(sender=SHOP, previous=previous, current=current, at=NOON, source_id=source_id)


# By hand from the provider's documentation, one line per sample.
EXPECTED: dict[str, list[Any]] = {
    "text_stop.json": [message("wamid.RklDVElPTi1URVhULVNUT1AtMQ==", MessageKind.TEXT, text="STOP")],
    "text_stop_legacy_no_bsuid.json": [
        message("wamid.RklDVElPTi1URVhULVNUT1AtMA==", MessageKind.TEXT, ALICE_BY_PHONE, text="Stop")
    ],
    "text_with_bsuid_no_phone.json": [
        message("wamid.RklDVElPTi1URVhULVNUT1AtMg==", MessageKind.TEXT, CHIARA, text="stop messages please")
    ],
    "text_username_and_phone.json": [
        message("wamid.RklDVElPTi1URVhULVNUT1AtMw==", MessageKind.TEXT, BILAL, text="unsubscribe")
    ],
    "text_parent_bsuid_no_phone.json": [
        message("wamid.RklDVElPTi1URVhULVNUT1AtNA==", MessageKind.TEXT, CHIARA_WITH_PARENT, text="STOP")
    ],
    "text_stop_contextual_reply.json": [
        message("wamid.RklDVElPTi1URVhULVNUT1AtNQ==", MessageKind.TEXT, text="Stop.", context_id=PROMOTION)
    ],
    "text_stop_escaped_unicode.json": [
        message("wamid.RklDVElPTi1URVhULVNUT1AtNg==", MessageKind.TEXT, BILAL, text="إيقاف 🛑")
    ],
    "text_not_optout_contains_stop.json": [
        message("wamid.RklDVElPTi1URVhULUNIQVQtMQ==", MessageKind.TEXT, text="Which bus stop is nearest to your shop?")
    ],
    "text_start.json": [
        message("wamid.RklDVElPTi1URVhULVNUQVJULTE=", MessageKind.TEXT, text="START", sent_at=second(86_400))
    ],
    "text_ctwa_referral.json": [message("wamid.RklDVElPTi1URVhULUFELTE=", MessageKind.TEXT, text="Hi, tell me more")],
    "text_group_message.json": [
        message("wamid.RklDVElPTi1URVhULUdST1VQLTE=", MessageKind.TEXT, text="STOP", is_group=True)
    ],
    "button_quick_reply_stop.json": [
        message(
            "wamid.RklDVElPTi1CVE4tMQ==",
            MessageKind.TEMPLATE_BUTTON,
            text="Stop promotions",
            payload="optout:marketing:v1",
            context_id=PROMOTION,
        )
    ],
    "button_quick_reply_stop_default_payload.json": [
        message(
            "wamid.RklDVElPTi1CVE4tMg==",
            MessageKind.TEMPLATE_BUTTON,
            text="Stop promotions",
            payload="Stop promotions",
            context_id="wamid.RklDVElPTi1PVVQtUFJPTU8tMg==",
        )
    ],
    "button_quick_reply_stop_bsuid_only.json": [
        message(
            "wamid.RklDVElPTi1CVE4tMw==",
            MessageKind.TEMPLATE_BUTTON,
            CHIARA,
            text="Blocca promozioni",
            payload="optout:marketing:v1",
            context_id="wamid.RklDVElPTi1PVVQtUFJPTU8tMw==",
        )
    ],
    "interactive_button_reply.json": [
        message(
            "wamid.RklDVElPTi1JTlQtMQ==",
            MessageKind.REPLY_BUTTON,
            text="Stop everything",
            payload="optout:all",
            context_id="wamid.RklDVElPTi1PVVQtTUVOVS0x",
        )
    ],
    "interactive_list_reply.json": [
        message(
            "wamid.RklDVElPTi1JTlQtMg==",
            MessageKind.LIST_REPLY,
            text="Newsletter",
            payload="optout:topic:newsletter",
            context_id="wamid.RklDVElPTi1PVVQtTUVOVS0y",
        )
    ],
    "interactive_nfm_reply.json": [
        message(
            "wamid.RklDVElPTi1JTlQtMw==",
            MessageKind.FLOW,
            payload='{"flow_token": "pref-centre-42", "marketing": "off", "reason": "too_many"}',
            context_id="wamid.RklDVElPTi1PVVQtRkxPVy0x",
        )
    ],
    "interactive_call_permission_reply.json": [
        message(
            "wamid.RklDVElPTi1JTlQtNA==",
            MessageKind.CALL_PERMISSION,
            payload="reject",
            context_id="wamid.RklDVElPTi1PVVQtQ0FMTFBFUk0tMQ==",
        )
    ],
    "reaction.json": [message("wamid.RklDVElPTi1SRUEtMQ==", MessageKind.REACTION, text="👎", context_id=PROMOTION)],
    "reaction_removed.json": [message("wamid.RklDVElPTi1SRUEtMg==", MessageKind.REACTION, context_id=PROMOTION)],
    "request_welcome.json": [message("wamid.RklDVElPTi1XRUwtMQ==", MessageKind.WELCOME)],
    "image_with_caption_stop.json": [message("wamid.RklDVElPTi1JTUctMQ==", MessageKind.CAPTION, text="STOP")],
    "contacts_shared_phone.json": [
        message("wamid.RklDVElPTi1DT04tMQ==", MessageKind.CONTACTS, CHIARA),
        IdentityLink(sender=SHOP, person=Person("+447700900456", "IT.70000000000000000999"), at=NOON),
    ],
    "unsupported_message.json": [message("wamid.RklDVElPTi1VTlMtMQ==", MessageKind.UNSUPPORTED)],
    "unsupported_131060_unavailable.json": [message("wamid.RklDVElPTi1VTlMtMg==", MessageKind.UNAVAILABLE)],
    "edit_message.json": [
        message(
            "wamid.RklDVElPTi1FRFQtMQ==",
            MessageKind.EDIT,
            text="STOP",
            context_id="wamid.RklDVElPTi1URVhULUNIQVQtMQ==",
        )
    ],
    "revoke_message.json": [
        message("wamid.RklDVElPTi1SRVYtMQ==", MessageKind.REVOKE, context_id="wamid.RklDVElPTi1URVhULVNUT1AtMQ==")
    ],
    "system_user_changed_number.json": [
        moved(BILAL, Person("+447700900777", "GB.70000000000000000777"), "wamid.RklDVElPTi1TWVMtMQ==")
    ],
    "system_user_changed_number_legacy.json": [
        moved(Person("+447700900123"), Person("+447700900777"), "wamid.RklDVElPTi1TWVMtMA==")
    ],
    "system_user_changed_user_id.json": [moved(CHIARA, CHIARA_MOVED, "wamid.RklDVElPTi1TWVMtMg==")],
    "system_user_changed_user_id_parent.json": [
        moved(
            CHIARA_WITH_PARENT,
            Person(None, "IT.70000000000000001000", "IT.ENT.80000000000000001000"),
            "wamid.RklDVElPTi1TWVMtMw==",
        )
    ],
    "user_id_update_retracted.json": [
        moved(
            CHIARA,
            CHIARA_MOVED,
            "user_id_update:200000000000002:IT.70000000000000000999:IT.70000000000000001000:1795348800",
        )
    ],
    "user_preferences_stop.json": [
        preference(
            ALICE, is_stop=True, at=NOON, source_id="pref:200000000000002:US.70000000000000000143:stop:1795348800"
        )
    ],
    "user_preferences_resume.json": [
        preference(
            ALICE,
            is_stop=False,
            at=second(3600),
            source_id="pref:200000000000002:US.70000000000000000143:resume:1795352400",
        )
    ],
    "user_preferences_stop_bsuid_only.json": [
        preference(
            CHIARA_WITH_PARENT,
            is_stop=True,
            at=NOON,
            source_id="pref:200000000000002:IT.70000000000000000999:stop:1795348800",
        )
    ],
    "user_preferences_stop_legacy.json": [
        preference(ALICE_BY_PHONE, is_stop=True, at=NOON, source_id="pref:200000000000002:12025550143:stop:1795348800")
    ],
    "user_preferences_many.json": [
        preference(
            ALICE, is_stop=True, at=NOON, source_id="pref:200000000000002:US.70000000000000000143:stop:1795348800"
        ),
        preference(
            CHIARA, is_stop=True, at=NOON, source_id="pref:200000000000002:IT.70000000000000000999:stop:1795348800"
        ),
        preference(
            ALICE,
            is_stop=False,
            at=second(60),
            source_id="pref:200000000000002:US.70000000000000000143:resume:1795348860",
        ),
    ],
    "status_sent.json": [status(PROMOTION, "sent", category="marketing", correlation_id="outbox:7f3c")],
    "status_delivered.json": [
        status(PROMOTION, "delivered", at=second(2), category="marketing", correlation_id="outbox:7f3c")
    ],
    "status_read.json": [status(PROMOTION, "read", at=second(9), correlation_id="outbox:7f3c")],
    "status_delivered_bsuid_only.json": [status("wamid.RklDVElPTi1PVVQtQ09ORi0y", "delivered", CHIARA)],
    "status_delivered_legacy.json": [status(PROMOTION, "delivered", ALICE_BY_PHONE, category="marketing")],
    "status_failed_131050.json": [failure(131050)],
    "status_failed_131049.json": [failure(131049)],
    "status_failed_130472.json": [failure(130472)],
    "status_failed_131026.json": [failure(131026)],
    "status_failed_131047.json": [failure(131047)],
    "status_failed_130403.json": [failure(130403)],
    "status_failed_131050_bsuid_only.json": [
        status("wamid.RklDVElPTi1PVVQtUFJPTU8tOQ==", "failed", CHIARA, error_code=131050)
    ],
    "batch_many_messages.json": [
        message("wamid.RklDVElPTi1CLTE=", MessageKind.TEXT, text="hello"),
        message("wamid.RklDVElPTi1CLTI=", MessageKind.TEXT, CHIARA, text="STOP", sent_at=second(1)),
        message(
            "wamid.RklDVElPTi1CLTM=",
            MessageKind.TEMPLATE_BUTTON,
            text="Stop promotions",
            payload="optout:marketing:v1",
            context_id=PROMOTION,
            sent_at=second(2),
        ),
        status(PROMOTION, "failed", ALICE_BY_PHONE, error_code=131050),
        status("wamid.RklDVElPTi1PVVQtUFJPTU8tNA==", "read", BILAL),
        status("wamid.RklDVElPTi1PVVQtUFJPTU8tNA==", "delivered", BILAL, at=second(-5), username=""),
        preference(
            BILAL, is_stop=True, at=NOON, source_id="pref:200000000000002:GB.70000000000000000123:stop:1795348800"
        ),
        message("wamid.RklDVElPTi1CLTQ=", MessageKind.TEXT, BILAL, text="STOP", sent_at=second(3), sender=OTHER_SHOP),
        message("wamid.RklDVElPTi1CLTQ=", MessageKind.TEXT, BILAL, text="STOP", sent_at=second(3), sender=OTHER_SHOP),
    ],
    "smb_message_echo_business_says_stop.json": [],
    "errors_value_level.json": [],
    "user_actions_link_click.json": [],
    "unknown_future_field.json": [],
    "account_update_violation.json": [],
    "account_update_disabled.json": [],
    "phone_number_quality_update.json": [],
    "message_template_quality_update.json": [],
    "message_template_status_update_paused.json": [],
    "template_category_update.json": [],
}
BULK = "batch_1000_updates.json"


def test_it_is_tested_with_every_sample() -> None:
    assert {name for name, note in INDEX.items() if note["kind"] == "meta-webhook"} == {*EXPECTED, BULK}


@pytest.mark.parametrize("name", EXPECTED)
def test_it_reads_the_sample(name: str) -> None:
    reading = whatsapp.read((SAMPLES / name).read_bytes())

    assert list(reading.observations) == EXPECTED[name]
    assert reading.unknown == (("field:brand_new_field",) if name == "unknown_future_field.json" else ())
    statuses_only = all(isinstance(observation, StatusUpdate) for observation in EXPECTED[name])
    assert reading.has_messages is not statuses_only


def test_it_reads_a_thousand_updates_in_one_body() -> None:
    reading = whatsapp.read((SAMPLES / BULK).read_bytes())

    texts = [observation.text for observation in reading.observations if isinstance(observation, InboundMessage)]
    assert len(texts) == 1000
    assert [place for place, text in enumerate(texts) if text == "STOP"] == [777]
    assert {observation.person for observation in reading.observations} == {ALICE}  # type: ignore[union-attr]
    assert reading.has_messages
    assert not reading.unknown


def change(field: str | None = "messages", **value: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "12025550100", "phone_number_id": "200000000000002"}
    named = {} if field is None else {"field": field}
    return {**named, "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}


def read(*changes: Any) -> Reading:
    entry = {"id": "100000000000001", "changes": list(changes)}
    return whatsapp.read(json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode())


def raw_message(**more: Any) -> dict[str, Any]:
    stop = {"from": "12025550143", "id": "wamid.1", "timestamp": "1795348800", "type": "text", "text": {"body": "STOP"}}
    return {key: value for key, value in (stop | more).items() if value is not None}


def raw_status(**more: Any) -> dict[str, Any]:
    sent = {"id": "wamid.1", "status": "delivered", "timestamp": "1795348800", "recipient_id": "12025550143"}
    return {key: value for key, value in (sent | more).items() if value is not None}


def only(reading: Reading) -> Any:
    assert len(reading.observations) == 1
    return reading.observations[0]


STOP = message("wamid.1", MessageKind.TEXT, ALICE_BY_PHONE, text="STOP")


class TestPeople:
    @pytest.mark.parametrize(
        ("ids", "contacts", "person"),
        [
            ({}, [{"wa_id": "12025550143", "user_id": "US.1"}], Person("+12025550143", "US.1")),
            ({}, [{"user_id": "GB.2"}, {"wa_id": "12025550143", "user_id": "US.1"}], Person("+12025550143", "US.1")),
            ({"from_user_id": "US.1"}, [{"wa_id": "12025550143"}], Person("+12025550143", "US.1")),
            (
                {"from": None, "from_user_id": "US.1"},
                [{"wa_id": "447700900123", "user_id": "GB.2"}, {"wa_id": "12025550143", "user_id": "US.1"}],
                Person("+12025550143", "US.1"),
            ),
            (
                {"from_user_id": "US.1"},
                [{"wa_id": "12025550143", "user_id": "US.1", "parent_user_id": "US.ENT.1"}],
                Person("+12025550143", "US.1", "US.ENT.1"),
            ),
            # A single contact without a common id can only be the one person there is.
            ({}, [{"user_id": "US.1"}], Person("+12025550143", "US.1")),
            ({"from": None}, [{"wa_id": "12025550143"}], Person("+12025550143")),
            # Contradictions: what the message says itself stands alone.
            ({}, [{"wa_id": "447700900123", "user_id": "GB.2"}], Person("+12025550143")),
            ({"from_user_id": "US.1"}, [{"wa_id": "12025550143", "user_id": "GB.2"}], Person("+12025550143", "US.1")),
            (
                {"from_user_id": "US.1"},
                [{"wa_id": "447700900123", "user_id": "US.1", "parent_user_id": "US.ENT.1"}],
                Person("+12025550143", "US.1"),
            ),
            (
                {"from_user_id": "US.1", "from_parent_user_id": "US.ENT.1"},
                [{"wa_id": "12025550143", "user_id": "US.1", "parent_user_id": "US.ENT.2"}],
                Person("+12025550143", "US.1", "US.ENT.1"),
            ),
            # One id listed for two people identifies neither.
            (
                {},
                [{"wa_id": "12025550143", "user_id": "US.1"}, {"wa_id": "12025550143", "user_id": "US.2"}],
                Person("+12025550143"),
            ),
            # Neither position nor junk counts.
            ({}, [{"user_id": "GB.2"}, {"user_id": "US.1"}], Person("+12025550143")),
            ({}, [None, {"wa_id": 5}, {"user_id": ["US.1"]}, {"user_id": ""}, 7], Person("+12025550143")),
            ({}, {"wa_id": "12025550143", "user_id": "US.1"}, Person("+12025550143")),
            ({"from": "", "from_user_id": "US.1"}, [], Person(None, "US.1")),
            ({"from": "0", "from_user_id": "US.1"}, [], Person(None, "US.1")),
            ({"from_user_id": "US." + "1" * 200}, [], Person("+12025550143")),
        ],
    )
    def test_it_completes_a_person_by_id(self, ids: dict[str, Any], contacts: Any, person: Person) -> None:
        reading = read(change(contacts=contacts, messages=[raw_message(**ids)]))

        assert only(reading).person == person

    def test_it_gives_a_single_contact_to_nobody_when_there_are_several_messages(self) -> None:
        messages = [raw_message(), raw_message(**{"from": None, "from_user_id": "US.1"})]

        reading = read(change(contacts=[{"user_id": "US.1"}], messages=messages))

        assert [observation.person for observation in reading.observations] == [  # type: ignore[union-attr]
            Person("+12025550143"),
            Person(None, "US.1"),
        ]

    def test_it_says_when_a_message_is_nobodys(self) -> None:
        reading = read(change(messages=[raw_message(**{"from": None}), raw_message()]))

        assert reading.observations == (STOP,)
        assert reading.unknown == ("message_without_person",)
        assert reading.has_messages

    def test_it_completes_the_person_of_a_status(self) -> None:
        contacts = [{"user_id": "GB.2", "wa_id": "447700900123"}, {"user_id": "US.1", "wa_id": "12025550143"}]

        reading = read(change(contacts=contacts, statuses=[raw_status()]))

        assert only(reading).person == Person("+12025550143", "US.1")

    def test_it_completes_the_person_of_a_preference(self) -> None:
        contacts = [{"user_id": "GB.2"}, {"user_id": "US.1", "wa_id": "12025550143"}]
        switch = {"wa_id": "12025550143", "category": "marketing_messages", "value": "stop", "timestamp": 1795348800}

        reading = read(change("user_preferences", contacts=contacts, user_preferences=[switch]))

        assert only(reading).person == Person("+12025550143", "US.1")
        assert only(reading).source_id == "pref:200000000000002:US.1:stop:1795348800"


class TestMessages:
    @pytest.mark.parametrize(
        ("raw", "expected", "unknown"),
        [
            ({"type": "order", "order": {"text": "two please"}}, {"text": "two please"}, ()),
            ({"type": "location", "location": {"latitude": 1}}, {}, ()),
            ({"type": "video", "video": {"caption": "stop"}}, {"kind": MessageKind.CAPTION, "text": "stop"}, ()),
            ({"type": "document", "document": {"id": "1"}}, {}, ()),
            ({"type": "audio", "audio": {"id": "1"}}, {}, ()),
            ({"type": "sticker"}, {}, ()),
            ({"type": "poll", "poll": {"body": "stop"}}, {"text": "stop"}, ("message_type:poll",)),
            ({"type": "poll", "poll": {"caption": "stop"}}, {"text": "stop"}, ("message_type:poll",)),
            ({"type": "poll", "poll": "stop"}, {"text": "stop"}, ("message_type:poll",)),
            ({"type": "poll", "poll": ["stop"]}, {}, ("message_type:poll",)),
            ({"type": "foo", "text": {"body": "stop"}}, {"text": "stop"}, ("message_type:foo",)),
            (
                {"type": None, "text": {"body": "stop"}},
                {"kind": MessageKind.TEXT, "text": "stop"},
                ("message_type:missing",),
            ),
            ({"type": ["text"]}, {"text": "STOP"}, ("message_type:malformed",)),
            ({"type": "Ünknown TYPE" + "x" * 90}, {"text": "STOP"}, ("message_type:_nknown_type" + "x" * 35,)),
            ({"text": None}, {"kind": MessageKind.TEXT}, ("message_empty:text",)),
            ({"text": {"body": 5}}, {"kind": MessageKind.TEXT}, ("message_empty:text",)),
            ({"type": "button", "button": 5}, {"kind": MessageKind.TEMPLATE_BUTTON}, ("message_empty:button",)),
            (
                {"type": "interactive", "interactive": {"button_reply": {"id": "optout:all"}}},
                {"kind": MessageKind.REPLY_BUTTON, "payload": "optout:all"},
                (),
            ),
            (
                {
                    "type": "interactive",
                    "interactive": {"type": "new_reply", "new_reply": {"id": "1", "title": "Stop"}},
                },
                {"text": "Stop", "payload": "1"},
                ("interactive_type:new_reply",),
            ),
            ({"type": "interactive", "interactive": None}, {}, ("interactive_type:missing",)),
            ({"type": "reaction"}, {"kind": MessageKind.REACTION}, ()),
            (
                {"type": "edit", "edit": {"message": {"type": "image", "image": {"caption": "stop"}}}},
                {"kind": MessageKind.EDIT, "text": "stop"},
                (),
            ),
            ({"type": "edit", "edit": {"original_message_id": 5}}, {"kind": MessageKind.EDIT}, ()),
            ({"type": "revoke", "revoke": []}, {"kind": MessageKind.REVOKE}, ()),
            ({"type": "unsupported"}, {"kind": MessageKind.UNSUPPORTED}, ()),
            (
                {"type": "unsupported", "errors": [None, {"code": 131051}, {"code": "131060"}]},
                {"kind": MessageKind.UNAVAILABLE},
                (),
            ),
        ],
    )
    def test_it_reads_other_shapes(self, raw: dict[str, Any], expected: dict[str, Any], unknown: tuple[str]) -> None:
        reading = read(change(messages=[raw_message(**raw)]))

        assert only(reading) == message("wamid.1", **{"kind": MessageKind.OTHER, "person": ALICE_BY_PHONE} | expected)
        assert reading.unknown == unknown

    @pytest.mark.parametrize("field", ["messages", "standby"])
    def test_it_marks_conversations_held_by_an_agent(self, field: str) -> None:
        echo = raw_message(**{"from": "12025550100", "to": "12025550143", "text": {"body": "Reply STOP"}})

        reading = read(change(field, messages=[raw_message()], statuses=[raw_status()], message_echoes=[echo]))

        told, delivered = reading.observations
        assert told == message("wamid.1", MessageKind.TEXT, ALICE_BY_PHONE, text="STOP", is_standby=field == "standby")
        assert delivered == status("wamid.1", "delivered", ALICE_BY_PHONE)
        assert reading.unknown == ()

    @pytest.mark.parametrize("field", ["history", "smb_message_echoes"])
    def test_it_never_takes_the_past_or_our_own_words_for_an_answer(self, field: str) -> None:
        thread = {"threads": [{"id": "12025550143", "messages": [raw_message()]}]}

        reading = read(change(field, history=[thread], message_echoes=[raw_message()], messages=[raw_message()]))

        assert reading == Reading()

    def test_it_never_takes_a_message_from_our_own_number_for_an_answer(self) -> None:
        reading = read(change("automation_echoes", messages=[raw_message(**{"from": "12025550100"})]))

        assert reading.observations == ()
        assert reading.unknown == ("field:automation_echoes", "message_from_ourselves")

    def test_it_derives_a_stable_id_for_a_message_without_one(self) -> None:
        raw = raw_message(id=None)
        canonical = json.dumps(raw, sort_keys=True, separators=(",", ":")).encode()
        same = dict(reversed(raw.items()))

        first, second_time = read(change(messages=[raw])), read(change(messages=[same]))

        assert only(first).message_id == "derived:" + hashlib.sha256(canonical).hexdigest()
        assert only(first).text == "STOP"
        assert first.unknown == ("message_without_id",)
        assert first == second_time

    @pytest.mark.parametrize(
        ("timestamp", "sent_at"),
        [
            ("1795348800", NOON),
            (1795348800, NOON),
            (1230768000, datetime(2009, 1, 1, tzinfo=UTC)),
            (1230767999, None),
            (4102444799, datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)),
            (4102444800, None),
            ("1795348800000", None),
            (10**300, None),
            (-1795348800, None),
            (1795348800.5, None),
            (True, None),
            ("", None),
            ("soon", None),
            ("1_795_348_", None),
            ("１７９５３４８８００", None),
            (None, None),
            ({}, None),
        ],
    )
    def test_it_believes_only_sensible_times(self, timestamp: Any, sent_at: datetime | None) -> None:
        reading = read(change(messages=[raw_message(timestamp=timestamp)]))

        assert only(reading).sent_at == sent_at


class TestSharedContacts:
    @pytest.mark.parametrize(
        ("card", "more", "phone"),
        [
            ({"origin": "contact_request", "phones": [{"wa_id": "447700900456"}]}, {}, "+447700900456"),
            ({"phones": [{"wa_id": "447700900456"}]}, {"origin": "contact_request"}, "+447700900456"),
            ({"origin": "contact_request", "phones": [{"phone": "+44 7700 900456"}]}, {}, "+447700900456"),
            (
                {"origin": "contact_request", "phones": [{"wa_id": "551187654321"}, {"phone": "+5511987654321"}]},
                {},
                "+551187654321",
            ),
            ({"origin": "other", "phones": [{"wa_id": "447700900456"}]}, {}, None),
            ({"origin": "other", "phones": [{"wa_id": "447700900456"}]}, {"origin": "contact_request"}, None),
            ({"phones": [{"wa_id": "447700900456"}]}, {}, None),
            ({"origin": "contact_request", "phones": [{"phone": "202 555 0143"}]}, {}, None),
            ({"origin": "contact_request", "phones": [{"phone": "+1 call me"}, None, {"wa_id": 5}]}, {}, None),
            ({"origin": "contact_request", "phones": {"wa_id": "447700900456"}}, {}, None),
            ({"origin": "contact_request"}, {}, None),
        ],
    )
    def test_it_links_a_phone_only_when_we_asked_for_it(
        self, card: dict[str, Any], more: dict[str, Any], phone: str | None
    ) -> None:
        raw = raw_message(
            **{"from": None, "from_user_id": "GB.2", "type": "contacts", "contacts": [card, None], **more}
        )

        shared, *links = read(change(messages=[raw])).observations

        assert shared == message("wamid.1", MessageKind.CONTACTS, Person(None, "GB.2"))
        assert links == ([IdentityLink(sender=SHOP, person=Person(phone, "GB.2"), at=NOON)] if phone else [])

    def test_it_links_nothing_when_two_lines_were_shared(self) -> None:
        card = {"origin": "contact_request", "phones": [{"wa_id": "447700900456"}, {"wa_id": "447700900789"}]}

        reading = read(change(messages=[raw_message(from_user_id="GB.2", type="contacts", contacts=[card])]))

        assert only(reading).kind is MessageKind.CONTACTS
        assert reading.unknown == ("contact_request_ambiguous",)

    def test_it_links_nothing_when_the_shared_line_is_not_the_senders(self) -> None:
        card = {"origin": "contact_request", "phones": [{"wa_id": "447700900456"}]}

        reading = read(change(messages=[raw_message(from_user_id="US.1", type="contacts", contacts=[card])]))

        assert only(reading).person == Person("+12025550143", "US.1")
        assert reading.unknown == ("contact_request_ambiguous",)


class TestIdentityChanges:
    @pytest.mark.parametrize(
        ("system", "unknown"),
        [
            ({"type": "user_joined_planet", "wa_id": "447700900777"}, "system_type:user_joined_planet"),
            ({"wa_id": "447700900777"}, "system_type:missing"),
            ("moved", "system_type:missing"),
            ({"type": "user_changed_number", "body": "changed from 1 to 2"}, "identity_change_incomplete"),
            ({"type": "user_changed_number", "wa_id": "12025550143"}, "identity_change_incomplete"),
            ({"type": "user_changed_user_id", "user_id": 5}, "identity_change_incomplete"),
        ],
    )
    def test_it_never_guesses_an_identity(self, system: Any, unknown: str) -> None:
        reading = read(change(messages=[raw_message(type="system", system=system, text=None)]))

        assert reading == Reading(unknown=(unknown,), has_messages=True)

    def test_it_keeps_a_change_without_id(self) -> None:
        system = {"type": "user_changed_number", "wa_id": "447700900777"}

        reading = read(change(messages=[raw_message(type="system", system=system, id=None)]))

        assert only(reading).current == Person("+447700900777")
        assert only(reading).source_id.startswith("derived:")

    def test_it_reads_the_withdrawn_field_with_parents(self) -> None:
        update = {
            "wa_id": "447700900777",
            "user_id": {"previous": "GB.1", "current": "GB.2"},
            "parent_user_id": {"previous": "GB.ENT.1", "current": "GB.ENT.2"},
            "timestamp": 1795348800,
        }

        reading = read(change("user_id_update", user_id_update=[update]))

        assert only(reading).previous == Person(None, "GB.1", "GB.ENT.1")
        assert only(reading).current == Person("+447700900777", "GB.2", "GB.ENT.2")
        assert reading.has_messages

    @pytest.mark.parametrize("user_id", [None, "GB.2", {"current": "GB.2"}, {"previous": "GB.1", "current": "GB.1"}])
    def test_it_notes_an_incomplete_update(self, user_id: Any) -> None:
        reading = read(change("user_id_update", user_id_update=[{"user_id": user_id, "timestamp": 1795348800}]))

        assert reading == Reading(unknown=("identity_change_incomplete",), has_messages=True)


class TestStatuses:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            ({"status": "played"}, {}),
            ({"recipient_parent_user_id": "US.ENT.1"}, {"person": Person("+12025550143", None, "US.ENT.1")}),
            ({"pricing": {"category": "utility"}}, {"category": "utility"}),
            ({"conversation": {"origin": {"type": "service"}}}, {"category": "service"}),
            (
                {"pricing": {"category": "utility"}, "conversation": {"origin": {"type": "service"}}},
                {"category": "utility"},
            ),
            ({"pricing": "utility", "conversation": 5}, {}),
            ({"pricing": {"category": "x" * 500}}, {"category": "x" * 64}),
            ({"errors": [{"code": "131049"}]}, {"error_code": 131049}),
            ({"errors": [{}, None, {"code": 131026}, {"code": 1}]}, {"error_code": 131026}),
            ({"errors": [{"code": 131026}, {"code": 131050}]}, {"error_code": 131050}),
            ({"errors": [{"code": 10**12}, {"code": True}, {"code": "x"}, {"code": 1.5}]}, {}),
            ({"errors": {"code": 131050}}, {}),
            ({"biz_opaque_callback_data": 5}, {}),
            (
                {"recipient_type": "group", "recipient_id": "120363000000000"},
                {"person": Person(), "is_group": True},
            ),
            (
                {"recipient_type": "group", "recipient_participant_id": "447700900123"},
                {"person": Person("+447700900123"), "is_group": True},
            ),
        ],
    )
    def test_it_reads_other_shapes(self, raw: dict[str, Any], expected: dict[str, Any]) -> None:
        reading = read(change(statuses=[raw_status(**raw)]))

        fields_of_status = {"word": raw.get("status", "delivered"), "person": ALICE_BY_PHONE} | expected
        assert only(reading) == status("wamid.1", **fields_of_status)
        assert reading.unknown == ()
        assert not reading.has_messages

    def test_it_gives_a_group_status_no_person_from_the_contacts(self) -> None:
        raw = raw_status(recipient_type="group")

        reading = read(change(contacts=[{"wa_id": "12025550143"}], statuses=[raw]))

        assert only(reading).person == Person()

    def test_it_keeps_a_status_that_names_nobody(self) -> None:
        reading = read(change(statuses=[raw_status(recipient_id=None, biz_opaque_callback_data="outbox:1")]))

        assert only(reading) == status("wamid.1", "delivered", Person(), correlation_id="outbox:1")
        assert reading.unknown == ("status_without_person",)

    def test_it_keeps_a_status_without_id(self) -> None:
        reading = read(change(statuses=[raw_status(id=None, status="failed", errors=[{"code": 131050}])]))

        assert only(reading).error_code == 131050
        assert only(reading).message_id.startswith("derived:")
        assert reading.unknown == ("status_without_id",)

    @pytest.mark.parametrize(
        ("word", "unknown"), [("warning", "status:warning"), (None, "status:missing"), (["sent"], "status:malformed")]
    )
    def test_it_names_a_status_it_does_not_know(self, word: Any, unknown: str) -> None:
        reading = read(change(statuses=[raw_status(status=word), raw_status()]))

        assert len(reading.observations) == 1
        assert reading.unknown == (unknown,)


class TestPreferences:
    @pytest.mark.parametrize(
        ("raw", "unknown"),
        [
            ({"category": "newsletters"}, "preference_category:newsletters"),
            ({"category": None}, "preference_category:missing"),
            ({"value": "pause"}, "preference_value:pause"),
            ({"value": {"stop": 1}}, "preference_value:malformed"),
            ({"wa_id": None}, "preference_without_person"),
        ],
    )
    def test_it_names_a_preference_it_does_not_know(self, raw: dict[str, Any], unknown: str) -> None:
        switch = {"wa_id": "12025550143", "category": "marketing_messages", "value": "stop", "timestamp": 1795348800}

        reading = read(change("user_preferences", user_preferences=[switch | raw]))

        assert reading == Reading(unknown=(unknown,), has_messages=True)

    def test_it_reads_a_time_given_as_text(self) -> None:
        switch = {"user_id": "US.1", "category": "marketing_messages", "value": "resume", "timestamp": "1795348800"}

        reading = read(change("user_preferences", user_preferences=[switch]))

        source_id = "pref:200000000000002:US.1:resume:1795348800"
        assert only(reading) == preference(Person(None, "US.1"), is_stop=False, at=NOON, source_id=source_id)


class TestEnvelope:
    def test_it_goes_by_keys_when_the_field_is_wrong(self) -> None:
        reading = read(change("brand_new_field", messages=[raw_message()]), change(None, messages=[raw_message()]))

        assert reading.observations == (STOP, STOP)
        assert reading.unknown == ("field:brand_new_field", "field:missing")

    def test_it_names_new_keys_beside_known_ones(self) -> None:
        reading = read(change(messages=[raw_message()], brand_new_array=[{"x": 1}]))

        assert reading == Reading((STOP,), ("key:brand_new_array",), has_messages=True)

    @pytest.mark.parametrize(
        "field", ["message_template_components_update", "message_template_status_update", "account_update"]
    )
    def test_it_has_nothing_to_say_about_accounts_and_templates(self, field: str) -> None:
        assert read({"field": field, "value": None}, {"field": field, "value": {"anything": [1]}}) == Reading()

    def test_it_keeps_an_answer_that_names_no_sender(self) -> None:
        reading = read({"field": "messages", "value": {"messages": [raw_message()]}})

        assert only(reading).sender == SenderRef("100000000000001", "", "")
        assert reading.unknown == ("sender_missing",)

    def test_it_reads_ids_given_as_numbers(self) -> None:
        value = {"metadata": {"phone_number_id": 200000000000002}, "messages": [raw_message()]}
        body = {"entry": [{"id": 100000000000001, "changes": [{"field": "messages", "value": value}]}]}

        reading = whatsapp.read(json.dumps(body).encode())

        assert only(reading).sender == SenderRef("100000000000001", "200000000000002", "")

    @pytest.mark.parametrize(
        ("broken", "unknown"),
        [
            (None, "field:missing"),
            ([], "field:missing"),
            ({"field": 5, "value": {}}, "field:malformed"),
            ({"field": "messages"}, "value_malformed:messages"),
            ({"field": "messages", "value": [1]}, "value_malformed:messages"),
            (change(messages={"id": "wamid.9"}), "messages_malformed"),
            (change(messages=[None, 5, "STOP", [], True]), "messages_malformed"),
            (change(statuses="delivered"), "statuses_malformed"),
            (change(user_preferences=[5]), "user_preferences_malformed"),
            (change(user_id_update={"user_id": {}}), "user_id_update_malformed"),
        ],
    )
    def test_it_reads_the_neighbours_of_something_broken(self, broken: Any, unknown: str) -> None:
        reading = read(broken, change(messages=[raw_message()]))

        assert reading.observations == (STOP,)
        assert unknown in reading.unknown

    def test_it_reads_the_neighbours_of_a_broken_entry(self) -> None:
        good = {"id": "100000000000001", "changes": [change(messages=[raw_message()])]}
        body = {"entry": [None, {"id": "1"}, {"changes": 5}, good]}

        assert whatsapp.read(json.dumps(body).encode()) == Reading(
            (STOP,), ("entry_without_changes",), has_messages=True
        )

    @pytest.mark.parametrize(
        "value", [{"messages": [None]}, {"messages": "STOP"}, {"user_preferences": [{}]}, {"user_id_update": [5]}]
    )
    def test_it_says_that_a_body_held_answers_it_could_not_read(self, value: dict[str, Any]) -> None:
        assert read(change(**value)).has_messages

    @pytest.mark.parametrize("value", [{"messages": []}, {"statuses": [raw_status()]}, {"message_echoes": [{}]}])
    def test_it_says_that_a_body_held_no_answers(self, value: dict[str, Any]) -> None:
        assert not read(change(**value)).has_messages

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"STOP",
            b"null",
            b"[]",
            b'"entry"',
            b"{}",
            b'{"entry": {}}',
            b'{"entry": null}',
            b'{"entry": [NaN]}',
            b'{"entry": [-Infinity]}',
            b'{"entry": [' + b"9" * 5000 + b"]}",
            b'{"entry": ' + b"[" * 200_000,
            b'{"entry": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
            b'{"entry": [], "x": ' + b'{"a":' * 200_000 + b"1" + b"}" * 200_001,
            b'{"entry": []} {}',
            b'{"entry": ["\x00"]}',
            b"\xff\xfe\x00",
            b"From=whatsapp%3A%2B12025550143&Body=STOP",
        ],
    )
    def test_it_refuses_what_is_no_webhook(self, body: bytes) -> None:
        with pytest.raises(UnreadableBodyError) as refusal:
            whatsapp.read(body)

        assert refusal.value.__cause__ is None
        assert len(str(refusal.value)) < 80

    @pytest.mark.parametrize("innermost", [b'"x"', rb'"\ud800"'])
    def test_it_reads_or_refuses_deep_nesting(self, innermost: bytes) -> None:
        envelope = json.dumps({"entry": [{"changes": [change(messages=[raw_message(id=None, deep=0)])]}]}).encode()
        read_depths, refused_depths = [], []

        # Every depth around Python's limit, since each step of the way down meets the limit at another one.
        for depth in range(200, 1000):
            deep = b'"deep": ' + b"[" * depth + innermost + b"]" * depth
            try:
                assert only(whatsapp.read(envelope.replace(b'"deep": 0', deep))).text == "STOP"
                read_depths.append(depth)
            except UnreadableBodyError:
                refused_depths.append(depth)

        assert max(read_depths) < min(refused_depths)

    def test_it_derives_no_id_from_bottomless_content(self) -> None:
        deep: list[object] = []
        for _ in range(100_000):
            deep = [deep]

        with pytest.raises(UnreadableBodyError):
            json_text.derived_id({"deep": deep})

    def test_it_counts_the_last_of_repeated_keys(self) -> None:
        raw = json.dumps(raw_message()).replace('"id":', '"id": "wamid.0", "id":')
        body = f'{{"entry": [], "entry": [{{"changes": [{{"field": "messages", "value": {{"messages": [{raw}]}}}}]}}]}}'

        assert only(whatsapp.read(body.encode())).message_id == "wamid.1"

    @pytest.mark.parametrize(
        ("written", "text"),
        [
            (rb"ST\u0000OP", "STOP"),
            (rb"STOP\ud83d", "STOP\ufffd"),
            (rb"STOP\uDE00\uD83D", "STOP\ufffd\ufffd"),
            (rb"\ud83d\u0000\ude00", "\ufffd\ufffd"),
            (rb"STOP \ud83d\uded1", "STOP 🛑"),
            (rb"\\u0000", r"\u0000"),
            ("إيقاف".encode(), "إيقاف"),
            (b"STOP\xff", "STOP\ufffd"),
            (b"STOP\xed\xa0\x80", "STOP\ufffd\ufffd\ufffd"),
        ],
    )
    def test_it_cleans_text_that_databases_refuse(self, written: bytes, text: str) -> None:
        envelope = json.dumps({"entry": [{"changes": [change(messages=[raw_message()])]}]}).encode()

        assert only(whatsapp.read(envelope.replace(b"STOP", written))).text == text

    def test_it_cleans_json_inside_json(self) -> None:
        assert json_text.loads('{"reason": "too\\u0000 many", "note": "\ud83d"}') == {
            "reason": "too many",
            "note": "\ufffd",
        }

    def test_it_reads_a_body_with_a_byte_order_mark(self) -> None:
        assert only(whatsapp.read(b"\xef\xbb\xbf" + (SAMPLES / "text_stop.json").read_bytes())).text == "STOP"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def words_of(value: Any) -> Iterator[str]:
    """Yield every key and every string of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from words_of(item)
    elif isinstance(value, dict):
        yield from value
        yield from words_of(list(value.values()))


WORDS = st.sampled_from(
    sorted({word for name in EXPECTED for word in words_of(json.loads((SAMPLES / name).read_bytes()))})
)
LEAVES = (
    WORDS
    | st.sampled_from(
        [
            "12025550143",
            "US.1",
            "1795348800",
            1795348800,
            "user_changed_number",
            "contact_request",
            "marketing_messages",
        ]
    )
    | st.sampled_from(["stop", "delivered", "failed", 131050, 131060, "unsupported", "\x00", "\ud800", "a\udc00\x00"])
    | st.none()
)
NEARLY_RIGHT = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=6), max_leaves=40
)
ARRAYS = st.sampled_from(["messages", "statuses", "user_preferences", "user_id_update", "contacts", "metadata"])


def strings_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from strings_in(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from strings_in(getattr(value, field.name))


def assert_storable(reading: Reading) -> None:
    for text in strings_in(reading):
        assert "\x00" not in text
        text.encode()
    for label in reading.unknown:
        assert 0 < len(label) <= 60
        assert set(label) <= set("abcdefghijklmnopqrstuvwxyz0123456789_:.")


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_it_raises_nothing_but_unreadable_body(body: bytes) -> None:
    try:
        reading = whatsapp.read(body)
    except UnreadableBodyError:
        return
    assert_storable(reading)


@given(st.dictionaries(ARRAYS, st.lists(NEARLY_RIGHT, max_size=4) | NEARLY_RIGHT, max_size=4), NEARLY_RIGHT)
def test_it_survives_everything_inside_an_envelope(value: dict[str, Any], field: Any) -> None:
    reading = read(
        {"field": "messages", "value": value}, {"field": field, "value": value}, change(messages=[raw_message()])
    )

    assert reading.observations[-1] == STOP
    assert_storable(reading)


@given(st.lists(st.sampled_from(sorted(EXPECTED)), max_size=6))
def test_it_reads_bodies_joined_as_it_reads_them_apart(names: list[str]) -> None:
    apart = [observation for name in names for observation in EXPECTED[name]]
    entries = [entry for name in names for entry in json.loads((SAMPLES / name).read_bytes())["entry"]]

    together = whatsapp.read(json.dumps({"entry": entries}).encode())

    assert list(together.observations) == apart
