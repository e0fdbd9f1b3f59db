#!/usr/bin/env python3
"""Tokens per second of LoRA training on random weights, all linears adapted.

--peer torch measures PyTorch + PEFT in the same run on the same weights and rows. Every setting of it is tried for a step
after a step that warms it up (one that takes longer than --limit, or 2.5 times as long as the best so far, is ended and said
so); the best compiled and the best eager one go on in alternate rounds with Whorl. Each side is a process of its own, so that
the peak of memory is its own, and must find the same loss and the same norm of the gradient as Whorl with an adapter that
Whorl trained. With --device cuda both sides compute on the GPU.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import common
import shapes
import torch_peer
from limits import Limits
from torch_peer import Torch
from whorl_side import Training
from worker import Ended, TooSlow, Worker

CHECK_ROWS, CHECK_SEQ = 2, 64
# Whorl multiplies bfloat16 weights by float32 or by bfloat16 rows, PyTorch rounds every result to its precision.
LOSS_TOLERANCE = {"float32": 1e-3, "bfloat16": 2e-2}
NORM_TOLERANCE = {"float32": 2e-2, "bfloat16": 1.5e-1}


def differs(ours: tuple[float, float], theirs: tuple[float, float], setting: str) -> str:
    """What does not agree; empty when all does."""
    exact = "float32" if setting.endswith("float32") and "autocast" not in setting else "bfloat16"
    for what, a, b, limit in (
        ("loss", ours[0], theirs[0], LOSS_TOLERANCE[exact]),
        ("norm of the gradient", ours[1], theirs[1], NORM_TOLERANCE[exact]),
    ):
        if not abs(a - b) <= limit * abs(a):
            return f"{setting}: {what} is {b:.6g}, Whorl's is {a:.6g}"
    return ""


class Trials:
    """Each setting of the peer for a step; the best compiled and the best eager one stay."""

    def __init__(self, a: Any, model: Path, adapter: Path, check: tuple[float, float]) -> None:
        self.a, self.model, self.adapter, self.expected = a, model, adapter, check
        self.found: dict[str, dict[str, Any]] = {}
        self.kept: dict[bool, tuple[str, Worker]] = {}

    def run(self) -> None:
        begin = time.monotonic()
        for setting in self.a.peer_mode:
            print(f"  {setting}", end=" ", file=sys.stderr, flush=True)
            if time.monotonic() - begin > self.a.trials_limit:
                self.found[setting] = {"not_tried": f"{self.a.trials_limit:g} s went to the others"}
                continue
            try:
                self.one(setting)
            except TooSlow:
                pass
            except Ended:
                self.found[setting]["failed"] = "its process ended"
            print(self.found[setting], file=sys.stderr, flush=True)
        if not self.kept:
            raise SystemExit(f"no setting of the peer finished a step: {self.found}; raise --limit")

    def one(self, setting: str) -> None:
        a = self.a
        facts: dict[str, Any] = {}
        self.found[setting] = facts
        sibling = torch_peer.SAME_PRODUCTS.get(setting, "")
        if "tokens_per_second_below" in self.found.get(sibling, {}):
            facts["not_tried"] = f"its products are those of {sibling}, which was too slow"
            return
        peer = Worker(Torch, self.model, setting, a.shape, a.rank, a.threads, a.device)
        tokens = a.batch * a.seq
        patience = self.patience()
        # Compiling takes its time once, whatever the machine's products can do.
        first = patience if torch_peer.is_eager(setting) else patience + a.compile_limit
        try:
            facts["loss"], facts["grad_norm"] = peer.ask(
                "check", self.adapter, CHECK_ROWS, CHECK_SEQ, limit=patience
            )
            wrong = differs(self.expected, (facts["loss"], facts["grad_norm"]), setting)
            if wrong and a.device == "cpu":
                raise SystemExit(f"these do not compute the same: {wrong}")
            if (
                wrong
            ):  # time on a GPU is short: the others are measured all the same, and what is wrong is said
                facts["failed"] = wrong
                return
            peer.ask("rows", a.batch, a.seq)
            begin = time.monotonic()
            peer.ask("round", 1, limit=first)
            facts["warm_seconds"] = time.monotonic() - begin
            facts["tokens_per_second"] = peer.ask("round", 1, limit=patience)
        except TooSlow:
            facts["tokens_per_second_below"] = tokens / patience
            raise
        finally:
            facts["peak_rss_bytes"] = peer.peak
        if a.device != "cpu":
            facts["device_bytes"] = peer.ask("device_bytes")
        self.keep(setting, peer)

    def patience(self) -> float:
        """Seconds for a step: one that takes 2.5 times the best one's will not become the best. On a GPU, where steps take less
        than a second, the limit is for what hangs."""
        if self.a.device != "cpu":
            return self.a.limit
        tokens = self.a.batch * self.a.seq
        done = [tokens / f["tokens_per_second"] for f in self.found.values() if "tokens_per_second" in f]
        return min([self.a.limit, *(max(10.0, 2.5 * seconds) for seconds in done)])

    def keep(self, setting: str, peer: Worker) -> None:
        kind = torch_peer.is_eager(setting)
        if kind in self.kept:
            name, other = self.kept[kind]
            worse = self.found[name]["tokens_per_second"] >= self.found[setting]["tokens_per_second"]
            (peer if worse else other).close()
            if worse:
                return
        self.kept[kind] = (setting, peer)


def eager_peak(trials: dict[str, dict[str, Any]]) -> tuple[str, int]:
    """The eager setting that held least, of those that finished a step."""
    finished = {
        name: facts["peak_rss_bytes"]
        for name, facts in trials.items()
        if torch_peer.is_eager(name) and "tokens_per_second" in facts
    }
    return min(finished.items(), key=lambda item: item[1]) if finished else ("", 0)


def compare(a: Any, rates: list[float], trials: Trials, beside: dict[str, list[float]]) -> dict[str, Any]:
    """Ratios above 1 say that Whorl is the faster; below 1 of memory, that it holds less."""
    figures: dict[str, Any] = {"settings": trials.found}
    for kind, (setting, peer) in trials.kept.items():
        name = "eager" if kind else "compiled"
        theirs = beside[setting]
        figures[f"{name}_setting"] = setting
        figures[f"{name}_tokens_per_second"] = statistics.median(theirs)
        figures[f"{name}_rounds"] = [round(r, 1) for r in theirs]
        figures[f"{name}_peak_rss_bytes"] = peer.peak
        trials.found[setting]["peak_rss_bytes"] = peer.peak
        figures[f"ratio_to_{name}"] = statistics.median(x / y for x, y in zip(rates, theirs))
    figures["least_eager_setting"], figures["least_eager_peak_rss_bytes"] = eager_peak(trials.found)
    return figures


class DeviceMemory:
    """What a run holds of a GPU's memory, context and all: how much more is in use than before it began."""

    def __init__(self, device: str) -> None:
        self.watch = Worker(Limits, device)
        self.before = self.watch.ask("used_bytes")

    def close(self) -> dict[str, Any]:
        held = self.watch.ask("used_bytes") - self.before
        self.watch.close()
        return {"device_bytes": held}


def what_peers_must_find(a: Any, ours: Worker, model: Path, adapter: Path) -> tuple[float, float]:
    """Checked on the CPU in a process of its own, so that the peak of memory is the run's; a GPU need not hold a second model."""
    if a.device != "cpu":
        return ours.ask("check", adapter, a.rank, CHECK_ROWS, CHECK_SEQ)
    checker = Worker(Training, model, a.shape, a.dtype, a.threads, a.quantize)
    expected = checker.ask("check", adapter, a.rank, CHECK_ROWS, CHECK_SEQ)
    checker.close()
    return expected


def alternate(a: Any, ours: Worker, trials: Trials | None) -> tuple[list[float], dict[str, list[float]]]:
    """Rounds in turn: Whorl's rates, and those of each setting that was kept."""
    rates: list[float] = []
    beside: dict[str, list[float]] = {setting: [] for setting, _ in trials.kept.values()} if trials else {}
    for _ in range(a.rounds):
        rates.append(ours.ask("round", "run", a.steps))
        for setting, peer in trials.kept.values() if trials else []:
            beside[setting].append(peer.ask("round", a.steps))
    return rates, beside


def measure(a: Any, model: Path, adapter: Path) -> dict[str, Any]:
    on_host = a.device == "cpu"
    memory = None if on_host else DeviceMemory(a.device)
    ours = Worker(Training, model, a.shape, a.dtype, a.threads, a.quantize, a.device, a.activation_dtype)
    ours.ask("start", "run", a.adapters, a.rank, a.batch, a.seq, a.steps * a.rounds + 1, a.memory_budget)
    held = {}
    if memory:  # before anybody else takes some
        ours.ask("round", "run", 1)
        held = memory.close()
    trials = None
    if a.peer:
        trials = Trials(a, model, adapter, what_peers_must_find(a, ours, model, adapter))
        trials.run()
    ours.ask("round", "run", 1)
    rates, beside = alternate(a, ours, trials)
    rate, flops = statistics.median(rates), shapes.training_flops(a.shape, a.seq, a.rank)
    figures = {
        "tokens_per_second": rate,
        "rounds": [round(r, 1) for r in rates],
        "flops_per_token": flops,
        "flops_per_second": rate * flops,
        "peak_rss_bytes": ours.peak,
        **ours.ask("facts"),
        **held,
    }
    ours.ask("stop", "run")
    ours.close()
    if trials:
        figures |= {"check_loss": trials.expected[0], "check_grad_norm": trials.expected[1]}
        figures |= compare(a, rates, trials, beside)
        for _, peer in trials.kept.values():
            peer.close()
    return figures


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--steps", type=int, default=2, help="of a round; one before all rounds warms up")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-budget", type=int, default=0, help="bytes beside the base; 0 = no limit")
    common.add_activation_dtype(parser)
    parser.add_argument("--peer", choices=["torch"], default=None)
    parser.add_argument("--peer-mode", nargs="+", choices=torch_peer.SETTINGS, default=torch_peer.SETTINGS)
    parser.add_argument("--limit", type=float, default=60, help="seconds that a step of the peer may take")
    parser.add_argument("--compile-limit", type=float, default=240, help="seconds that compiling may take")
    parser.add_argument(
        "--trials-limit",
        type=float,
        default=float("inf"),
        help="seconds after which no further setting is tried",
    )
    common.add_device(parser)
    arguments = parser.parse_args()
    arguments.dtype = arguments.dtype or "float32"
    with tempfile.TemporaryDirectory() as name, common.model_folder(arguments) as model:
        common.report(arguments, measure(arguments, model, Path(name) / "adapter"))


if __name__ == "__main__":
    main()
