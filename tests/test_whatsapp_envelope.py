"""What the WhatsApp reader makes of envelopes, of text that databases refuse, and of nonsense."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preferences.interpretation import json_text, whatsapp
from preferences.interpretation.observations import Reading, SenderRef, UnreadableBodyError
from tests.whatsapp_bodies import STOP, change, only, raw_message, raw_status, read
from tests.whatsapp_samples import EXPECTED, SAMPLES


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
