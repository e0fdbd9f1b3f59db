#!/usr/bin/env python3
"""How cost grows: one quantity at a time, everything else as it was. Training is shape S with a bfloat16 base and about as many
rows a step at each point; decoding is shape M. Every point is the median of --rounds after one that warms up."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common
from serving import Serving
from whorl_side import Training
from worker import Worker

Point = dict[str, float]
ROWS = 4096  # of a training step


class Growth:
    def __init__(self, a: Any, folder: Path) -> None:
        self.a, self.folder = a, folder
        self.threads = a.threads or len(os.sched_getaffinity(0))

    def train(self, x: int, seq: int, batch: int, rank: int, threads: int) -> Point:
        ours = Worker(Training, self.folder, "S", "bfloat16", threads, "none")
        ours.ask("start", "run", 1, rank, batch, seq, self.a.rounds)
        ours.ask("round", "run", 1)
        rates = [ours.ask("round", "run", 1) for _ in range(self.a.rounds)]
        ours.ask("stop", "run")
        ours.close()
        return {"x": x, "tokens_per_second": statistics.median(rates), "peak_rss_bytes": ours.peak}

    def decode(self, ours: Worker, x: int, streams: int, adapters: int) -> Point:
        new = 12 if streams > 8 else 24
        ours.ask("rate", streams, adapters, 4)
        rates = [ours.ask("rate", streams, adapters, new) for _ in range(self.a.rounds)]
        return {"x": x, "tokens_per_second": statistics.median(rates), "peak_rss_bytes": ours.peak}

    def sequence(self) -> list[Point]:
        return [
            self.train(n, n, max(1, ROWS // n), self.a.rank, self.threads)
            for n in (128, 256, 512, 1024, 2048, 4096)
        ]

    def batch(self) -> list[Point]:
        return [self.train(n, 128, n, self.a.rank, self.threads) for n in (1, 2, 4, 8, 16, 32)]

    def rank(self) -> list[Point]:
        return [self.train(n, 512, 4, n, self.threads) for n in (4, 8, 16, 32, 64, 128)]

    def train_threads(self) -> list[Point]:
        return [self.train(n, 512, 4, self.a.rank, n) for n in thread_counts(self.threads)]

    def streams(self) -> list[Point]:
        ours = Worker(Serving, "M", "none", self.threads, 32, 0, self.a.rank)
        found = [self.decode(ours, n, n, 0) for n in (1, 2, 4, 8, 16, 32)]
        ours.close()
        return found

    def adapters(self) -> list[Point]:
        ours = Worker(Serving, "M", "none", self.threads, 64, 64, self.a.rank)
        found = [self.decode(ours, n, 64, n) for n in (0, 1, 4, 16, 64)]
        ours.close()
        return found

    def decode_threads(self) -> list[Point]:
        found = []
        for n in thread_counts(self.threads):
            ours = Worker(Serving, "M", "none", n, 1, 0, self.a.rank)
            found.append(self.decode(ours, n, 1, 0))
            ours.close()
        return found


def thread_counts(most: int) -> list[int]:
    """1, 2, 4, … and the most."""
    return sorted({2**i for i in range(most.bit_length()) if 2**i <= most} | {most})


CURVES: dict[str, Callable[[Growth], list[Point]]] = {
    name: getattr(Growth, name)
    for name in ("sequence", "batch", "rank", "train_threads", "streams", "adapters", "decode_threads")
}


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("curve", choices=CURVES)
    parser.add_argument("--rounds", type=int, default=2)
    parser.set_defaults(dtype="bfloat16")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        common.save_model("S", folder, 4096)
        points = CURVES[arguments.curve](Growth(arguments, folder))
        common.report(arguments, {"curve": arguments.curve, "points": points})


if __name__ == "__main__":
    main()
