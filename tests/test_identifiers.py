"""Spellings of numbers, user ids and addresses, and what may be shown of them."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preferences import identifiers
from preferences.identifiers import Identifier

WASHINGTON = Identifier("phone", "+12025550143", "+12025550143")


@pytest.mark.parametrize(
    "text",
    [
        "+12025550143",
        "12025550143",
        "0012025550143",
        "+1 (202) 555-0143",
        "001 202 555 0143",
        "(+1) 202.555.0143",
        "+1-202-555-0143",
        "+1\u00a0202\u202f555\u20110143",
        "+1/202/555/0143",
        "  +12025550143\n",
        "\u202a+1 202 555 0143\u202c",
        "\u200e+12025550143",
        "whatsapp:+12025550143",
        "WhatsApp: +1 202 555 0143",
        "＋１２０２５５５０１４３",
        "+١٢٠٢٥٥٥٠١٤٣",
    ],
)
def test_it_reads_every_spelling_of_a_number(text: str) -> None:
    assert identifiers.parse_recipient(text) == WASHINGTON


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("+44 (0)20 7946 0018", "+442079460018"),
        ("0044(0)2079460018", "+442079460018"),
        ("+39 (0)6 1234 5678", "+390612345678"),
        ("+6834000", "+6834000"),
        ("+123456789012345", "+123456789012345"),
    ],
)
def test_it_reads_numbers_as_they_are_dialled_from_abroad(text: str, value: str) -> None:
    identifier = identifiers.parse_recipient(text)

    assert identifier is not None
    assert identifier.value == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "+",
        "00",
        "+123456",
        "123456",
        "+1234567890123456",
        "07700900123",
        "+0044770090012",
        "000447700900123",
        "++12025550143",
        "1202555+0143",
        "+1 202 555 0143 ext. 5",
        "+1202555O143",
        "call me",
        "+²³²³²³²³²³",
        "+1202555\n0143",
        "+12025550143\x00",
        "whatsapp:",
        "whatsapp:whatsapp:+12025550143",
        "1" * 100_000,
    ],
)
def test_it_refuses_what_is_no_number(text: str) -> None:
    assert identifiers.parse_recipient(text) is None


@pytest.mark.parametrize(
    ("text", "scheme", "value"),
    [
        ("US.70000000000000000143", "bsuid", "US.70000000000000000143"),
        ("IT.aB3", "bsuid", "IT.aB3"),
        ("whatsapp:GB.70000000000000000123", "bsuid", "GB.70000000000000000123"),
        (" IT.1 ", "bsuid", "IT.1"),
        ("US." + "a" * 128, "bsuid", "US." + "a" * 128),
        ("IT.ENT.80000000000000000999", "parent_bsuid", "IT.ENT.80000000000000000999"),
        ("IT.ENT." + "9" * 128, "parent_bsuid", "IT.ENT." + "9" * 128),
    ],
)
def test_it_reads_user_ids_unchanged(text: str, scheme: str, value: str) -> None:
    assert identifiers.parse_recipient(text) == (scheme, value, value)


@pytest.mark.parametrize(
    "text",
    [
        "us.70000143",
        "US.",
        "US.ENT.",
        "USA.7000",
        "US.7000-1",
        "US.7 000",
        "US." + "a" * 129,
        "US.ENT." + "a" * 129,
        "1S.7",
    ],
)
def test_it_refuses_what_is_no_user_id(text: str) -> None:
    assert identifiers.parse_recipient(text) is None


def test_it_reads_addresses_without_regard_to_case() -> None:
    identifier = identifiers.parse_recipient(" Alice.Fiction+News@Example.COM ")

    assert identifier == ("email", "alice.fiction+news@example.com", "alice.fiction+news@example.com")


@pytest.mark.parametrize(
    "text",
    [
        "@example.com",
        "alice@",
        "alice@example",
        "alice@@example.com",
        "alice@example..com",
        "alice@example.com.",
        "al ice@example.com",
        "alice@exa\x00mple.com",
        "\ud800@example.com",
        "Alice <alice@example.com>",
        "alice@example.com, bob@example.com",
        "a" * 65 + "@example.com",
        "a@" + "b." * 126 + "com",
    ],
)
def test_it_refuses_what_is_no_address(text: str) -> None:
    assert identifiers.parse_recipient(text) is None


FOLDED = [
    ("+5511987654321", "+551187654321"),
    ("+5521999998888", "+552199998888"),
    ("+5215512345678", "+525512345678"),
    ("+5491123456789", "+541123456789"),
]


@pytest.mark.parametrize(("long", "short"), FOLDED)
def test_it_finds_both_spellings_of_a_line_under_one_key(long: str, short: str) -> None:
    assert identifiers.match_key("phone", long) == short
    assert identifiers.match_key("phone", short) == short
    assert set(identifiers.spellings(long)) == set(identifiers.spellings(short)) == {long, short}
    assert identifiers.spellings(long)[0] == short


@pytest.mark.parametrize(("long", "short"), FOLDED)
def test_it_keeps_the_spelling_it_was_given(long: str, short: str) -> None:
    assert identifiers.parse_recipient(long) == ("phone", long, short)
    assert identifiers.parse_recipient(short) == ("phone", short, short)


@pytest.mark.parametrize(
    "phone",
    [
        "+12025550143",
        "+447700900123",
        "+551198765432",  # eight digits after the area: already without the ninth
        "+55119876543210",
        "+5511887654321",
        "+52551234567",
        "+52155123456789",
        "+549112345678",
        "+5519",
    ],
)
def test_it_leaves_other_numbers_alone(phone: str) -> None:
    assert identifiers.match_key("phone", phone) == phone


def test_it_knows_one_spelling_of_most_lines() -> None:
    assert identifiers.spellings("+12025550143") == ("+12025550143",)
    assert identifiers.spellings("+55119876543210") == ("+55119876543210",)


@pytest.mark.parametrize(
    ("scheme", "value", "key"),
    [
        ("bsuid", "BR.5511987654321", "BR.5511987654321"),
        ("external", "+5511987654321", "+5511987654321"),
        ("email", "Alice@Example.com", "alice@example.com"),
    ],
)
def test_it_folds_phones_only(scheme: str, value: str, key: str) -> None:
    assert identifiers.match_key(scheme, value) == key


@given(st.sampled_from(["+55", "+521", "+549", "+54", "+52", "+1"]), st.text("0123456789", max_size=12))
def test_it_makes_keys_that_are_their_own_keys(prefix: str, rest: str) -> None:
    key = identifiers.match_key("phone", prefix + rest)

    assert identifiers.match_key("phone", key) == key
    assert {identifiers.match_key("phone", phone) for phone in identifiers.spellings(prefix + rest)} == {key}


@given(st.text(max_size=40) | st.text("+0123456789 ()-.@aE", max_size=25))
def test_it_reads_its_own_results_again(text: str) -> None:
    identifier = identifiers.parse_recipient(text)

    if identifier is not None:
        assert identifiers.parse_recipient(identifier.value) == identifier


@pytest.mark.parametrize(
    ("wa_id", "phone"),
    [
        ("12025550143", "+12025550143"),
        ("+12025550143", "+12025550143"),
        ("5511987654321", "+5511987654321"),
        ("", None),
        ("+", None),
        ("0770090012", None),
        ("123456", None),
        ("1234567890123456", None),
        ("1202555 0143", None),
        ("US.7000000143", None),
        ("١٢٠٢٥٥٥٠١٤٣", None),
    ],
)
def test_it_turns_whatsapp_ids_into_numbers(wa_id: str, phone: str | None) -> None:
    assert identifiers.phone_from_wa_id(wa_id) == phone


@pytest.mark.parametrize(
    ("phone", "country"),
    [
        ("+12025550143", "US"),
        ("+14165550143", "CA"),
        ("+18765550143", "JM"),
        ("+18095550143", "DO"),
        ("+17875550143", "PR"),
        ("+12425550143", "BS"),
        ("+79161234567", "RU"),
        ("+77011234567", "KZ"),
        ("+442079460018", "GB"),
        ("+447781123456", "GG"),
        ("+447797123456", "JE"),
        ("+447624123456", "IM"),
        ("+447700900123", "GB"),  # the regulator's fictional range belongs to nobody
        ("+5511987654321", "BR"),
        ("+390612345678", "IT"),
        ("+390669812345", "VA"),
        ("+262639012345", "YT"),
        ("+61891641234", "CX"),
        ("+80012345678", ""),
        ("+88216123456", ""),
        ("+9991234567", ""),
        ("+44", ""),
        ("not a number", ""),
        ("", ""),
    ],
)
def test_it_knows_the_country_of_a_number(phone: str, country: str) -> None:
    assert identifiers.country_of_phone(phone) == country


@pytest.mark.parametrize(
    ("bsuid", "country"),
    [
        ("US.70000000000000000143", "US"),
        ("IT.ENT.8000", "IT"),
        ("us.7", ""),
        ("US", ""),
        ("", ""),
        ("+12025550143", ""),
    ],
)
def test_it_knows_the_country_of_a_user_id(bsuid: str, country: str) -> None:
    assert identifiers.country_of_bsuid(bsuid) == country


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("+12025550143", "+1 ••• ••• 0143"),
        ("+447700900123", "+44 ••• ••• 0123"),
        ("+5511987654321", "+55 ••• ••• 4321"),
        ("+6834000", "+683 ••• ••• 0"),
        ("+9991234567", "+••• ••• 4567"),
        ("US.70000000000000000143", "US.••••0143"),
        ("IT.ENT.80000000000000000999", "IT.ENT.••••0999"),
        ("US.143", "US.••••"),
        ("alice@example.com", "a•••@example.com"),
        ("a@example.com", "•••@example.com"),
        ("003ContactKey789", "••••y789"),
        ("key", "••••"),
        ("", "••••"),
    ],
)
def test_it_hides_most_of_an_identifier(value: str, masked: str) -> None:
    assert identifiers.mask(value) == masked


def test_it_digests_ids_to_32_bytes() -> None:
    digest = identifiers.digest("wamid.RklDVElPTi1URVhULVNUT1AtMQ==")

    assert digest == hashlib.sha256(b"wamid.RklDVElPTi1URVhULVNUT1AtMQ==").digest()
    assert len(identifiers.digest("\ud800")) == 32
