#!/usr/bin/env python3
"""Tokens per second of decoding as bandwidth allows, beside transformers, with adapters, and after a new one is published.

A run is "64", so many streams of the base, or "32+8", so many streams in turn with so many adapters; runs with adapters are
compared with the same streams of the base; so are as many streams of it whose tokens are drawn (--sampled). Everything is measured in alternate rounds. A step reads every weight once: the
bound is bandwidth / bytes of weights steps a second, the bandwidth measured in the same run. Checked in the same run: logits
of the base and of an adapter against float32, and the tokens that the engine generates against what float32 thinks of them.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import common
import llama_peer
import numpy
import transformers_peer
from limits import Limits
from serving import Serving
from transformers_peer import Generation
from worker import Ended, TooSlow, Worker

import serve

CHECK_NEW = 16
# Of the logarithm of a generated token's probability: a wrong token or context is off by several.
LOGPROB_TOLERANCE = 0.5


def parse_run(text: str) -> tuple[int, int]:
    """(streams, adapters)"""
    found = re.fullmatch(r"([1-9]\d*)(?:\+([1-9]\d*))?", text)
    streams, adapters = (int(number or 0) for number in found.groups()) if found else (0, 0)
    if not found or adapters > streams:
        raise SystemExit(
            f'expected a run like "64" or "32+8", with no more adapters than streams, got "{text}"'
        )
    return streams, adapters


def all_runs(texts: list[str]) -> dict[str, tuple[int, int]]:
    """By name, each base run that another is compared with before it."""
    found: dict[str, tuple[int, int]] = {}
    for text in texts:
        streams, adapters = parse_run(text)
        found[str(streams)] = (streams, 0)
        found[text] = (streams, adapters)
    return found


def prompts(a: Any, streams: int) -> list[list[int]]:
    return [common.random_ids(a.shape, a.seq, row) for row in range(streams)]


def log_probabilities(logits: numpy.ndarray, ids: list[int]) -> numpy.ndarray:
    """Of ids[i] in row i."""
    wide = logits.astype(numpy.float64)
    top = wide.max(axis=1, keepdims=True)
    whole = top[:, 0] + numpy.log(numpy.exp(wide - top).sum(axis=1))
    return wide[numpy.arange(len(ids)), ids] - whole


def check(a: Any, ours: Worker, model: Path, adapter: Path) -> dict[str, float]:
    """Errors against float32, with and without an adapter; SystemExit where they are no rounding."""
    ids = llama_peer.check_ids(a.shape)
    ours.ask("check_adapter", adapter)
    answer, said = ours.ask("greedy", ids, CHECK_NEW)
    exact = Worker(Generation, model, "float32", a.threads, a.device)
    base, adapted = exact.ask("logits", ids, None), exact.ask("logits", ids, adapter)
    after = exact.ask("logits", [*ids, *answer[:-1]], None)[len(ids) - 1 :]
    exact.ask("round_weights")
    theirs = llama_peer.logit_error(exact.ask("logits", ids, None), base)
    exact.close()
    found = {
        "transformers_logit_error": theirs,
        "logit_error": llama_peer.logit_error(ours.ask("logits", ids, None), base),
        "adapter_logit_error": llama_peer.logit_error(ours.ask("logits", ids, adapter), adapted),
        "adapter_effect": llama_peer.logit_error(adapted, base),
        "logprob_error": float(numpy.abs(log_probabilities(after, answer) - said).max()),
    }
    # Many layers of random weights round worse than few: what transformers' own bfloat16 does is no mistake.
    limit = max(serve.SAME_MODEL["none"], 1.5 * theirs)
    if not (found["logit_error"] <= limit and found["adapter_logit_error"] <= limit):
        raise SystemExit(f"these are not the same model: {found}")
    if found["adapter_effect"] < 4 * limit:
        raise SystemExit(f"the adapter changes too little for its logits to be compared: {found}")
    if found["logprob_error"] > LOGPROB_TOLERANCE:
        raise SystemExit(f"the engine did not generate what the model says: {found}")
    return found


class Beside:
    """transformers, with each kind of cache: those that finished a round in time. What is compiled over a static cache knows one
    number of streams, so each number has a process of its own there."""

    def __init__(self, a: Any, model: Path, streams: list[int]) -> None:
        self.a, self.model = a, model
        self.peers: dict[tuple[str, int], Worker] = {}
        self.found: dict[str, dict[str, Any]] = {}
        for cache in a.caches:
            for group in [[count] for count in streams] if cache == "static" else [streams]:
                facts = self.found[f"{cache}, {group}"] = self.start(cache, group)
                print(f"  transformers, {cache} cache, {group} streams {facts}", file=sys.stderr, flush=True)
        self.rates: dict[tuple[str, int], list[float]] = {key: [] for key in self.peers}

    def start(self, cache: str, group: list[int]) -> dict[str, Any]:
        """A round that does not count, in which it compiles; what it said of itself."""
        begin = time.monotonic()
        try:
            peer = Worker(Generation, self.model, "bfloat16", self.a.threads, self.a.device)
            for count in group:
                peer.ask("decode_rate", prompts(self.a, count), self.a.new, cache, limit=self.a.limit)
        except TooSlow:
            return {"too_slow": f"no answer in {self.a.limit:g} s"}
        except Ended:
            return {"failed": "its process ended"}
        self.peers |= {(cache, count): peer for count in group}
        return {"warm_seconds": time.monotonic() - begin}

    def round(self) -> None:
        for (cache, count), peer in self.peers.items():
            rate = peer.ask("decode_rate", prompts(self.a, count), self.a.new, cache)
            self.rates[cache, count].append(rate)

    def figures(self, ours: dict[str, list[float]]) -> dict[str, Any]:
        """Ratios above 1 say that Whorl is the faster; than the faster of the caches."""
        found: dict[str, Any] = {"transformers": self.found}
        for count in {count for _, count in self.rates}:
            rates = {cache: all_ for (cache, n), all_ in self.rates.items() if n == count}
            best = max(rates, key=lambda cache: statistics.median(rates[cache]))
            ratios = (x / y for x, y in zip(ours[str(count)], rates[best]))
            found |= {
                f"{count}_transformers_{cache}_rounds": [round(r, 1) for r in all_]
                for cache, all_ in rates.items()
            }
            found[f"{count}_transformers_cache"] = best
            found[f"{count}_transformers_tokens_per_second"] = statistics.median(rates[best])
            found[f"{count}_ratio_to_transformers"] = statistics.median(ratios)
        return found

    def close(self) -> None:
        for peer in self.peers.values():
            peer.close()


def sampled(streams: int) -> str:
    return f"{streams}_sampled"


def figures_of(
    runs: dict[str, tuple[int, int]], rates: dict[str, list[float]], weights: int, bandwidth: float
) -> dict[str, Any]:
    """Keys begin with the run's name. `overhead` is of a step's time: 0.03 is three parts in a hundred more."""
    found: dict[str, Any] = {}
    for name, (streams, adapters) in runs.items():
        found[f"{name}_tokens_per_second"] = statistics.median(rates[name])
        found[f"{name}_rounds"] = [round(r, 1) for r in rates[name]]
        if adapters:
            base = rates[str(streams)]
            found[f"{name}_overhead"] = statistics.median(x / y for x, y in zip(base, rates[name])) - 1
        else:
            share = statistics.median(rates[name]) / streams * weights / bandwidth
            found[f"{name}_share_of_bandwidth"] = share
        if drawn := rates.get(sampled(streams)):
            found[f"{sampled(streams)}_overhead"] = (
                statistics.median(x / y for x, y in zip(rates[str(streams)], drawn)) - 1
            )
    return found


def published(a: Any, ours: Worker) -> dict[str, Any]:
    """Each adapter is new to the engine."""
    pairs = [ours.ask("answer_of_new") for _ in range(a.publish)]
    if not pairs:
        return {}
    return {
        "publish_seconds": statistics.median(p for p, _ in pairs),
        "answer_seconds": statistics.median(s for _, s in pairs),
        "published_answer_seconds": statistics.median(p + s for p, s in pairs),
        "published_answer_rounds": [round(p + s, 4) for p, s in pairs],
    }


def alternate(
    a: Any, ours: Worker, limits: Worker, beside: Beside | None, runs: dict[str, tuple[int, int]]
) -> tuple[dict[str, list[float]], float]:
    """Rounds in turn: the rates of every run, and the bandwidth, the best of the rounds, as a bound should be."""
    rates: dict[str, list[float]] = {name: [] for name in [*runs, *map(sampled, a.sampled)]}
    bandwidth = 0.0
    for run in runs.values():
        ours.ask("rate", *run, 8)  # warms up
    for _ in range(a.rounds):
        bandwidth = max(bandwidth, limits.ask("best_bandwidth"))
        for name, run in runs.items():
            rates[name].append(ours.ask("rate", *run, a.new))
        for streams in a.sampled:
            rates[sampled(streams)].append(ours.ask("sampled_rate", streams, a.new))
        if beside:
            beside.round()
    return rates, bandwidth


def measure(a: Any, model: Path, adapter: Path) -> dict[str, Any]:
    runs = all_runs(a.runs)
    limits = Worker(Limits, a.device)
    serving = (a.shape, a.quantize, a.threads, a.batch, a.adapters, a.rank)
    ours = Worker(Serving, *serving, a.device, model, a.seq, a.new, a.publish)
    checked = check(a, ours, model, adapter)
    news = published(a, ours)
    beside = Beside(a, model, [s for s, n in map(parse_run, a.runs) if n == 0]) if a.peer else None
    rates, bandwidth = alternate(a, ours, limits, beside, runs)
    facts = ours.ask("facts")
    figures = {
        **facts,
        "bandwidth_bytes_per_second": bandwidth,
        **checked,
        **news,
        **figures_of(runs, rates, facts["bytes_per_step"], bandwidth),
        **(beside.figures(rates) if beside else {}),
        "peak_rss_bytes": ours.peak,
    }
    for side in [limits, ours, *([beside] if beside else [])]:
        side.close()
    return figures


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--runs", nargs="+", default=["1"], help='"64", or "32+8" with eight adapters')
    parser.add_argument(
        "--sampled", nargs="+", type=int, default=[], help="of these streams tokens are drawn, too"
    )
    parser.add_argument("--new", type=int, default=128, help="tokens generated for each stream")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--publish", type=int, default=0, help="new adapters published; an answer of each is awaited"
    )
    parser.add_argument("--peer", choices=["transformers"], default=None)
    parser.add_argument(
        "--caches", nargs="+", choices=transformers_peer.CACHES, default=transformers_peer.CACHES
    )
    parser.add_argument(
        "--limit", type=float, default=120, help="seconds that transformers may take to warm up"
    )
    common.add_device(parser)
    parser.set_defaults(seq=128, dtype="bfloat16", quantize="none")
    arguments = parser.parse_args()
    if missing := {str(n) for n in arguments.sampled} - set(arguments.runs):
        raise SystemExit(f"expected --sampled to be streams of the base in --runs, got {sorted(missing)}")
    runs = all_runs(arguments.runs).values()
    arguments.batch, arguments.adapters = (max(run[i] for run in runs) for i in range(2))
    with tempfile.TemporaryDirectory() as name, common.model_folder(arguments) as model:
        common.report(arguments, measure(arguments, model, Path(name) / "adapter"))


if __name__ == "__main__":
    main()
