"""`python -m benchmarks [name ...] [--quick]`: measure, compare, say pass or fail, keep the numbers in var/bench/."""

from __future__ import annotations

import argparse
import os
import sys

from benchmarks import classify, databases, door, drain, eligibility, stop, understanding
from benchmarks.results import Result

ROUNDS = 5
NAMES = ("door", "drain", "stop", "eligibility", "classify", "understanding")


def main() -> int:
    options = _options()
    try:
        databases.refuse_foreign()
        server = databases.server()
    except databases.ForeignDatabaseError as error:
        print(error, file=sys.stderr)
        return 2
    rounds = options.rounds or (2 if options.quick else ROUNDS)
    print(f"{server}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, medians of {rounds} rounds\n")
    is_met = True
    for name in options.names or NAMES:
        for result in _run(name, rounds, options):
            print(result.text())
            path = result.save(is_quick=options.quick, server=server)
            print(f"      {path}\n", flush=True)
            is_met = is_met and result.is_met
    return 0 if is_met or options.quick else 1


def _run(name: str, rounds: int, options: argparse.Namespace) -> list[Result]:
    if name == "drain":
        return drain.run(rounds=rounds, is_quick=options.quick)
    if name == "understanding":
        return understanding.run(rounds=rounds, is_quick=options.quick)
    if name == "eligibility":
        return [eligibility.run(rounds=rounds, consents=options.consents or (100_000 if options.quick else 10_000_000))]
    one = {"door": door.run, "stop": stop.run, "classify": classify.run}[name]
    return [one(rounds=rounds, is_quick=options.quick)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"out of: {', '.join(NAMES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes, two rounds: does it still run?")
    parser.add_argument("--rounds", type=int, default=0, help=f"how often everything is measured (default {ROUNDS})")
    parser.add_argument(
        "--consents", type=int, default=0, help="size of the eligibility benchmark (default 10,000,000)"
    )
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"there is no benchmark called {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
