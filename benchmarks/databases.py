"""Scratch databases on the PostgreSQL server that DATABASE_URL names; never a database somebody else made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

DEFAULT_URL = "postgres://postgres@127.0.0.1:5432/optout_bench"
#: The comment that marks a database as ours; without it nothing is written to it and it is not dropped.
_MARK = "scratch database of the opt-out desk's benchmarks"


class ForeignDatabaseError(Exception):
    """The name is taken by a database that the benchmarks did not make."""


def base_url() -> str:
    return os.environ.get("DATABASE_URL") or DEFAULT_URL


def url_of(label: str) -> str:
    """The address of the scratch database `label`: the named database with the label behind its name."""
    parts = urlsplit(base_url())
    return urlunsplit(parts._replace(path=f"{parts.path}_{label}"))


def connect(url: str, **options: Any) -> psycopg.Connection[Any]:
    return psycopg.connect(url, autocommit=True, **options)


def refuse_foreign() -> None:
    """Raises ForeignDatabaseError if DATABASE_URL names a database that exists and is not ours."""
    _refuse_foreign(_name(base_url()))


def create(label: str, *, template: str = "") -> str:
    """Make the scratch database `label` anew, empty or as a copy of the scratch database `template`; its address."""
    drop(label)
    with _maintenance() as connection:
        copied = sql.SQL(" TEMPLATE {}").format(_quoted(template)) if template else sql.SQL("")
        connection.execute(sql.SQL("CREATE DATABASE {}{}").format(_quoted(label), copied))
        connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(_quoted(label), _MARK))
    return url_of(label)


def exists(label: str) -> bool:
    """Whether the scratch database is there. Raises ForeignDatabaseError if the name is somebody else's."""
    return _refuse_foreign(_name(url_of(label)))


def drop(label: str) -> None:
    if exists(label):
        with _maintenance() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(_quoted(label)))


@contextmanager
def scratch(label: str, *, template: str = "") -> Iterator[str]:
    """The address of a scratch database that is dropped afterwards."""
    try:
        yield create(label, template=template)
    finally:
        drop(label)


def checkpoint() -> None:
    """Flush what earlier work left behind, so that its writing is not counted against what is measured next."""
    with _maintenance() as connection:
        connection.execute("CHECKPOINT")


def server() -> str:
    with _maintenance() as connection:
        row = connection.execute("SELECT version()").fetchone()
        return str(row[0]).split(",")[0] if row else ""


def _name(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def _quoted(label: str) -> sql.Identifier:
    return sql.Identifier(_name(url_of(label)))


def _maintenance() -> psycopg.Connection[Any]:
    return connect(urlunsplit(urlsplit(base_url())._replace(path="/postgres")))


def _refuse_foreign(name: str) -> bool:
    """Whether the database exists. Raises ForeignDatabaseError if it does and carries no mark of ours."""
    with _maintenance() as connection:
        row = connection.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
        ).fetchone()
    if row is not None and row[0] != _MARK:
        raise ForeignDatabaseError(
            f"The database “{name}” was not made by the benchmarks, so they do not touch it. "
            "Name one that does not exist: the benchmarks make what they need beside it."
        )
    return row is not None
