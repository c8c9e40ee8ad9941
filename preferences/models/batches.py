"""The one room for array SQL: whole batches in a fixed number of statements, on PostgreSQL and SQLite alike.

Rows are tuples in the order of `fields`. Callers sort rows by their key before they write, so that two workers take
row locks in the same order. Reads use the ORM with the `any` lookup (`match_key__any=[...]`), registered here.
"""

from __future__ import annotations

import struct
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any

import psycopg
from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models.fields.related_lookups import RelatedIn
from django.db.models.lookups import In
from psycopg.adapt import Dumper

Row = tuple[Any, ...]


class _ArraySql:
    """`column = ANY(array)`: one bound parameter on PostgreSQL however many values, an ordinary IN on SQLite.

    Give a set: Django looks into each value of a list for expressions.
    """

    def get_prep_lookup(self: Any) -> Any:
        """Values come in the column's own Python type: preparing each of ten thousand would cost more than the query."""
        if not isinstance(self.rhs, (list, tuple, set)):
            raise TypeError("The `any` lookup takes a list of values; use `in` for a subquery.")
        return list(self.rhs) if is_postgresql() else super().get_prep_lookup()  # type: ignore[misc]

    def as_postgresql(self: Any, compiler: Any, conn: Any) -> tuple[str, list[Any]]:
        column, parameters = self.process_lhs(compiler, conn)
        values = list(self.rhs)
        array = _Integers(values) if set(map(type, values)) == {int} else values
        return f"{column} = ANY(%s::{_array_type(self.lhs.output_field)})", [*parameters, array]


@models.Field.register_lookup
class ArrayIn(_ArraySql, In):
    """The `any` lookup of plain columns."""

    lookup_name = "any"


@models.ForeignKey.register_lookup
class RelatedArrayIn(_ArraySql, RelatedIn):
    """The `any` lookup of foreign keys, given as ids."""

    lookup_name = "any"


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def read(queryset: models.QuerySet[Any, Any]) -> list[Row]:
    """The tuples of a `values_list` queryset. On PostgreSQL over a binary cursor, which reads times and bytes in C."""
    if not is_postgresql():
        return list(queryset)
    try:
        sql, parameters = queryset.query.sql_with_params()
    except EmptyResultSet:  # `__in=[]`: Django knows the answer without asking
        return []
    return _execute(sql.replace("%s", "%b"), [_packed(value) for value in parameters]).fetchall()


class _PackedArray:
    """An array that is already in PostgreSQL's binary format."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class _PackedArrayDumper(Dumper):
    """Sends it as it is; the cast in our statements names its type."""

    format = psycopg.pq.Format.BINARY

    def dump(self, obj: _PackedArray) -> bytes:
        return obj.data


class _Integers(list[int]):
    """An array of integers in a statement that Django sends, where a list is quoted element by element."""


class _IntegersDumper(Dumper):
    def dump(self, obj: _Integers) -> bytes:
        return f"{{{','.join(map(str, obj))}}}".encode()


class _BytesDumper(Dumper):
    """psycopg's own asks of each value whether it is a `Binary`, which nothing here is."""

    format = psycopg.pq.Format.BINARY
    oid = psycopg.adapters.types["bytea"].oid

    def dump(self, obj: bytes) -> bytes:
        return obj


psycopg.adapters.register_dumper(_PackedArray, _PackedArrayDumper)
psycopg.adapters.register_dumper(_Integers, _IntegersDumper)
psycopg.adapters.register_dumper(bytes, _BytesDumper)

#: Type names of the columns whose arrays are packed here, and the PostgreSQL oid of an element by its Python type.
_PACKED_TYPES = frozenset({"bigint", "text", "bytea", "uuid"})
_OIDS: dict[type, int] = {int: 20, str: 25, bytes: 17, uuid.UUID: 2950}


def _packed(values: Any) -> Any:
    """A list of one plain type packed at once (array_send's format); anything else as it is, for psycopg to adapt.

    psycopg asks for the right adapter for each element, which for ten thousand of them costs more than the query.
    """
    if not isinstance(values, list) or not values:
        return values
    kinds = set(map(type, values))
    oid = _OIDS.get(kinds.pop()) if len(kinds) == 1 else None
    if oid is None:
        return values
    header = struct.pack("!iiiii", 1, 0, oid, len(values), 1)
    if oid == _OIDS[int]:
        pairs = [8] * (2 * len(values))
        pairs[1::2] = values
        return _PackedArray(header + struct.pack("!" + "iq" * len(values), *pairs))
    plain = [value.encode() for value in values] if oid == _OIDS[str] else values
    plain = [value.bytes for value in values] if oid == _OIDS[uuid.UUID] else plain
    return _PackedArray(header + b"".join([len(value).to_bytes(4, "big") + value for value in plain]))


def prefer_indexes() -> None:
    """For this transaction, find rows by their indexes. The tables of a queue change faster than their statistics, and a
    plan made from stale ones reads the whole queue for each batch."""
    if is_postgresql():
        _execute("SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)", ())


def _execute(sql: str, parameters: Sequence[Any]) -> psycopg.Cursor[Row]:
    """Run one statement with server-side binding and binary results, on Django's own connection and query log."""
    connection.ensure_connection()
    cursor = psycopg.Cursor(connection.connection)
    cursor.format = psycopg.pq.Format.BINARY
    started = time.monotonic()
    with connection.wrap_database_errors:
        cursor.execute(sql, parameters)
    if connection.queries_logged:
        connection.queries_log.append({"sql": sql, "time": f"{time.monotonic() - started:.3f}"})
    return cursor


def reserve_ids(model: type[models.Model], count: int) -> Iterator[int]:
    """`count` ids for new rows of `model`, never given to anybody else.

    On SQLite this needs the write lock, which every transaction of ours takes at its start (transaction_mode IMMEDIATE).
    """
    table = model._meta.db_table
    if not count:
        return iter(())
    with connection.cursor() as cursor:
        if is_postgresql():
            cursor.execute(
                "WITH ids AS MATERIALIZED (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS name) "
                "SELECT nextval(name) FROM ids, generate_series(1, %s)",
                [table, count],
            )
            return iter([row[0] for row in cursor.fetchall()])
        cursor.execute(f'SELECT coalesce(max(id), 0) FROM "{table}"')
        first = cursor.fetchone()[0] + 1
        return iter(range(first, first + count))


def insert(model: type[models.Model], fields: Sequence[str], rows: Sequence[Row]) -> None:
    """Append `rows`. Raises IntegrityError if one of them is there already: nothing of the batch is written then."""
    if not rows:
        return
    columns = _columns(model, fields)
    with connection.cursor() as cursor:
        if is_postgresql():
            statement = f"COPY {_table(model)} ({_names(columns)}) FROM STDIN (FORMAT BINARY)"
            # Django wraps the call but not what is raised while the rows are written.
            with connection.wrap_database_errors, cursor.copy(statement) as copy:
                copy.set_types([_element_type(column) for column in columns])
                for row in rows:
                    copy.write_row(row)
            return
        sql = f"INSERT INTO {_table(model)} ({_names(columns)}) VALUES ({_marks(columns)})"
        cursor.executemany(sql, _prepared(columns, rows))  # type: ignore[arg-type]


def upsert(
    model: type[models.Model], fields: Sequence[str], rows: Sequence[Row], *, unique: Sequence[str], set_sql: str = ""
) -> None:
    """Insert `rows`, or update the row with the same `unique` fields.

    `set_sql` says how (it may name the stored row `old` and the offered one `excluded`); by default every other field
    is replaced. No two rows may have the same unique fields.
    """
    columns = _columns(model, fields)
    action = set_sql or ", ".join(
        f"{_quoted(column)} = excluded.{_quoted(column)}" for column in columns if column.name not in unique
    )
    _run(
        f"INSERT INTO {_table(model)} AS old ({_names(columns)}) {{source}} "
        f"ON CONFLICT ({_names(_columns(model, unique))}) DO UPDATE SET {action}",
        columns,
        rows,
        postgresql=f"SELECT * FROM unnest({_arrays(columns)})",
        sqlite=f"VALUES ({_marks(columns)})",
    )


def update(
    model: type[models.Model], *, key: str, fields: Sequence[str], rows: Sequence[Row], only_if: str = ""
) -> None:
    """Set `fields` of the rows named by `key`, the first value of each tuple; with `only_if` (SQL about the stored row
    `old`) those alone for which it is true at that moment."""
    columns = _columns(model, [key, *fields])
    name, *targets = [_quoted(column) for column in columns]
    condition = f" AND ({only_if})" if only_if else ""
    # SQLite names its parameters by place, so that the key can come first here as well.
    _run(
        f"UPDATE {_table(model)} AS old SET {{source}}",
        columns,
        rows,
        postgresql=", ".join(f"{target} = new.{target}" for target in targets)
        + f" FROM unnest({_arrays(columns)}) AS new ({_names(columns)}) WHERE old.{name} = new.{name}{condition}",
        sqlite=", ".join(f"{target} = ?{place}" for place, target in enumerate(targets, start=2))
        + f" WHERE {name} = ?1{condition}",
    )


def repoint(model: type[models.Model], field: str, pairs: Sequence[tuple[Any, Any]]) -> None:
    """Change `field` from the first to the second value of each pair, wherever it stands."""
    (column,) = _columns(model, [field])
    name = _quoted(column)
    _run(
        f"UPDATE {_table(model)} AS old SET {name} = {{source}}",
        [column, column],
        pairs,
        postgresql=f"pair.after FROM unnest({_arrays([column, column])}) AS pair (before, after) "
        f"WHERE old.{name} = pair.before",
        sqlite=f"?2 WHERE {name} = ?1",
    )


def delete(model: type[models.Model], *, key: Sequence[str], rows: Sequence[Row]) -> None:
    """Delete the rows named by `key`; rows that are not there are no error."""
    columns = _columns(model, key)
    names = [_quoted(column) for column in columns]
    _run(
        f"DELETE FROM {_table(model)} AS old {{source}}",
        columns,
        rows,
        postgresql=f"USING unnest({_arrays(columns)}) AS gone ({_names(columns)}) WHERE "
        + " AND ".join(f"old.{name} = gone.{name}" for name in names),
        sqlite="WHERE " + " AND ".join(f"{name} = %s" for name in names),
    )


def partition_key(key: str, partition: str) -> tuple[str, ...]:
    """The unique fields of a partitioned model: PostgreSQL wants the partition column among them."""
    return (key, partition) if is_postgresql() else (key,)


def chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """`items` in lists of `size`, the last one shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _run(
    template: str, columns: Sequence[models.Field[Any, Any]], rows: Sequence[Row], *, postgresql: str, sqlite: str
) -> None:
    """Run `template` for all rows: one statement over arrays on PostgreSQL, one statement a row on SQLite."""
    if not rows:
        return
    if is_postgresql():
        arrays = [
            _packed(list(values)) if _element_type(column) in _PACKED_TYPES else list(values)
            for column, values in zip(columns, zip(*rows, strict=True), strict=True)
        ]
        _execute(template.format(source=postgresql), arrays)
        return
    with connection.cursor() as cursor:
        cursor.executemany(template.format(source=sqlite), _prepared(columns, rows))  # type: ignore[arg-type]


def _table(model: type[models.Model]) -> str:
    return f'"{model._meta.db_table}"'


def _quoted(column: models.Field[Any, Any]) -> str:
    return f'"{column.column}"'


def _names(columns: Iterable[models.Field[Any, Any]]) -> str:
    return ", ".join(_quoted(column) for column in columns)


def _marks(columns: Sequence[models.Field[Any, Any]]) -> str:
    return ", ".join(["%s"] * len(columns))


def _arrays(columns: Iterable[models.Field[Any, Any]]) -> str:
    return ", ".join(f"%b::{_array_type(column)}" for column in columns)


def _columns(model: type[models.Model], fields: Sequence[str]) -> list[models.Field[Any, Any]]:
    return [model._meta.get_field(name) for name in fields]  # type: ignore[misc]


def _prepared(columns: Sequence[models.Field[Any, Any]], rows: Iterable[Row]) -> Iterator[list[Any]]:
    for row in rows:
        yield [column.get_db_prep_save(value, connection) for column, value in zip(columns, row, strict=True)]


@cache
def _element_type(field: models.Field[Any, Any]) -> str:
    """The PostgreSQL type of one value, without length: `varchar(20)` is sent as text."""
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    kind = (target.rel_db_type(connection) if field is not target else target.db_type(connection)) or "text"
    return {"varchar": "text", "timestamp with time zone": "timestamptz", "double precision": "float8"}.get(
        kind.partition("(")[0], kind
    )


def _array_type(field: models.Field[Any, Any]) -> str:
    return f"{_element_type(field)}[]"
