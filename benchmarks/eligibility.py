"""`eligibility`: “may we send?” for 10,000 recipients over HTTP, against ten million consents."""

from __future__ import annotations

import http.client
import json
import random
import time
from typing import Any

from benchmarks import databases, servers, steps
from benchmarks.results import Goal, Result, median, spread

RECIPIENTS = 10_000
_PATH = "/api/v1/eligibility/"
_REQUESTS = 5
_STRANGER = 9  # the place of one in ten whom nobody knows: the only kind for whom every query is asked
_SEED = 20261123

# Person i: phone +4915(100000000 + i), every second one a BSUID as well; three in ten opted out, one in two hundred held.
_FILL = """
SET session_replication_role = replica; -- no foreign key is checked row by row
SET synchronous_commit = off;
INSERT INTO preferences_subscriber
    (id, public_id, root_id, locale, country, jurisdiction_source, jurisdiction_confidence, created_at)
    SELECT i, lpad(to_hex(i), 32, '0')::uuid, i, '', 'DE', 'phone', 'M', now() FROM generate_series(1, {count}) AS i;
INSERT INTO preferences_identity (scheme, scope, value, match_key, last4, subscriber_id, root_id, since, seen_at)
    SELECT 'phone', 0, number, number, right(number, 4), i, i, now(), now()
    FROM generate_series(1, {count}) AS i, LATERAL (SELECT '+4915' || (100000000 + i) AS number) AS phone;
INSERT INTO preferences_identity (scheme, scope, value, match_key, last4, subscriber_id, root_id, since, seen_at)
    SELECT 'bsuid', {portfolio}, name, name, '', i, i, now(), now()
    FROM generate_series(2, {count}, 2) AS i, LATERAL (SELECT 'DE.' || (7000000000000000 + i) AS name) AS bsuid;
INSERT INTO preferences_consent
    (subscriber_id, controller, brand, channel, topic, status, effective_at, event, version)
    SELECT i, 0, {brand}, CASE WHEN i % 10 < 3 THEN 'any' ELSE 'whatsapp' END, 'marketing',
        CASE WHEN i % 10 < 3 THEN 'opted_out' ELSE 'opted_in' END, now(), i, i
    FROM generate_series(1, {count}) AS i;
INSERT INTO preferences_hold (subscriber_id, reply, controller, brand, channel, topic, since, event)
    SELECT i, sha256(i::text::bytea), 0, {brand}, 'any', 'marketing', now(), i FROM generate_series(5, {count}, 200) AS i;
UPDATE preferences_ledgerhead SET position = {count};
"""


def run(*, rounds: int, consents: int) -> Result:
    result = Result(
        "eligibility",
        f"{RECIPIENTS:,} recipients in one request, {consents:,} consents, over HTTP",
        ("recipients", "median ms", "lowest–highest", "queries"),
    )
    with databases.scratch("eligibility") as url:
        world = steps.run(url, "migrate")
        started = time.perf_counter()
        size = _fill(url, consents, world["brand"], world["portfolio"])
        result.notes.append(f"Filling took {time.perf_counter() - started:,.0f} s; the database has {size}.")
        source = random.Random(_SEED)
        many, one = _question(source, consents, RECIPIENTS), _question(source, consents, 1, first=_STRANGER)
        queries = {
            count: steps.run(url, "count_queries", world["key"], given=json.dumps(question))
            for count, question in ((RECIPIENTS, many), (1, one))
        }
        with servers.serving(url) as port:
            times = _times(port, world["key"], source, consents, rounds)
    for count in (RECIPIENTS, 1):
        result.rows.append((count, median(times[count]), spread(times[count]), queries[count]["queries"]))
        result.rounds[str(count)] = times[count]
    result.goals += [
        Goal(f"{RECIPIENTS:,} recipients", median(times[RECIPIENTS]), 250, "ms", is_ceiling=True),
        Goal(
            "more queries for 10,000 than for 1",
            float(queries[RECIPIENTS]["queries"] - queries[1]["queries"]), 0, is_ceiling=True,
        ),
    ]  # fmt: skip
    result.notes.append("Every answer of every request was the expected one.")
    return result


def _fill(url: str, count: int, brand: int, portfolio: int) -> str:
    with databases.connect(url) as connection:
        for statement in _FILL.format(count=count, brand=brand, portfolio=portfolio).split(";\n"):
            connection.execute(statement)
        connection.execute("VACUUM ANALYZE")
        row = connection.execute("SELECT pg_size_pretty(pg_database_size(current_database()))").fetchone()
    databases.checkpoint()
    return str(row[0]) if row else ""


def _times(port: int, key: str, source: random.Random, consents: int, rounds: int) -> dict[int, list[float]]:
    """Milliseconds of each round's median request, first rounds of all warming up."""
    times: dict[int, list[float]] = {RECIPIENTS: [], 1: []}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for number in range(rounds + 1):
        for count, found in times.items():
            asked = [_ask(connection, key, _question(source, consents, count)) for _ in range(_REQUESTS)]
            if number:
                found.append(median(asked))
    connection.close()
    return times


def _ask(connection: http.client.HTTPConnection, key: str, question: dict[str, Any]) -> float:
    """Milliseconds from the first byte of the request to the parsed answer, which must be the expected one."""
    expected = [_expected(recipient) for recipient in question["recipients"]]
    started = time.perf_counter()
    headers = {"Authorization": f"Api-Key {key}", "Content-Type": "application/json"}
    connection.request("POST", _PATH, json.dumps(question), headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    elapsed = (time.perf_counter() - started) * 1000
    if response.status != http.HTTPStatus.OK:
        raise RuntimeError(f"The API answered {response.status}: {answer}")
    if [one["reason"] for one in answer["results"]] != expected:
        raise RuntimeError("The API gave an answer that is not the expected one.")
    return elapsed


def _question(source: random.Random, consents: int, count: int, *, first: int = 0) -> dict[str, Any]:
    """Of ten recipients eight are known phones, then comes a known BSUID and last a stranger's phone."""
    recipients = []
    for place in range(first, first + count):
        person = source.randrange(1, consents + 1)
        if place % 10 == 8:
            recipients.append(f"DE.{7_000_000_000_000_000 + person - person % 2 + 2 * (person < 2)}")
        elif place % 10 == _STRANGER:
            recipients.append(f"+4917{100_000_000 + person}")
        else:
            recipients.append(f"+4915{100_000_000 + person}")
    return {"brand": steps.BRAND, "channel": "whatsapp", "topic": "marketing", "recipients": recipients}


def _expected(recipient: str) -> str:
    if recipient.startswith("+4917"):
        return "no_consent"
    person = int(recipient[3:]) - 7_000_000_000_000_000 if recipient[0] == "D" else int(recipient[5:]) - 100_000_000
    if person % 10 < 3:
        return "opted_out"
    return "held" if person % 200 == 5 else "opted_in"
