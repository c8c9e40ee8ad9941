"""What every sample webhook says, by hand from the provider's documentation, in the words of the reader."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from preferences.interpretation.observations import (
    IdentityChange,
    IdentityLink,
    InboundMessage,
    MessageKind,
    Person,
    PreferenceChange,
    SenderRef,
    StatusUpdate,
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
