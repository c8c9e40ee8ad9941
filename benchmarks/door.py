"""`door`: webhooks accepted a second, beside a Django view that does nothing on the same server."""

from __future__ import annotations

import time

from benchmarks import databases, load, servers, steps, traffic
from benchmarks.results import Goal, Result, median, spread
from preferences.signing import sign_meta

CONNECTIONS = 32
BODY_BYTES = 1_500
#: More webhooks than the door can take in a second here, so that none is sent twice.
_FASTEST = 9_000


def run(*, rounds: int, is_quick: bool) -> Result:
    seconds = 2.0 if is_quick else 6.0
    sender = load.senders()[0]
    result = Result(
        "door",
        f"POST of {BODY_BYTES:,} signed bytes, {CONNECTIONS} keep-alive connections, sent by {sender}",
        ("server", "answers/s", "lowest–highest", "p50 ms", "p99 ms"),
    )
    runs: dict[str, list[load.Load]] = {"bare view": [], "door": []}
    stored: list[tuple[int, int]] = []
    with databases.scratch("door") as url:
        steps.run(url, "migrate")
        with servers.serving(url, servers.BARE) as bare, servers.serving(url) as door:
            for number in range(rounds + 1):
                requests = _requests(int(_FASTEST * seconds), number)
                repeated = list(load.endlessly(requests, int(40_000 * seconds)))
                measured = {
                    "bare view": _send(repeated, bare, seconds, sender),
                    "door": _send(requests, door, seconds, sender),
                }
                stored.append((_count_and_empty(url), measured["door"].answers - measured["door"].refused))
                if number:  # the first round warms up
                    for name, one in measured.items():
                        runs[name].append(one)
    _fill_in(result, runs, stored)
    return result


def _fill_in(result: Result, runs: dict[str, list[load.Load]], stored: list[tuple[int, int]]) -> None:
    for name, found in runs.items():
        rates = [one.rate for one in found]
        p50, p99 = median(one.p50 for one in found), median(one.p99 for one in found)
        result.rows.append((name, median(rates), spread(rates), p50, p99))
        result.rounds[name] = [
            {"rate": one.rate, "refused": one.refused, "p50": one.p50, "p99": one.p99, "cpu": one.sender_cpu}
            for one in found
        ]
    ratios = [door.rate / bare.rate for door, bare in zip(runs["door"], runs["bare view"], strict=True)]
    door = runs["door"]
    result.goals += [
        Goal("door / bare view", median(ratios), 0.28, note=spread(ratios)),
        Goal("webhooks", median(one.rate for one in door), 3_300, "/s", note="on 2 quiet processors"),
        Goal("p50", median(one.p50 for one in door), 25, "ms", is_ceiling=True),
        Goal("p99", median(one.p99 for one in door), 250, "ms", is_ceiling=True),
        Goal("rows stored - 200s answered, lowest", float(min(rows - answers for rows, answers in stored)), 0),
        Goal("answers that were not 200", float(sum(one.refused for one in door)), 0, is_ceiling=True),
    ]
    shares = [one.sender_cpu for found in runs.values() for one in found]
    if shares == [share for share in shares if share == share]:  # noqa: PLR0124 (NaN: wrk does not say)
        result.notes.append(f"The sender took up to {max(shares):.0%} of a processor, at the bare view the most.")


def _requests(count: int, number: int) -> list[load.Request]:
    at = int(time.time())
    requests = []
    for index in range(number * count, (number + 1) * count):
        body = traffic.padded(index, size=BODY_BYTES, at=at)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature-256": sign_meta(body, steps.APP_SECRET),
        }
        requests.append(load.Request(servers.DOOR, headers, body))
    return requests


def _send(requests: list[load.Request], port: int, seconds: float, sender: str) -> load.Load:
    databases.checkpoint()
    return load.send(requests, port=port, connections=CONNECTIONS, seconds=seconds, sender=sender)


def _count_and_empty(url: str) -> int:
    """How many webhooks are stored; wrk's last ones may be committed after it stopped listening."""
    with databases.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM preferences_inboxentry").fetchone()
        connection.execute("TRUNCATE preferences_inboxentry")
    return int(row[0]) if row else 0
