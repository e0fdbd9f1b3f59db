#!/usr/bin/env python3
"""Up to how many rows Whorl's own kernel should have products with bfloat16 weights on CUDA, and from where on NVIDIA's library.

Decoding with WHORL_CUDA_FEW_ROWS at each of several numbers (0: the library has all), in alternate rounds, a process each. A run
is as decode.py has it. Checked: logits of one setting beside those of the first. On the host the setting changes nothing.
"""

from __future__ import annotations

import os
import statistics
from pathlib import Path
from typing import Any

import common
import decode
import llama_peer
from serving import Serving
from worker import Worker

import serve


def side(a: Any, model: Path, rows: int) -> Worker:
    """The variable is read when the process opens its device."""
    os.environ["WHORL_CUDA_FEW_ROWS"] = str(rows)
    try:
        serving = (a.shape, "none", a.threads, a.batch, a.adapters, a.rank)
        return Worker(Serving, *serving, a.device, model, a.seq, a.new)
    finally:
        del os.environ["WHORL_CUDA_FEW_ROWS"]


def check(a: Any, sides: dict[int, Worker]) -> dict[str, float]:
    """SystemExit where two settings are not the same model, of as many rows as the kernel still has."""
    worst = 0.0
    for rows, its in sides.items():
        ids = llama_peer.check_ids(a.shape)[: max(1, rows)]
        first = sides[a.settings[0]].ask("logits", ids, None)
        worst = max(worst, llama_peer.logit_error(its.ask("logits", ids, None), first))
    if not worst <= serve.SAME_MODEL["none"]:
        raise SystemExit(f"these are not the same model: logits differ by {worst:.4f} of their spread")
    return {"logit_error": worst}


def figures_of(rates: dict[tuple[str, int], list[float]], settings: list[int]) -> dict[str, Any]:
    """Ratios above 1 say that a setting is faster than the first one."""
    found: dict[str, Any] = {}
    for (run, rows), rounds in rates.items():
        found[f"{run}_{rows}_tokens_per_second"] = statistics.median(rounds)
        ratios = (x / y for x, y in zip(rounds, rates[run, settings[0]]))
        found[f"{run}_{rows}_ratio"] = statistics.median(ratios)
    return found


def measure(a: Any, model: Path) -> dict[str, Any]:
    runs = decode.all_runs(a.runs)
    sides = {rows: side(a, model, rows) for rows in a.settings}
    checked = check(a, sides)
    rates: dict[tuple[str, int], list[float]] = {(run, rows): [] for run in runs for rows in a.settings}
    for its in sides.values():
        for run in runs.values():
            its.ask("rate", *run, 8)  # warms up
    for _ in range(a.rounds):
        for run, rows in rates:
            rates[run, rows].append(sides[rows].ask("rate", *runs[run], a.new))
    facts = sides[a.settings[0]].ask("facts")
    for its in sides.values():
        its.close()
    return {**facts, **checked, "few_rows": a.settings, "runs": list(runs), **figures_of(rates, a.settings)}


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--runs", nargs="+", default=["1", "8", "16", "32"], help='"16", or "16+4"')
    parser.add_argument("--settings", nargs="+", type=int, default=[0, 16, 32], help="of WHORL_CUDA_FEW_ROWS")
    parser.add_argument("--new", type=int, default=64, help="tokens generated for each stream")
    parser.add_argument("--rounds", type=int, default=3)
    common.add_device(parser)
    parser.set_defaults(seq=128, dtype="bfloat16")
    arguments = parser.parse_args()
    runs = decode.all_runs(arguments.runs).values()
    arguments.batch, arguments.adapters = (max(run[i] for run in runs) for i in range(2))
    with common.model_folder(arguments) as model:
        common.report(arguments, measure(arguments, model))


if __name__ == "__main__":
    main()
