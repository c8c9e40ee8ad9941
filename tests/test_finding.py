"""People are found by anything staff have at hand, by index only, and every search, view and reveal is on record."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from preferences.admin.finding import find
from preferences.identifiers import digest, match_key
from preferences.models import (
    AccessAction,
    AccessRecord,
    Brand,
    ChannelKind,
    Delivery,
    Destination,
    Identity,
    MessageKey,
    Scheme,
    Subscriber,
    User,
    Username,
    batches,
)
from tests import bodies
from tests.conftest import SAMPLE_TIME

NOW = SAMPLE_TIME
PEOPLE = "admin:preferences_subscriber_changelist"


def person(*identities: tuple[str, str], ended: bool = False, username: str = "") -> Subscriber:
    """Somebody known in these ways."""
    (pk,) = batches.reserve_ids(Subscriber, 1)
    subscriber = Subscriber.objects.create(pk=pk, root_id=pk)
    for scheme, value in identities:
        Identity.objects.create(
            scheme=scheme, value=value, match_key=match_key(scheme, value), last4=value[-4:] if scheme == "phone" else "",
            subscriber=subscriber, root=subscriber, since=NOW, seen_at=NOW, ended_at=NOW if ended else None,
        )  # fmt: skip
    if username:
        Username.objects.create(subscriber=subscriber, name=username, seen_at=NOW)
    return subscriber


@pytest.fixture
def staff(db: None) -> Callable[..., Client]:
    """A member of staff with just these permissions."""

    def make(*permissions: str, name: str = "") -> Client:
        user = User.objects.create_user(name or f"staff{User.objects.count()}", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        assert user.user_permissions.count() == len(permissions)
        client = Client()
        client.force_login(user)
        return client

    return make


def search(client: Client, text: str) -> Any:
    return client.get(reverse(PEOPLE), {"q": text})


def page_of(subscriber: Subscriber) -> str:
    return reverse("admin:preferences_subscriber_change", args=[subscriber.pk])


def reveal(client: Client, subscriber: Subscriber, **form: str) -> Any:
    return client.post(reverse("admin:preferences_subscriber_reveal", args=[subscriber.pk]), form)


# Understanding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "typed"),
    [
        ("+12025550143", "+1 (202) 555-0143"), ("+12025550143", "202 555 0143"), ("+12025550143", "(202) 555.0143"),
        ("+12025550143", "2025550143"), ("+12025550143", "1 202 555 0143"), ("+12025550143", "0143"),
        ("+12025550143", "50143"), ("+12025550143", "550143"), ("+12025550143", "5550143"), ("+12025550143", "555-0143"),
        ("+12025550143", "00 1 202 555 0143"), ("+12025550143", "tel:+1-202-555-0143"),
        ("+12025550143", "https://wa.me/12025550143"), ("+12025550143", "+1 ••• ••• 0143"), ("+12025550143", "…0143"),
        ("+12025550143", "＋１２０２５５５０１４３"), ("+12025550143", "٢٠٢٥٥٥٠١٤٣"), ("+12025550143", '"+12025550143"'),
        ("+447700900123", "07700 900123"), ("+447700900123", "+44 (0)7700 900123"), ("+447700900123", "7700900123"),
        ("+447700900123", "0044 7700 900 123"), ("+447700900123", "447700900123"),
        ("+33639980123", "06 39 98 01 23"), ("+4915112345678", "0151 12345678"), ("+4915112345678", "01511/2345678"),
        ("+79123456789", "8 (912) 345-67-89"), ("+36201234567", "06 20 123 4567"),
        ("+5511987654321", "11 98765-4321"), ("+5511987654321", "+55 11 8765-4321"), ("+5511987654321", "(011) 8765-4321"),
        ("+551187654321", "11 98765-4321"), ("+551187654321", "11 8765-4321"),
        ("+525512345678", "+52 1 55 1234 5678"), ("+5215512345678", "55 1234 5678"), ("+525512345678", "1 55 1234 5678"),
        ("+5491123456789", "11 2345-6789"), ("+541123456789", "9 11 2345 6789"),
    ],
)  # fmt: skip
def test_it_finds_a_number_however_it_is_written(db: None, value: str, typed: str) -> None:
    wanted = person(("phone", value))
    person(("phone", "+12125550199"))

    assert find(typed).roots == {wanted.pk}


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("US.70000000000000000143", "user id"), ("US.ENT.80000000000000000143", "user id"), ("@Sample.Name", "username"),
        ("sample.name", "username"), ("Alice@Example.com", "e-mail address"), ("CRM-000143", "username"),
        ("wamid.HBgLMTIwMjU1NTAxNDM=", "message id"), ('"id": "wamid.HBgLMTIwMjU1NTAxNDM="', "message id"),
        ("{public_id}", "record"), ("{short}", "record"), ("Subscriber {short}", "record"), ("{correlation}", "delivery"),
    ],
)  # fmt: skip
def test_it_finds_a_person_by_every_name(db: None, acme: Brand, receive: Any, typed: str, kind: str) -> None:
    receive(bodies.message("STOP", at=NOW, phone="+12025550143", wamid="wamid.HBgLMTIwMjU1NTAxNDM="), now=NOW)
    wanted = Subscriber.objects.get()
    wanted.public_id = uuid.UUID("0dabc123-4567-4567-8901-abcdefabcdef")
    wanted.save(update_fields=["public_id"])
    Username.objects.create(subscriber=wanted, name="sample.name", seen_at=NOW)
    for scheme, value in (
        ("bsuid", "US.70000000000000000143"), ("parent_bsuid", "US.ENT.80000000000000000143"), ("external", "CRM-000143"),
        ("email", "alice@example.com"),
    ):  # fmt: skip
        Identity.objects.create(
            scheme=scheme, value=value, match_key=value, subscriber=wanted, root=wanted, since=NOW, seen_at=NOW
        )
    person(("phone", "+12125550199"), ("external", "CRM-000144"), username="sample.names")
    names = {
        "public_id": str(wanted.public_id),
        "short": str(wanted.public_id)[:8],
        "correlation": str(Delivery.objects.get().correlation_id),
    }

    found = find(typed.format(**names))

    assert found.roots == {wanted.pk}
    assert found.kind == kind


def test_it_finds_the_person_behind_a_joined_record(db: None) -> None:
    root = person(("phone", "+12025550143"))
    member = person(username="sample.name")
    Subscriber.objects.filter(pk=member.pk).update(root=root)
    MessageKey.objects.create(digest=digest("wamid.joined"), subscriber=member.pk, month=NOW.date())

    for typed in ("@sample.name", "wamid.joined", str(member.public_id)):
        assert find(typed).roots == {root.pk}


def test_it_finds_everybody_who_had_a_number(db: None) -> None:
    before, after = person(("phone", "+12025550143"), ended=True), person(("phone", "+12025550143"))

    assert find("+1 202 555 0143").roots == {before.pk, after.pk}


@pytest.mark.parametrize("typed", ["", " ", "1", "123", "x" * 400, "\x00", "-", "()", "+", "@", "''; DROP TABLE x"])
def test_it_finds_nobody_by_what_names_nobody(db: None, typed: str) -> None:
    person(("phone", "+12025550143"))

    assert find(typed).roots == frozenset()


@given(st.text(max_size=60) | st.text(alphabet="+0123456789 ()-•@.wamid", max_size=30))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@pytest.mark.usefixtures("db")
def test_it_survives_whatever_is_typed(typed: str) -> None:
    assert find(typed).understood


# The page of a search -------------------------------------------------------------------------------------------------


def test_it_opens_the_only_hit_at_once(staff: Callable[..., Client]) -> None:
    wanted = person(("phone", "+12025550143"))

    response = search(staff("view_subscriber"), "0143")

    assert (response.status_code, response.headers["Location"]) == (302, page_of(wanted))


def test_it_lists_several_hits_masked_and_told_apart(staff: Callable[..., Client]) -> None:
    one, other = (
        person(("phone", "+12025550143")),
        person(("phone", "+447700900143"), ("bsuid", "GB.70000000000001234")),
    )

    page = search(staff("view_subscriber"), "0143").content.decode()

    assert page.count("data-row") == 2
    assert "+1 ••• ••• 0143" in page
    assert "+44 ••• ••• 0143" in page
    assert "GB.••••1234" in page
    assert str(one.public_id)[:8] in page
    assert str(other.public_id)[:8] in page
    assert "2025550143" not in page
    assert "7700900143" not in page


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("+44 7700 900999", "the number +44 7700 900999 (GB)"), ("9999", "the last digits of a number, 9999"),
        ("@nobody", "the WhatsApp username @nobody"), ("wamid.nothing", "a WhatsApp message id"),
        ("12", "fewer than 4 digits"), ("US.70000000000000000999", "a WhatsApp user id"),
        ("nobody@example.com", "an e-mail address"), ("020 7946 0999", "a number that is or ends with 2079460999"),
    ],
)  # fmt: skip
def test_it_says_how_it_read_what_finds_nobody(staff: Callable[..., Client], typed: str, understood: str) -> None:
    page = search(staff("view_subscriber"), typed).content.decode()

    assert understood in page
    assert "Try the number with its country" in page


def test_it_records_searches_without_what_was_typed(staff: Callable[..., Client]) -> None:
    person(("phone", "+12025550143"))
    client = staff("view_subscriber", "view_reply", "view_delivery", "view_consentevent", name="sam")

    for model in ("subscriber", "reply", "delivery", "consentevent"):
        client.get(reverse(f"admin:preferences_{model}_changelist"), {"q": "+1 202 555 0143"})
    search(client, "@nobody")

    records = AccessRecord.objects.order_by("pk")
    assert {record.actor.username for record in records} == {"sam"}
    assert {record.action for record in records} == {AccessAction.SEARCH}
    assert [record.detail for record in records] == ["By number: one person found"] * 4 + ["By username: nobody found"]


def test_it_neither_searches_nor_records_for_those_who_may_not(staff: Callable[..., Client]) -> None:
    person(("phone", "+12025550143"))

    assert search(staff("view_brand"), "0143").status_code == 403
    assert not AccessRecord.objects.exists()


# Views and reveals ----------------------------------------------------------------------------------------------------


def test_it_records_one_view_in_ten_minutes(staff: Callable[..., Client]) -> None:
    wanted, other = person(("phone", "+12025550143")), person(("phone", "+447700900143"))
    sam, tim = staff("view_subscriber"), staff("view_subscriber")

    for client in (sam, sam, tim):
        client.get(page_of(wanted))
    sam.get(page_of(other))
    assert AccessRecord.objects.filter(action=AccessAction.VIEW).count() == 3

    AccessRecord.objects.update(at=NOW - dt.timedelta(days=1))
    sam.get(page_of(wanted))
    assert AccessRecord.objects.filter(subscriber=wanted.public_id).count() == 3


def test_it_reveals_a_number_for_a_reason_on_one_page(staff: Callable[..., Client]) -> None:
    wanted = person(("phone", "+12025550143"), ("email", "alice@example.com"))
    client = staff("view_subscriber", "view_identity", name="sam")

    page = reveal(client, wanted, reason="Caller asks for a copy", ticket="T-1")

    record = AccessRecord.objects.get(action=AccessAction.REVEAL)
    assert (record.actor.username, record.subscriber) == ("sam", wanted.public_id)
    assert (record.reason, record.ticket) == ("Caller asks for a copy", "T-1")
    assert "+12025550143" in page.content.decode()
    assert "alice@example.com" in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]
    assert "+12025550143" not in client.get(page_of(wanted)).content.decode()


@pytest.mark.parametrize("form", [{}, {"reason": "  "}, {"ticket": "T-1"}, {"reason": "x" * 201}])
def test_it_reveals_nothing_without_a_reason(staff: Callable[..., Client], form: dict[str, str]) -> None:
    wanted = person(("phone", "+12025550143"))

    page = reveal(staff("view_subscriber", "view_identity"), wanted, **form)

    assert "+12025550143" not in page.content.decode()
    assert 'role="alert"' in page.content.decode()
    assert not AccessRecord.objects.exists()


def test_it_asks_for_a_reason_once_a_ticket(staff: Callable[..., Client]) -> None:
    wanted, other = person(("phone", "+12025550143")), person(("phone", "+447700900143"))
    sam, tim = staff("view_subscriber", "view_identity"), staff("view_subscriber", "view_identity")
    reveal(sam, wanted, reason="Caller asks for a copy", ticket="T-1")

    assert "+447700900143" in reveal(sam, other, ticket="T-1").content.decode()
    assert "+447700900143" not in reveal(sam, other, ticket="T-2").content.decode()
    assert "+447700900143" not in reveal(tim, other, ticket="T-1").content.decode()
    reasons = AccessRecord.objects.filter(action=AccessAction.REVEAL).values_list("reason", flat=True)
    assert list(reasons) == ["Caller asks for a copy"] * 2


@pytest.mark.parametrize(
    "permissions", [(), ("view_subscriber",), ("view_identity",), ("view_subscriber", "change_identity")]
)
def test_it_reveals_nothing_to_others(staff: Callable[..., Client], permissions: tuple[str, ...]) -> None:
    wanted = person(("phone", "+12025550143"))
    client = staff(*permissions)

    response = reveal(client, wanted, reason="Curious")

    assert response.status_code == 403
    assert b"12025550143" not in response.content
    assert not AccessRecord.objects.exists()


def test_it_shows_no_number_that_is_not_on_record_first(
    staff: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = person(("phone", "+12025550143"))
    client = staff("view_subscriber", "view_identity")
    client.raise_request_exception = False

    def fail(**values: Any) -> None:
        raise RuntimeError("the record cannot be written")

    monkeypatch.setattr(AccessRecord.objects, "create", fail)

    response = reveal(client, wanted, reason="Caller asks")

    assert response.status_code == 500
    assert b"2025550143" not in response.content


def test_it_never_reveals_by_a_link(staff: Callable[..., Client]) -> None:
    wanted = person(("phone", "+12025550143"))
    client = staff("view_subscriber", "view_identity")

    response = client.get(reverse("admin:preferences_subscriber_reveal", args=[wanted.pk]), {"reason": "x"})

    assert (response.status_code, response.headers["Location"]) == (302, page_of(wanted))
    assert not AccessRecord.objects.filter(action=AccessAction.REVEAL).exists()


# The audit ------------------------------------------------------------------------------------------------------------


def test_it_lets_nobody_change_or_delete_a_record(client: Client, staff: Callable[..., Client]) -> None:
    wanted = person(("phone", "+12025550143"))
    reveal(staff("view_subscriber", "view_identity", name="sam"), wanted, reason="Caller asks", ticket="T-1")
    client.force_login(User.objects.create_superuser("root", "root@example.com", "correct-horse-battery"))
    record = AccessRecord.objects.get()
    audit = reverse("admin:preferences_accessrecord_changelist")

    assert client.post(f"{audit}{record.pk}/change/", {"reason": "Nothing"}).status_code == 403
    assert client.post(f"{audit}{record.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"{audit}add/", {"reason": "Nothing"}).status_code == 403
    client.post(audit, {"action": "delete_selected", "_selected_action": [record.pk], "post": "yes"})

    kept = AccessRecord.objects.get(action=AccessAction.REVEAL)
    assert kept.reason == "Caller asks"
    page = client.get(audit).content.decode()
    assert "Caller asks" in page
    assert "T-1" in page


@pytest.mark.parametrize(("typed", "rows"), [("sam", 2), ("tim", 1), ("+1 202 555 0143", 2), ("nobody", 0)])
def test_it_searches_the_audit_by_staff_and_by_person(staff: Callable[..., Client], typed: str, rows: int) -> None:
    wanted, other = person(("phone", "+12025550143")), person(("phone", "+447700900199"))
    sam, tim = staff("view_subscriber", name="sam"), staff("view_subscriber", name="tim")
    sam.get(page_of(wanted))
    sam.get(page_of(other))
    tim.get(page_of(wanted))

    page = staff("view_accessrecord").get(reverse("admin:preferences_accessrecord_changelist"), {"q": typed})

    assert page.content.decode().count("data-row") == rows


# By index -------------------------------------------------------------------------------------------------------------

_TABLES = ("identity", "subscriber", "username", "messagekey", "delivery")


@pytest.fixture
def crowd(db: None) -> Iterator[None]:
    """Two hundred thousand people of whom each has a number, a username and a message, some a delivery."""
    destination = Destination.objects.create(kind=ChannelKind.CONSOLE, name="Console")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO preferences_subscriber (id, public_id, root_id, locale, country, jurisdiction_source, "
            "jurisdiction_confidence, created_at) SELECT i, gen_random_uuid(), i, '', '', '', '', now() "
            "FROM generate_series(1000000, 1199999) i"
        )
        cursor.execute(
            "INSERT INTO preferences_identity (scheme, scope, value, match_key, last4, subscriber_id, root_id, since, "
            "seen_at) SELECT 'phone', 0, '+1202' || i, '+1202' || i, right(i::text, 4), i, i, now(), now() "
            "FROM generate_series(1000000, 1199999) i"
        )
        cursor.execute(
            "INSERT INTO preferences_username (subscriber_id, name, seen_at) SELECT i, 'sample.' || i, now() "
            "FROM generate_series(1000000, 1199999) i"
        )
        cursor.execute(
            "INSERT INTO preferences_messagekey (digest, subscriber, month) SELECT sha256(i::text::bytea), i, '2026-11-01' "
            "FROM generate_series(1000000, 1199999) i"
        )
        cursor.execute(
            "INSERT INTO preferences_delivery (destination_id, subscriber_id, kind, event, reply, language, state, attempts, "
            "next_attempt_at, correlation_id, provider_digest, response_excerpt, created_at) "
            "SELECT %s, i, 'help', i, '', 'en', 'sent', 1, now(), gen_random_uuid(), '', '', now() "
            "FROM generate_series(1000000, 1019999) i",
            [destination.pk],
        )
        for table in _TABLES:
            cursor.execute(f"ANALYZE preferences_{table}")
    yield


@pytest.mark.postgresql
def test_it_finds_among_two_hundred_thousand_by_index(crowd: None, django_assert_max_num_queries: Any) -> None:
    someone = Subscriber.objects.get(pk=1_123_456)
    for typed in (
        "+1202 112 3456", "202 1123456", "3456", "23456", "@sample.1123456", "sample.1123456", str(someone.public_id),
        str(someone.public_id)[:8], "wamid.nothing", "US.70000000000000000143", "nobody@example.com", "CRM-1",
        str(uuid.uuid4()),
    ):  # fmt: skip
        with CaptureQueriesContext(connection) as queries, django_assert_max_num_queries(6):
            find(typed)
        for query in queries:
            plan = _plan(query["sql"])
            assert "Seq Scan" not in plan, (typed, plan)
            assert float(plan.rpartition("Execution Time: ")[2].partition(" ms")[0]) < 100, (typed, plan)


def _plan(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN ANALYZE {sql}")
        return "\n".join(row[0] for row in cursor.fetchall())


def test_it_knows_every_scheme() -> None:
    assert {str(scheme) for scheme in Scheme} == {"phone", "bsuid", "parent_bsuid", "email", "external"}
