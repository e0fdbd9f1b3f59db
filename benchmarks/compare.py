#!/usr/bin/env python3
"""Two builds of ops_benchmark in turn, on the same cases: the median of the ratios of neighbouring runs. On a machine that
others share, a whole run of one and then of the other tells nothing; neighbours in time see the same machine.

    benchmarks/compare.py old/ops_benchmark new/ops_benchmark --filter '^linear/16/' --rounds 7
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
from pathlib import Path


def times(program: Path, arguments: argparse.Namespace) -> dict[str, float]:
    command = [
        str(program.resolve()),
        f"--benchmark_filter={arguments.filter}",
        f"--benchmark_min_time={arguments.seconds}",
        "--benchmark_format=json",
    ]
    said = subprocess.run(command, capture_output=True, text=True)
    if said.returncode != 0 or not said.stdout.strip():
        raise SystemExit(
            f"{program} said: {said.stderr.strip() or 'nothing'} (no case matches {arguments.filter}?)"
        )
    cases = json.loads(said.stdout)["benchmarks"]
    failed = [case["name"] for case in cases if case.get("error_occurred")]
    if failed:
        raise SystemExit(f"{program} failed in {', '.join(failed)}")
    return {case["name"]: case["real_time"] for case in cases}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument(
        "--filter", default="^linear/16/", help="of cases, a regular expression of Google Benchmark"
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.1, help="that a case is repeated in one run")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error(f"expected at least 1 round, got {arguments.rounds}")
    old: dict[str, list[float]] = {}
    new: dict[str, list[float]] = {}
    for number in range(arguments.rounds):
        order = [(arguments.old, old), (arguments.new, new)]
        for program, found in order if number % 2 == 0 else order[::-1]:
            for name, time in times(program, arguments).items():
                found.setdefault(name, []).append(time)
    print(f"{'case':48} {'old':>10} {'new':>10}  old over new, median (least, most)")
    for name in [name for name in old if name in new]:
        ratios = [a / b for a, b in zip(old[name], new[name], strict=True)]
        print(
            f"{name:48} {statistics.median(old[name]):10.3f} {statistics.median(new[name]):10.3f}  "
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f}, {max(ratios):.2f})"
        )
    for name in sorted(old.keys() ^ new.keys()):
        print(f"{name:48} only in {'old' if name in old else 'new'}")


if __name__ == "__main__":
    main()
