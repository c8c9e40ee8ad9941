"""`drain`: from inbox to committed consents in one worker process, beside COPY writing the very same rows."""

from __future__ import annotations

import bisect
import datetime as dt
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks import databases, steps
from benchmarks.results import Goal, Result, median, spread

#: Every table the drain adds rows to, referenced ones first. (Ledger head and inbox are changed, not added to.)
_TABLES = (
    "subscriber", "identity", "messagekey", "destination", "reply", "consentevent", "evidence", "consent", "platformstop",
    "hold", "pause", "delivery", "sentmessage",
)  # fmt: skip
#: Of these some rows were there before.
_TABLES_WITH_OTHERS = frozenset({"subscriber", "identity"})
#: Written before or after the savepoint in which decisions are recorded.
_TABLES_WITHOUT_SAVEPOINT = frozenset({"messagekey", "reply", "sentmessage"})


@dataclass(frozen=True, slots=True)
class Kind:
    """One stream of webhooks and what is expected of it."""

    name: str
    title: str
    count: int
    goal: float
    everybody_known: bool
    people: int


@dataclass(frozen=True, slots=True)
class Added:
    """The rows one drain added, in the batches it committed them: per batch the COPY data of each table."""

    batches: list[dict[str, bytes]]
    rows: int
    checksum: str


def run(*, rounds: int, is_quick: bool) -> list[Result]:
    replies, statuses = (5_000, 10_000) if is_quick else (50_000, 100_000)
    kinds = (
        Kind(
            "replies", "single replies, half of the people known", replies, 5_000, everybody_known=False, people=replies
        ),
        Kind(
            "statuses", "single statuses of known people", statuses, 10_000, everybody_known=True, people=statuses // 6
        ),
    )
    return [_measure(kind, rounds) for kind in kinds]


def prepare(label: str, kind: str, count: int, *, people: int, everybody_known: bool) -> dt.datetime:
    """A scratch database with the people and an inbox full of webhooks; when these were received."""
    url = databases.create(label)
    steps.run(url, "migrate")
    steps.run(url, "know", people, int(everybody_known))
    filled = steps.run(url, "fill", kind, count)
    with databases.connect(url) as connection:
        connection.execute("VACUUM ANALYZE")
    return dt.datetime.fromisoformat(filled["received_at"])


def _measure(kind: Kind, rounds: int) -> Result:
    result = Result(
        f"drain-{kind.name}",
        f"{kind.count:,} {kind.title}; one process",
        ("", "webhooks/s", "rows/s", "lowest–highest webhooks/s", "processor µs/webhook"),
    )
    template = f"drain_{kind.name}"
    try:
        received_at = prepare(template, kind.name, kind.count, people=kind.people, everybody_known=kind.everybody_known)
        runs = [_round(kind, template, received_at) for _ in range(rounds)]
    finally:
        databases.drop(template)
    _fill_in(result, kind, runs)
    return result


def _round(kind: Kind, template: str, received_at: dt.datetime) -> dict[str, Any]:
    with databases.scratch("drain", template=template) as url:
        before = _highest_ids(url)
        databases.checkpoint()
        drained = steps.run(url, "drain", (received_at + dt.timedelta(seconds=2)).isoformat())
        if drained["done"] != kind.count or drained["failed"]:
            raise RuntimeError(f"{drained['done']} of {kind.count} webhooks were drained, {drained['failed']} failed.")
        added = _added(url, before)
    with databases.scratch("copy", template=template) as url:
        databases.checkpoint()
        seconds = _copy(url, added.batches)
        if _checksum(url, before) != added.checksum:
            raise RuntimeError("COPY did not write the very same rows.")
    return {
        **drained,
        "rows": added.rows,
        "commits": len(added.batches),
        "copy_seconds": seconds,
        "checksum": added.checksum,
    }


def _fill_in(result: Result, kind: Kind, runs: list[dict[str, Any]]) -> None:
    result.rounds[kind.name] = runs
    rows = runs[0]["rows"]
    for name, key in (("drain", "seconds"), ("COPY of its rows", "copy_seconds")):
        rates = [kind.count / one[key] for one in runs]
        cpu = median(one["cpu"] / kind.count * 1e6 for one in runs) if name == "drain" else ""
        result.rows.append((name, median(rates), median(rows / one[key] for one in runs), spread(rates), cpu))
    ratios = [one["copy_seconds"] / one["seconds"] for one in runs]
    result.goals += [
        Goal(
            kind.name,
            median(kind.count / one["seconds"] for one in runs),
            kind.goal,
            "/s",
            note="on 2 quiet processors",
        ),
    ]
    if kind.name == "replies":
        result.goals.append(Goal("drain / COPY of the same rows", median(ratios), 0.3, note=spread(ratios)))
    else:
        # A status mostly changes a row that is there: COPY of the few rows that are left is no opponent, only a number.
        result.notes.append(f"drain / COPY of the rows that are left: {median(ratios):.2f} ({spread(ratios)})")
    result.notes.append(
        f"{rows:,} rows in {runs[0]['commits']} commits, {rows / kind.count:.1f} a webhook; the checksums are equal. "
        "COPY is given the finished rows; what the drain changes and deletes is counted to the drain alone."
    )


# The rows a drain added -----------------------------------------------------------------------------------------------


def _highest_ids(url: str) -> dict[str, int]:
    with databases.connect(url) as connection:
        return {
            table: connection.execute(f"SELECT coalesce(max(id), 0) FROM preferences_{table}").fetchone()[0]  # type: ignore[index]
            for table in _TABLES_WITH_OTHERS
        }


def _added(url: str, before: dict[str, int]) -> Added:
    """The new rows, told apart by the transaction that wrote them (`xmin`), so without asking the product.

    A savepoint writes under an id of its own, which lies between the id of its transaction and that of the next one.
    """
    found: dict[int, dict[str, list[int]]] = {}
    rows = 0
    with databases.connect(url) as connection:
        written = {table: _writers(connection, table, before) for table in _TABLES}
        starts = sorted({xmin for table in _TABLES_WITHOUT_SAVEPOINT for xmin in written[table]})
        for table, writers in written.items():
            for xmin, count in writers.items():
                rows += count
                start = starts[max(0, bisect.bisect_right(starts, xmin) - 1)]
                found.setdefault(start, {}).setdefault(table, []).append(xmin)
        batches = [
            {table: _out(connection, table, before, xmins) for table, xmins in found[start].items()}
            for start in sorted(found)
        ]
    return Added(batches, rows, _checksum(url, before))


def _writers(connection: psycopg.Connection[Any], table: str, before: dict[str, int]) -> dict[int, int]:
    """How many of the new rows each transaction or savepoint wrote."""
    return dict(
        connection.execute(f"SELECT xmin::text::bigint, count(*) FROM {_new(table, before)} GROUP BY 1").fetchall()
    )


def _new(table: str, before: dict[str, int]) -> str:
    return f"preferences_{table} WHERE " + (f"id > {before[table]}" if table in before else "true")


def _out(connection: psycopg.Connection[Any], table: str, before: dict[str, int], xmins: list[int]) -> bytes:
    chosen = ", ".join(map(str, xmins))
    query = f"SELECT * FROM {_new(table, before)} AND xmin::text::bigint IN ({chosen})"
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)") as copy:
        return b"".join(bytes(part) for part in copy)


def _copy(url: str, batches: Iterable[dict[str, bytes]]) -> float:
    """Write the rows, one commit for each of the drain's; the seconds it took."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT 1")
        connection.commit()
        started = time.perf_counter()
        for batch in batches:
            for table in (table for table in _TABLES if table in batch):
                with connection.cursor().copy(f"COPY preferences_{table} FROM STDIN (FORMAT BINARY)") as copy:
                    copy.write(batch[table])
            connection.commit()
        return time.perf_counter() - started


def _checksum(url: str, before: dict[str, int]) -> str:
    """One MD5 over every added row of every table."""
    parts = [
        f"SELECT '{table}' AS name, row::text FROM {_new(table, before)}".replace(" WHERE", " AS row WHERE")
        for table in _TABLES
    ]
    with databases.connect(url) as connection:
        row = connection.execute(
            f"SELECT md5(string_agg(name || row, '|' ORDER BY name, row)) FROM ({' UNION ALL '.join(parts)}) AS everything"
        ).fetchone()
    return str(row[0]) if row else ""
