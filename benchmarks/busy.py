#!/usr/bin/env python3
"""What is left of each side's rate when as many busy processes as threads run beside it: decoding of one stream (shape M)
beside llama.cpp, training (shape S) beside PyTorch + PEFT. Quiet and busy rounds alternate, all sides in each."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common
import llama_peer
import torch_peer
from serving import Serving
from torch_peer import Torch
from whorl_side import Training
from worker import Worker

NEW = 32


def spin() -> None:
    while True:
        pass


class Load:
    """Processes that do nothing but count, while it is entered."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __enter__(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.processes = [spawn.Process(target=spin, daemon=True) for _ in range(self.count)]
        for process in self.processes:
            process.start()

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.join()


def sides(a: Any, threads: int, folder: Path, rounds: int) -> dict[str, Callable[[], float]]:
    """A round of each side: tokens a second."""
    serving = Worker(Serving, "M", "none", threads, 1, 0, a.rank)
    llama = Worker(llama_peer.Llama, str(folder / "BF16.gguf"), threads, 1, 16 + NEW)
    training = Worker(Training, folder / "S", "S", "bfloat16", threads, "none")
    training.ask("start", "run", 1, a.rank, 1, 512, 2 * rounds)
    torch = Worker(Torch, folder / "S", a.peer_mode, "S", a.rank, threads)
    torch.ask("rows", 1, 512)
    prompt = [common.random_ids("M", 16, 1)]
    return {
        "whorl_decode": lambda: serving.ask("rate", 1, 0, NEW),
        "llama_decode": lambda: llama.ask("decode_rate", prompt, NEW),
        "whorl_training": lambda: training.ask("round", "run", 1),
        "torch_training": lambda: torch.ask("round", 1),
    }


def measure(a: Any, folder: Path) -> dict[str, Any]:
    threads = a.threads or len(os.sched_getaffinity(0))
    all_sides = sides(a, threads, folder, a.rounds)
    for side in all_sides.values():
        side()
    quiet: dict[str, list[float]] = {name: [] for name in all_sides}
    busy: dict[str, list[float]] = {name: [] for name in all_sides}
    for _ in range(a.rounds):
        for name, side in all_sides.items():
            quiet[name].append(side())
        with Load(threads):
            for name, side in all_sides.items():
                busy[name].append(side())
    figures: dict[str, Any] = {"busy_processes": threads, "peer_setting": a.peer_mode}
    for name in all_sides:
        figures[f"{name}_quiet"] = statistics.median(quiet[name])
        figures[f"{name}_busy"] = statistics.median(busy[name])
        figures[f"{name}_kept"] = figures[f"{name}_busy"] / figures[f"{name}_quiet"]
    return figures


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-mode", choices=torch_peer.SETTINGS, default="compiled-bfloat16")
    parser.add_argument("--folder", type=Path, help="keeps the files of llama.cpp for the next call")
    parser.set_defaults(shape="M")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            pool.apply(llama_peer.prepare, (arguments, folder))
        if not (folder / "S").exists():
            common.save_model("S", folder / "S", 512)
        common.report(arguments, measure(arguments, folder))


if __name__ == "__main__":
    main()
