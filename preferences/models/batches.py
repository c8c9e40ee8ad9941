"""The one room for array SQL: whole batches in a fixed number of statements, on PostgreSQL and SQLite alike.

Rows are tuples in the order of `fields`. Callers sort rows by their key before they write, so that two workers take
row locks in the same order. Reads use the ORM with the `any` lookup (`match_key__any=[...]`), registered here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.db import connection, models
from django.db.models.fields.related_lookups import RelatedIn
from django.db.models.lookups import In

Row = tuple[Any, ...]

#: SQLite's limit of bound parameters is 32,766 in the oldest build we meet; stay below it.
_SQLITE_PARAMETERS = 30_000


class _ArraySql:
    """`column = ANY(array)`: one bound parameter on PostgreSQL however many values, an ordinary IN on SQLite."""

    lookup_name = "any"

    def as_postgresql(self: Any, compiler: Any, conn: Any) -> tuple[str, list[Any]]:
        if not isinstance(self.rhs, (list, tuple, set)):
            raise TypeError("The `any` lookup takes a list of values; use `in` for a subquery.")
        column, parameters = self.process_lhs(compiler, conn)
        return f"{column} = ANY(%s::{_array_type(self.lhs.output_field)})", [*parameters, list(self.rhs)]


@models.Field.register_lookup
class ArrayIn(_ArraySql, In):
    """The `any` lookup of plain columns."""


@models.ForeignKey.register_lookup
class RelatedArrayIn(_ArraySql, RelatedIn):
    """The `any` lookup of foreign keys, given as ids."""


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


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
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [table, count]
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
    names = ", ".join(f'"{column.column}"' for column in columns)
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if is_postgresql():
            with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN (FORMAT BINARY)') as copy:
                copy.set_types([_element_type(column) for column in columns])
                for row in rows:
                    copy.write_row(row)
            return
        marks = ", ".join(["%s"] * len(columns))
        cursor.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', _prepared(columns, rows))


def upsert(
    model: type[models.Model], fields: Sequence[str], rows: Sequence[Row], *, unique: Sequence[str], set_sql: str = ""
) -> None:
    """Insert `rows`, or update the row with the same `unique` fields.

    `set_sql` says how (it may name the stored row `old` and the offered one `excluded`); by default every other field
    is replaced. No two rows may have the same unique fields.
    """
    if not rows:
        return
    table = model._meta.db_table
    columns = _columns(model, fields)
    names = ", ".join(f'"{column.column}"' for column in columns)
    key = ", ".join(f'"{column.column}"' for column in _columns(model, unique))
    action = set_sql or ", ".join(
        f'"{column.column}" = excluded."{column.column}"' for column in columns if column.name not in unique
    )
    conflict = f"ON CONFLICT ({key}) DO UPDATE SET {action}"
    with connection.cursor() as cursor:
        if is_postgresql():
            arrays = ", ".join(f"%s::{_array_type(column)}" for column in columns)
            sql = f'INSERT INTO "{table}" AS old ({names}) SELECT * FROM unnest({arrays}) {conflict}'
            cursor.execute(sql, [list(values) for values in zip(*rows, strict=True)])
            return
        marks = ", ".join(["%s"] * len(columns))
        sql = f'INSERT INTO "{table}" AS old ({names}) VALUES ({marks}) {conflict}'
        cursor.executemany(sql, _prepared(columns, rows))


def update(model: type[models.Model], *, key: str, fields: Sequence[str], rows: Sequence[Row]) -> None:
    """Set `fields` of the rows named by `key`, the first value of each tuple."""
    if not rows:
        return
    table = model._meta.db_table
    columns = _columns(model, [key, *fields])
    with connection.cursor() as cursor:
        if is_postgresql():
            arrays = ", ".join(f"%s::{_array_type(column)}" for column in columns)
            names = ", ".join(f'"{column.column}"' for column in columns)
            settings = ", ".join(f'"{column.column}" = new."{column.column}"' for column in columns[1:])
            cursor.execute(
                f'UPDATE "{table}" AS old SET {settings} FROM unnest({arrays}) AS new ({names}) '
                f'WHERE old."{columns[0].column}" = new."{columns[0].column}"',
                [list(values) for values in zip(*rows, strict=True)],
            )
            return
        settings = ", ".join(f'"{column.column}" = %s' for column in columns[1:])
        prepared = ((*row[1:], row[0]) for row in _prepared(columns, rows))
        cursor.executemany(f'UPDATE "{table}" SET {settings} WHERE "{columns[0].column}" = %s', prepared)


def partition_key(key: str, partition: str) -> tuple[str, ...]:
    """The unique fields of a partitioned model: PostgreSQL wants the partition column among them."""
    return (key, partition) if is_postgresql() else (key,)


def repoint(model: type[models.Model], field: str, pairs: Sequence[tuple[Any, Any]]) -> None:
    """Change `field` from the first to the second value of each pair, wherever it stands."""
    if not pairs:
        return
    table = model._meta.db_table
    (column,) = _columns(model, [field])
    name = column.column
    with connection.cursor() as cursor:
        if is_postgresql():
            kind = _array_type(column)
            cursor.execute(
                f'UPDATE "{table}" AS old SET "{name}" = pair.after FROM unnest(%s::{kind}, %s::{kind}) '
                f'AS pair (before, after) WHERE old."{name}" = pair.before',
                [list(values) for values in zip(*pairs, strict=True)],
            )
            return
        cursor.executemany(f'UPDATE "{table}" SET "{name}" = %s WHERE "{name}" = %s', [pair[::-1] for pair in pairs])


def delete(model: type[models.Model], *, key: Sequence[str], rows: Sequence[Row]) -> None:
    """Delete the rows named by `key`; rows that are not there are no error."""
    if not rows:
        return
    table = model._meta.db_table
    columns = _columns(model, key)
    with connection.cursor() as cursor:
        if is_postgresql():
            arrays = ", ".join(f"%s::{_array_type(column)}" for column in columns)
            names = ", ".join(f'"{column.column}"' for column in columns)
            match = " AND ".join(f'old."{column.column}" = gone."{column.column}"' for column in columns)
            cursor.execute(
                f'DELETE FROM "{table}" AS old USING unnest({arrays}) AS gone ({names}) WHERE {match}',
                [list(values) for values in zip(*rows, strict=True)],
            )
            return
        match = " AND ".join(f'"{column.column}" = %s' for column in columns)
        cursor.executemany(f'DELETE FROM "{table}" WHERE {match}', _prepared(columns, rows))


def chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """`items` in lists of `size`, the last one shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _columns(model: type[models.Model], fields: Sequence[str]) -> list[models.Field[Any, Any]]:
    return [model._meta.get_field(name) for name in fields]  # type: ignore[misc]


def _prepared(columns: Sequence[models.Field[Any, Any]], rows: Iterable[Row]) -> Iterator[list[Any]]:
    for row in rows:
        yield [column.get_db_prep_save(value, connection) for column, value in zip(columns, row, strict=True)]


def _element_type(field: models.Field[Any, Any]) -> str:
    """The PostgreSQL type of one value, without length: `varchar(20)` is sent as text."""
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    kind = (target.rel_db_type(connection) if field is not target else target.db_type(connection)) or "text"
    return {"varchar": "text", "timestamp with time zone": "timestamptz", "double precision": "float8"}.get(
        kind.partition("(")[0], kind
    )


def _array_type(field: models.Field[Any, Any]) -> str:
    return f"{_element_type(field)}[]"
