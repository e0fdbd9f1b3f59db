#!/usr/bin/env python3
"""An engine that answers while a trainer runs: one process, one base, one set of threads. Rates of each alone and of both
together, and how long a caller waits for four tokens. Rounds of all three alternate."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import common
from whorl_side import Training

NEW, AT_ONCE = 32, 4


class Answers:
    """One stream of an engine, AT_ONCE tokens a call."""

    def __init__(self, training: Training, shape: str) -> None:
        self.engine = training.whorl.InferenceEngine(training.model)
        self.prompt = common.random_ids(shape, 16, 1)

    def call(self) -> float:
        begin = time.perf_counter()
        self.engine.generate(prompt_ids=self.prompt, max_new_tokens=AT_ONCE, ignore_eos=True)
        return time.perf_counter() - begin


def together(training: Training, answers: Answers, steps: int) -> tuple[float, list[float]]:
    """(tokens of training per second, seconds of every call) of so many steps."""
    rate: list[float] = []
    trainer = threading.Thread(target=lambda: rate.append(training.round("run", steps)))
    trainer.start()
    calls = []
    while trainer.is_alive():
        calls.append(answers.call())
    trainer.join()
    return rate[0], calls


def measure(a: Any, folder: Path) -> dict[str, Any]:
    training = Training(folder, a.shape, a.dtype, a.threads, a.quantize)
    training.start("run", a.adapters, a.rank, a.batch, a.seq, 2 * a.steps * (a.rounds + 1))
    answers = Answers(training, a.shape)
    training.round("run", 1), answers.call()
    alone: list[float] = []
    train_alone, train_beside, calls = [], [], []
    for _ in range(a.rounds):
        alone += [answers.call() for _ in range(NEW // AT_ONCE)]
        train_alone.append(training.round("run", a.steps))
        rate, found = together(training, answers, a.steps)
        train_beside.append(rate)
        calls += found
    training.stop("run")
    decode = AT_ONCE / statistics.median(alone)
    return {
        "decode_alone": decode,
        "decode_beside": AT_ONCE / statistics.mean(calls),
        "call_alone_ms": 1e3 * statistics.median(alone),
        "call_beside_ms": 1e3 * statistics.median(calls),
        "longest_call_beside_ms": 1e3 * max(calls),
        "training_alone": statistics.median(train_alone),
        "training_beside": statistics.median(train_beside),
    }


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3, help="of training in a round")
    parser.set_defaults(dtype="bfloat16", batch=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        common.save_model(arguments.shape, folder, arguments.seq)
        common.report(arguments, measure(arguments, folder))


if __name__ == "__main__":
    main()
