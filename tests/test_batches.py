"""Array SQL: each operation on whole batches leaves the same rows on PostgreSQL and SQLite as a plain loop would."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preferences.models import (
    Consent,
    Hold,
    InboxEntry,
    MessageKey,
    Portfolio,
    Sender,
    SentMessage,
    Subscriber,
    batches,
)

NOW = dt.datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=dt.UTC)
MONTH = dt.date(2026, 11, 1)
KEY_FIELDS = ("digest", "subscriber", "month")

settings.register_profile("batches", max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
PROFILE = settings.get_profile("batches")

digests = st.binary(min_size=0, max_size=32)
numbers = st.integers(-(2**63), 2**63 - 1)
months = st.dates(dt.date(1900, 1, 1), dt.date(2999, 12, 31))
stored = st.dictionaries(digests, st.tuples(numbers, months), max_size=12)


def fill(rows):
    MessageKey.objects.all().delete()
    batches.insert(MessageKey, KEY_FIELDS, tuples(rows))


def tuples(rows):
    return sorted((key, *values) for key, values in rows.items())


def everything():
    rows = batches.read(MessageKey.objects.values_list(*KEY_FIELDS))
    return {bytes(key): (subscriber, month) for key, subscriber, month in rows}


# Like a loop ----------------------------------------------------------------------------------------------------------


@PROFILE
@given(rows=stored)
def test_it_inserts_and_reads_what_was_given(rows, db):
    fill(rows)

    assert everything() == rows


@PROFILE
@given(before=stored, offered=stored)
def test_it_upserts_like_a_dictionary(before, offered, db):
    fill(before)

    batches.upsert(MessageKey, KEY_FIELDS, tuples(offered), unique=("digest",))

    assert everything() == before | offered


@PROFILE
@given(before=stored, offered=stored)
def test_it_upserts_the_way_it_is_told(before, offered, db):
    fill(before)

    batches.upsert(
        MessageKey, KEY_FIELDS, tuples(offered), unique=("digest",),
        set_sql='"month" = CASE WHEN old."month" < excluded."month" THEN old."month" ELSE excluded."month" END',
    )  # fmt: skip

    assert everything() == offered | {
        key: (who, min(month, offered[key][1]) if key in offered else month) for key, (who, month) in before.items()
    }


@PROFILE
@given(before=stored, offered=stored)
def test_it_updates_what_is_there_and_nothing_else(before, offered, db):
    fill(before)

    batches.update(MessageKey, key="digest", fields=("subscriber", "month"), rows=tuples(offered))

    assert everything() == {key: offered.get(key, values) for key, values in before.items()}


@PROFILE
@given(before=stored, gone=st.sets(digests, max_size=6))
def test_it_deletes_what_is_named(before, gone, db):
    fill(before)

    batches.delete(MessageKey, key=("digest",), rows=[(key,) for key in gone])

    assert everything() == {key: values for key, values in before.items() if key not in gone}


@PROFILE
@given(before=st.dictionaries(digests, st.tuples(st.integers(0, 5), months), max_size=12), moves=st.dictionaries(
    st.integers(0, 5), st.integers(100, 105)))  # fmt: skip
def test_it_repoints_wherever_the_value_stands(before, moves, db):
    fill(before)

    batches.repoint(MessageKey, "subscriber", sorted(moves.items()))

    assert everything() == {key: (moves.get(who, who), month) for key, (who, month) in before.items()}


@PROFILE
@given(before=stored, wanted=st.lists(digests, max_size=12))
def test_it_finds_any_of_a_list(before, wanted, db):
    fill(before)

    found = batches.read(MessageKey.objects.filter(digest__any=wanted).values_list("digest", flat=False))

    assert {bytes(key) for (key,) in found} == before.keys() & set(wanted)


# Types ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def subscriber(db):
    pk = next(batches.reserve_ids(Subscriber, 1))
    batches.insert(Subscriber, ["id", "public_id", "root", "locale", "country", "jurisdiction_source",
                                "jurisdiction_confidence", "created_at", "erased_at"],
                   [(pk, uuid.UUID(int=7), pk, "é✓𝄞", "", "", "", NOW, None)])  # fmt: skip
    return Subscriber.objects.get(pk=pk)


def test_it_keeps_uuids_texts_times_and_nothing(subscriber):
    row = batches.read(Subscriber.objects.values_list("public_id", "locale", "created_at", "erased_at", "root_id"))

    assert row == [(uuid.UUID(int=7), "é✓𝄞", NOW, None, subscriber.pk)]
    assert (subscriber.public_id, subscriber.created_at) == (uuid.UUID(int=7), NOW)


def test_it_keeps_json_and_long_bodies(db):
    fields = ("provider", "lane", "body", "size", "digest", "headers", "received_at", "state", "attempts",
              "next_attempt_at", "error", "unknown")  # fmt: skip
    body = bytes(range(256)) * 4_000

    values = ("whatsapp", "urgent", body, len(body), b"d", {"a": "é"}, NOW, "pending", 0, NOW, "", ["x"])
    # COPY takes JSON as the door gives it: empty and plain values alike.
    batches.insert(InboxEntry, fields, [values])

    entry = InboxEntry.objects.get()
    assert (bytes(entry.body), entry.headers, entry.unknown, entry.received_at) == (body, {"a": "é"}, ["x"], NOW)


def test_it_sets_and_clears_nullable_columns(db):
    fields = ("digest", "month", "subscriber", "sender", "campaign", "template", "category", "correlation_id", "sent_at",
              "delivered_at", "read_at", "failed_at", "error_code")  # fmt: skip
    rows = [(key, MONTH, 1, 1, "", "", "", "", NOW, None, None, None, 0) for key in (b"a", b"b")]
    batches.upsert(SentMessage, fields, rows, unique=batches.partition_key("digest", "month"))

    batches.update(
        SentMessage, key="digest", fields=("sent_at", "read_at"), rows=[(b"a", None, NOW), (b"b", None, None)]
    )

    assert list(SentMessage.objects.order_by("digest").values_list("sent_at", "read_at")) == [(None, NOW), (None, None)]


def test_it_deletes_by_several_columns(subscriber):
    scopes = [(subscriber.pk, 0, brand, "any", topic) for brand in (1, 2) for topic in ("marketing", "any")]
    fields = ("subscriber", "controller", "brand", "channel", "topic")
    batches.insert(
        Consent,
        (*fields, "status", "effective_at", "event", "version"),
        [(*one, "opted_out", NOW, 1, 1) for one in scopes],
    )

    batches.delete(Consent, key=fields, rows=[scopes[0], scopes[3], (subscriber.pk, 9, 9, "any", "any")])

    assert sorted(Consent.objects.values_list("brand", "topic")) == [(1, "any"), (2, "marketing")]


def test_it_finds_any_of_a_list_by_foreign_key(subscriber):
    batches.insert(
        Hold, ["subscriber", "reply", "controller", "brand", "channel", "topic", "since", "event"],
        [(subscriber.pk, b"r", 0, 0, "any", "marketing", NOW, 1)],
    )  # fmt: skip

    found = [Hold.objects.filter(subscriber__any=who).count() for who in ([subscriber.pk, 999], [999], [])]

    assert found == [1, 0, 0]


@pytest.mark.parametrize("lookup", ["digest__in", "digest__any"])
def test_it_finds_nothing_of_an_empty_list(lookup, db):
    fill({b"a": (1, MONTH)})

    assert batches.read(MessageKey.objects.filter(**{lookup: []}).values_list("digest")) == []


@pytest.mark.postgresql
def test_it_takes_a_list_only(db):
    with pytest.raises(TypeError):
        list(Sender.objects.filter(portfolio_id__any=Portfolio.objects.values("pk")))


# Promises -------------------------------------------------------------------------------------------------------------


def test_it_writes_nothing_of_a_batch_with_a_duplicate(db):
    fill({b"a": (1, MONTH)})

    with pytest.raises(IntegrityError), transaction.atomic():
        batches.insert(MessageKey, KEY_FIELDS, [(b"b", 2, MONTH), (b"a", 2, MONTH)])

    assert everything() == {b"a": (1, MONTH)}


def test_it_asks_nothing_of_the_database_for_nothing(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        batches.insert(MessageKey, KEY_FIELDS, [])
        batches.upsert(MessageKey, KEY_FIELDS, [], unique=("digest",))
        batches.update(MessageKey, key="digest", fields=("subscriber",), rows=[])
        batches.repoint(MessageKey, "subscriber", [])
        batches.delete(MessageKey, key=("digest",), rows=[])
        assert list(batches.reserve_ids(Subscriber, 0)) == []


@pytest.mark.postgresql
def test_it_needs_one_statement_however_many_rows(db, django_assert_num_queries):
    rows = [(number.to_bytes(4, "big"), number, MONTH) for number in range(2_000)]

    with django_assert_num_queries(4):
        batches.upsert(MessageKey, KEY_FIELDS, rows, unique=("digest",))
        batches.update(MessageKey, key="digest", fields=("subscriber",), rows=[row[:2] for row in rows])
        batches.read(MessageKey.objects.filter(digest__any=[row[0] for row in rows]).values_list("digest"))
        batches.delete(MessageKey, key=("digest",), rows=[row[:1] for row in rows])


def test_it_takes_more_rows_than_sqlite_has_parameters(db):
    rows = [(number.to_bytes(4, "big"), number, MONTH) for number in range(12_000)]

    batches.insert(MessageKey, KEY_FIELDS, rows)

    wanted = [row[0] for row in rows]
    assert len(batches.read(MessageKey.objects.filter(digest__any=wanted).values_list("digest"))) == 12_000


def test_it_reserves_ids_nobody_else_gets(subscriber):
    ids = list(batches.reserve_ids(Subscriber, 3))

    assert len(set(ids)) == 3
    assert not Subscriber.objects.filter(pk__in=ids).exists()


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (3, [3]), (4, [3, 1]), (7, [3, 3, 1])])
def test_it_cuts_into_chunks(count, sizes):
    chunks = list(batches.chunks(range(count), 3))

    assert [len(chunk) for chunk in chunks] == sizes
    assert [item for chunk in chunks for item in chunk] == list(range(count))


@pytest.mark.parametrize("write", [batches.insert, lambda *what: batches.upsert(*what, unique=("digest",))])
def test_it_reports_a_database_error_as_djangos_own(write, db):
    with pytest.raises(IntegrityError), transaction.atomic():
        write(MessageKey, KEY_FIELDS, [(b"a", None, MONTH)])


def test_it_updates_only_the_rows_for_which_it_is_still_true(db):
    fill({b"one": (1, MONTH), b"two": (2, MONTH)})

    batches.update(
        MessageKey,
        key="digest",
        fields=("subscriber",),
        rows=[(b"one", 7), (b"two", 8)],
        only_if='old."subscriber" = 2',
    )

    assert everything() == {b"one": (1, MONTH), b"two": (8, MONTH)}
