"""What the WhatsApp reader makes of people, messages, statuses and switches, in new and broken shapes."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from preferences.interpretation.observations import IdentityLink, MessageKind, Person, Reading
from tests.whatsapp_bodies import STOP, change, only, raw_message, raw_status, read
from tests.whatsapp_samples import ALICE_BY_PHONE, NOON, SHOP, message, preference, status


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
        assert [words.text for words in reading.sent_words] == ["Reply STOP"]

    @pytest.mark.parametrize("field", ["history", "smb_message_echoes"])
    def test_it_never_takes_the_past_or_our_own_words_for_an_answer(self, field: str) -> None:
        thread = {"threads": [{"id": "12025550143", "messages": [raw_message()]}]}

        reading = read(change(field, history=[thread], message_echoes=[raw_message()], messages=[raw_message()]))

        assert reading._replace(sent_words=()) == Reading()

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

    def test_it_knows_that_the_person_stopped_marketing_under_whatever_word(self) -> None:
        reading = read(change(statuses=[raw_status(status="rejected", errors=[{"code": 131050}])]))

        assert (only(reading).error_code, reading.unknown) == (131050, ("status:rejected",))

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
