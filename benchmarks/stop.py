"""`stop`: how long one STOP takes to be effective while a worker is busy with a hundred thousand statuses."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from benchmarks import databases, steps
from benchmarks.drain import prepare
from benchmarks.results import Goal, Result, median, spread

_TEMPLATE = "stop_filled"


def run(*, rounds: int, is_quick: bool) -> Result:
    count = 20_000 if is_quick else 100_000
    result = Result(
        "stop",
        f"one STOP in the middle of {count:,} statuses, a worker draining",
        ("", "median s", "lowest–highest"),
    )
    try:
        prepare(_TEMPLATE, "statuses", count, people=count // 6, everybody_known=True)
        found = [_round() for _ in range(rounds)]
    finally:
        databases.drop(_TEMPLATE)
    seconds = [one["seconds"] for one in found]
    result.rounds["stop"] = found
    result.rows.append(("from its commit to “opted_out”", median(seconds), spread(seconds)))
    result.goals.append(
        Goal("effective within", median(seconds), 1, "s", is_ceiling=True, note=f"slowest {max(seconds):.2f}")
    )
    waiting = sorted(one["waiting"] for one in found)
    result.notes.append(f"When the STOP came, {waiting[0]:,} to {waiting[-1]:,} statuses were still waiting.")
    return result


def _round() -> dict[str, Any]:
    with databases.scratch("stop", template=_TEMPLATE) as url:
        databases.checkpoint()
        environment = steps.environment(url)
        watcher = subprocess.Popen(
            steps.command("stop"), env=environment, cwd=steps.ROOT, stdout=subprocess.PIPE, text=True
        )
        worker = subprocess.Popen(steps.command("drain"), env=environment, cwd=steps.ROOT, stdout=subprocess.DEVNULL)
        try:
            said, _ = watcher.communicate(timeout=600)
            if watcher.returncode:
                raise RuntimeError("The STOP could not be watched; see above.")
        finally:
            for process in (watcher, worker):
                process.kill()
                process.wait()
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    if not found["waiting"]:
        raise RuntimeError("The statuses were drained before the STOP came: use more of them.")
    return found
