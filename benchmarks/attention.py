#!/usr/bin/env python3
"""Whether cuDNN should have the attention of training on CUDA, or Whorl's own kernels.

Training with WHORL_CUDA_ATTENTION at each of several words (bfloat16: kernels of Whorl's on tensor cores; cudnn), in alternate rounds, a
process each: whole steps, forward and back. A run is as train.py has it. Checked: loss and norm of the gradient of one step, of the same
weights and rows, beside those of the first. On the host the setting changes nothing.
"""

from __future__ import annotations

import os
import statistics
from pathlib import Path
from typing import Any

import common
from whorl_side import Training
from worker import Worker

import train

WORDS = ("bfloat16", "cudnn", "float32")


def side(a: Any, model: Path, word: str) -> Worker:
    """The variable is read when the process opens its device."""
    os.environ["WHORL_CUDA_ATTENTION"] = word
    try:
        made = Worker(Training, model, a.shape, a.dtype, a.threads, a.quantize, a.device)
    finally:
        del os.environ["WHORL_CUDA_ATTENTION"]
    made.ask("start", "run", a.adapters, a.rank, a.batch, a.seq, a.steps * a.rounds + 1)
    return made


def check(losses: dict[str, list[tuple[float, float]]]) -> dict[str, float]:
    """SystemExit where two settings do not compute the same."""
    first = next(iter(losses))
    worst = 0.0
    for word, its in losses.items():
        for ours, theirs in zip(losses[first], its):
            if wrong := train.differs(ours, theirs, word):
                raise SystemExit(f"these do not compute the same: {wrong} (of {first})")
            worst = max(worst, *(abs(x - y) / abs(x) for x, y in zip(ours, theirs)))
    return {"worst_difference": worst}


def figures_of(rates: dict[str, list[float]]) -> dict[str, Any]:
    """Ratios above 1 say that a setting is faster than the first one."""
    first = next(iter(rates))
    found: dict[str, Any] = {}
    for word, rounds in rates.items():
        found[f"{word}_tokens_per_second"] = statistics.median(rounds)
        found[f"{word}_ratio"] = statistics.median(x / y for x, y in zip(rounds, rates[first]))
    return found


def measure(a: Any, model: Path) -> dict[str, Any]:
    sides = {word: side(a, model, word) for word in a.settings}
    checked = check({word: its.ask("losses", "run") for word, its in sides.items()})  # warms up, too
    rates: dict[str, list[float]] = {word: [] for word in sides}
    for _ in range(a.rounds):
        for word, its in sides.items():
            rates[word].append(its.ask("round", "run", a.steps))
    facts = sides[a.settings[0]].ask("facts")
    for its in sides.values():
        its.ask("stop", "run")
        its.close()
    return {**facts, **checked, "attention": a.settings, **figures_of(rates)}


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument(
        "--settings", nargs="+", choices=WORDS, default=["bfloat16", "cudnn"], help="of WHORL_CUDA_ATTENTION"
    )
    parser.add_argument("--steps", type=int, default=4, help="of a round; one before all rounds warms up")
    parser.add_argument("--rounds", type=int, default=5)
    common.add_device(parser)
    parser.set_defaults(dtype="bfloat16")
    arguments = parser.parse_args()
    with common.model_folder(arguments) as model:
        common.report(arguments, measure(arguments, model))


if __name__ == "__main__":
    main()
