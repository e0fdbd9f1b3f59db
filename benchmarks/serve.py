#!/usr/bin/env python3
"""Tokens per second of prefill and decode on random weights, and decode as a share of what memory bandwidth allows.

A decode step reads every weight once, whatever the batch: the bound is bandwidth / bytes of weights steps a second. The
read bandwidth is measured in the same run, and with --adapters the base alone, in alternate rounds. The bandwidth is the best
of the rounds, as a bound should be; everything else is their median. --peer llama measures llama.cpp on the same weights in
the same run, in alternate rounds, in its own file of the same precision (Q8_0 beside int8, Q4_0 beside int4); the logits of
both are compared with float32 in the same run. --first-token starts both anew until the first token instead.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import common
import llama_peer
import numpy
import whorl
from worker import Worker


def read_bandwidth(threads: int, megabytes: int = 256, rounds: int = 8) -> float:
    """Bytes a second that `threads` threads read together; the best of a few rounds, as a bound should be."""
    arrays = [numpy.ones(megabytes * 2**20 // 8, dtype=numpy.uint64) for _ in range(threads)]
    best = 0.0
    for _ in range(rounds):
        workers = [threading.Thread(target=numpy.bitwise_or.reduce, args=(a,)) for a in arrays]
        begin = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best = max(best, sum(a.nbytes for a in arrays) / (time.perf_counter() - begin))
    return best


def bytes_per_step(model: whorl.Model, dtype: str) -> int:
    """Weights that a decode step reads: all but an embedding table that is not the head."""
    config = model.config
    table = config.vocab_size * config.hidden_size * (2 if dtype == "bfloat16" else 4)
    return model.memory_bytes - (0 if config.tie_word_embeddings else table)


def cache_bytes(model: whorl.Model, rows: int, tokens: int) -> int:
    """Room for rows of so many tokens each, keys and values at most float32, with two pages to spare each."""
    c = model.config
    width = c.hidden_size // c.num_attention_heads * c.num_key_value_heads
    return rows * (tokens + 32) * c.num_hidden_layers * 2 * width * 4 + (16 << 20)


def make_adapters(model: whorl.Model, arguments: Any) -> list[whorl.Adapter]:
    """Adapters as one step of training leaves them."""
    if arguments.adapters == 0:
        return []
    options = [whorl.LoraOptions(name=f"a{i}", rank=arguments.rank) for i in range(arguments.adapters)]
    data = whorl.Dataset.from_list([{"text": "t5 t6 t7 t8"}] * 2, format="text")
    return [
        r.adapter for r in whorl.Trainer(model, options, max_steps=1, max_length=16, batch_size=1).fit(data)
    ]


def prompts(arguments: Any, length: int) -> list[list[int]]:
    return [common.random_ids(arguments.shape, length, row) for row in range(arguments.batch)]


def run(
    engine: whorl.InferenceEngine, arguments: Any, prompt: int, new: int, adapters: int, **settings: float
) -> tuple[float, float]:
    """(prompt tokens a second, generated tokens a second after every row has its first token)"""
    sampling = whorl.SamplingOptions(max_new_tokens=new, ignore_eos=True, **settings)
    requests = [
        whorl.GenerateRequest(
            prompt_ids=ids, adapter=f"a{row % adapters}" if adapters else "", sampling=sampling
        )
        for row, ids in enumerate(prompts(arguments, prompt))
    ]
    arrivals: list[list[float]] = [[] for _ in requests]
    begin = time.perf_counter()
    running = [
        engine.submit(request, lambda event, row=row: arrivals[row].append(time.perf_counter()))
        for row, request in enumerate(requests)
    ]
    for one in running:
        one.wait()
    started = max(times[0] for times in arrivals)
    late = [t for times in arrivals for t in times if t > started]
    decode = len(late) / (max(late) - started) if late else 0.0
    return arguments.batch * prompt / (started - begin), decode


# Larger differences from the float32 logits are no rounding. Random weights are rounded worse than trained ones.
SAME_MODEL = {"none": 0.05, "int8": 0.15, "int4": 0.75}


class Beside:
    """llama.cpp in alternate rounds: its file, its process, its figures."""

    def __init__(self, arguments: Any, model: whorl.Model, folder: Path) -> None:
        self.arguments = arguments
        self.file = folder / f"{llama_peer.KINDS[arguments.quantize]}.gguf"
        self.threads = arguments.threads or len(os.sched_getaffinity(0))
        longest = max(arguments.seq, arguments.context + arguments.new)
        self.peer = Worker(llama_peer.Llama, str(self.file), self.threads, arguments.batch, longest)
        ids, exact = llama_peer.check_ids(arguments.shape), numpy.load(folder / "exact.npy")
        self.errors = {
            "logit_error": llama_peer.logit_error(model.logits(ids), exact),
            "llama_logit_error": llama_peer.logit_error(self.peer.ask("logits", ids), exact),
        }
        if max(self.errors.values()) > SAME_MODEL[arguments.quantize]:
            raise SystemExit(f"these are not the same model: {self.errors}")
        self.prefill: list[float] = []
        self.decode: list[float] = []
        self.peer.ask("decode_rate", prompts(arguments, 16), 4)

    def round(self) -> None:
        a = self.arguments
        self.prefill.append(self.peer.ask("prefill_rate", prompts(a, a.seq)))
        self.decode.append(self.peer.ask("decode_rate", prompts(a, a.context), a.new))

    def figures(self, prefill: list[float], decode: list[float]) -> dict[str, Any]:
        """Ratios above 1 say that Whorl is the faster."""
        self.peer.close()
        return self.errors | {
            "llama_decode_tokens_per_second": statistics.median(self.decode),
            "llama_decode_rounds": [round(r, 1) for r in self.decode],
            "llama_prefill_tokens_per_second": statistics.median(self.prefill),
            "llama_prefill_rounds": [round(r, 1) for r in self.prefill],
            "decode_ratio_to_llama": statistics.median(a / b for a, b in zip(decode, self.decode)),
            "prefill_ratio_to_llama": statistics.median(a / b for a, b in zip(prefill, self.prefill)),
            "llama_peak_rss_bytes": self.peer.peak,
        }


def measure(model: whorl.Model, arguments: Any, threads: int, beside: Beside | None) -> dict[str, Any]:
    adapters = make_adapters(model, arguments)
    bandwidth, prefill, decode, base = 0.0, [], [], []
    longest = max(arguments.seq, arguments.context) + arguments.new
    room = cache_bytes(model, arguments.batch, longest)
    options = {"kv_cache_bytes": room, "max_batch_size": max(64, arguments.batch)}
    options["prefix_cache"] = False  # every round computes its prompts
    # In a process of its own, so that its arrays do not count as Whorl's memory.
    aside = multiprocessing.get_context("spawn").Pool(1)
    with aside, whorl.InferenceEngine(model, **options) as engine:
        for i, adapter in enumerate(adapters):
            engine.add_adapter(f"a{i}", adapter)
        many = arguments.adapters
        run(engine, arguments, 16, 4, many)
        for _ in range(arguments.rounds):
            bandwidth = max(bandwidth, aside.apply(read_bandwidth, (threads,)))
            prefill.append(run(engine, arguments, arguments.seq, 1, many)[0])
            decode.append(run(engine, arguments, arguments.context, arguments.new, many)[1])
            if many:
                base.append(run(engine, arguments, arguments.context, arguments.new, 0)[1])
            if beside:
                beside.round()
    weights = bytes_per_step(model, arguments.dtype) + sum(a.memory_bytes for a in adapters)
    rate = statistics.median(decode)
    figures = {
        "tokens_per_second": rate,
        "decode_tokens_per_second": rate,
        "decode_rounds": [round(r, 1) for r in decode],
        "prefill_tokens_per_second": statistics.median(prefill),
        "prefill_rounds": [round(r, 1) for r in prefill],
        "read_bandwidth_bytes_per_second": bandwidth,
        "bytes_per_step": weights,
        "share_of_bandwidth": rate / arguments.batch * weights / bandwidth,
    }
    if base:
        figures["base_rounds"] = [round(r, 1) for r in base]
        figures["ratio_to_base"] = statistics.median(a / b for a, b in zip(decode, base))
    if beside:
        figures |= beside.figures(prefill, decode)
    return figures


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--context", type=int, default=16, help="tokens before those that are generated")
    parser.add_argument("--new", type=int, default=64, help="tokens generated for each row")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", choices=["llama"], default=None)
    parser.add_argument("--folder", type=Path, help="keeps the files of --peer llama for the next call")
    parser.add_argument(
        "--kept", action="store_true", help="beside llama: weights mapped from the folder's weights_cache"
    )
    parser.add_argument("--first-token", action="store_true", help="only that, beside --peer llama")
    parser.set_defaults(batch=1, adapters=0)
    arguments = parser.parse_args()
    arguments.dtype = arguments.dtype or "bfloat16"
    threads = arguments.threads or len(os.sched_getaffinity(0))
    if not arguments.peer:
        made = [arguments.shape, arguments.dtype, arguments.threads, arguments.seq, arguments.quantize]
        common.report(arguments, measure(common.make_model(*made), arguments, threads, None))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            pool.apply(llama_peer.prepare, (arguments, folder))
        common.report(arguments, beside_llama(arguments, threads, folder))


def beside_llama(arguments: Any, threads: int, folder: Path) -> dict[str, Any]:
    if arguments.first_token:
        return first_token(arguments, folder)
    options = {"dtype": arguments.dtype, "threads": arguments.threads, "quantize": arguments.quantize}
    if arguments.kept:
        options["weights_cache"] = folder / "weights_cache"
        whorl.Model.load(folder / "BF16.gguf", **options)  # the first one writes them
    model = whorl.Model.load(folder / "BF16.gguf", **options)
    return measure(model, arguments, threads, Beside(arguments, model, folder))


def first_token(arguments: Any, folder: Path) -> dict[str, Any]:
    """Seconds from the start until the first token, each side in new processes, in turn."""
    file = folder / f"{llama_peer.KINDS[arguments.quantize]}.gguf"
    seconds = llama_peer.first_token_seconds(file, arguments, folder / "weights_cache")
    return {
        "first_token_seconds": seconds["whorl"],
        "kept_first_token_seconds": seconds["kept"],
        "llama_first_token_seconds": seconds["llama"],
        "first_token_ratio_to_llama": seconds["whorl"] / seconds["llama"],
        "kept_first_token_ratio_to_llama": seconds["kept"] / seconds["llama"],
    }


if __name__ == "__main__":
    main()
