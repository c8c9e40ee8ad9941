"""`classify`: how many replies one processor judges a second. No opponent and no goal: a number to watch."""

from __future__ import annotations

import datetime as dt
import time

from benchmarks import traffic
from benchmarks.results import Result, median, spread
from preferences.interpretation import judge
from preferences.interpretation.whatsapp import read


def run(*, rounds: int, is_quick: bool) -> Result:
    count = 5_000 if is_quick else 50_000
    result = Result("classify", f"{count:,} different webhooks, one process, no database", ("", "/s", "lowest–highest"))
    at = int(dt.datetime.now(dt.UTC).timestamp())
    bodies = [traffic.encoded(body) for body in traffic.replies(count, at=at)]
    messages = [message for body in bodies for message in read(body).observations]
    rates: dict[str, list[float]] = {"read a webhook": [], "judge its text": []}
    for _ in range(rounds):
        for name, function, items in (("read a webhook", read, bodies), ("judge its text", judge, messages)):
            started = time.perf_counter()
            for item in items:
                function(item)
            rates[name].append(count / (time.perf_counter() - started))
    for name, found in rates.items():
        result.rows.append((name, median(found), spread(found)))
    result.rounds = dict(rates)
    return result
