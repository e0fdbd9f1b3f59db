#!/usr/bin/env python3
"""Tokens per second of prefill and decode on random weights, and decode as a share of what memory bandwidth allows.

A decode step reads every weight once, whatever the batch: the bound is bandwidth / bytes of weights steps a second. The
read bandwidth is measured in the same run, and with --adapters the base alone, in alternate rounds. The bandwidth is the best
of the rounds, as a bound should be; everything else is their median.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from typing import Any

import common
import numpy
import whorl


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


def make_adapters(model: whorl.Model, arguments: Any) -> list[whorl.Adapter]:
    """Adapters as one step of training leaves them."""
    if arguments.adapters == 0:
        return []
    options = [whorl.LoraOptions(name=f"a{i}", rank=arguments.rank) for i in range(arguments.adapters)]
    data = whorl.Dataset.from_list([{"text": "t5 t6 t7 t8"}] * 2, format="text")
    return [
        r.adapter for r in whorl.Trainer(model, options, max_steps=1, max_length=16, batch_size=1).fit(data)
    ]


def run(
    engine: whorl.InferenceEngine, arguments: Any, prompt: int, new: int, adapters: int
) -> tuple[float, float]:
    """(prompt tokens a second, generated tokens a second after every row has its first token)"""
    sampling = whorl.SamplingOptions(max_new_tokens=new, ignore_eos=True)
    requests = [
        whorl.GenerateRequest(
            prompt_ids=common.random_ids(arguments.shape, prompt, row),
            adapter=f"a{row % adapters}" if adapters else "",
            sampling=sampling,
        )
        for row in range(arguments.batch)
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


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--new", type=int, default=64, help="tokens generated for each row")
    parser.add_argument("--rounds", type=int, default=3)
    parser.set_defaults(batch=1, adapters=0)
    arguments = parser.parse_args()
    arguments.dtype = arguments.dtype or "bfloat16"
    threads = arguments.threads or len(os.sched_getaffinity(0))
    model = common.make_model(
        arguments.shape, arguments.dtype, arguments.threads, arguments.seq, arguments.quantize
    )
    adapters = make_adapters(model, arguments)
    bandwidth, prefill, decode, base = 0.0, [], [], []
    options = {"kv_cache_bytes": 2 << 30, "max_batch_size": max(64, arguments.batch)}
    with whorl.InferenceEngine(model, **options) as engine:
        for i, adapter in enumerate(adapters):
            engine.add_adapter(f"a{i}", adapter)
        many = arguments.adapters
        run(engine, arguments, 16, 4, many)
        for _ in range(arguments.rounds):
            bandwidth = max(bandwidth, read_bandwidth(threads))
            prefill.append(run(engine, arguments, arguments.seq, 1, many)[0])
            decode.append(run(engine, arguments, 16, arguments.new, many)[1])
            if many:
                base.append(run(engine, arguments, 16, arguments.new, 0)[1])
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
    common.report(arguments, figures)


if __name__ == "__main__":
    main()
