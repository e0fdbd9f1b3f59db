#!/usr/bin/env python3
"""What the host does for a decoded token beside the device: microseconds a step in which nothing is computed.

python benchmarks/host_step.py [--layers 16 32] [--streams 1 64] [--new 400] [--rounds 5]

The emulated device with WHORL_EMULATED_WORK=skipped queues, writes down, sends lists and launches graphs as ever, and does no
kernel's work: what is left is the engine, the model's steps and the backend. Needs the folder of libwhorl_cuda_emulated.so in
WHORL_BENCHMARK_LIBRARIES. A launch costs a driver more than an emulation: this is the host's part without it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from itertools import pairwise

os.environ["WHORL_EMULATED_WORK"] = "skipped"
os.environ["WHORL_EMULATED_PRODUCTS"] = "1"

import common

SETTINGS = {
    "greedy": {},
    "drawn": {"temperature": 0.8, "top_p": 0.95},
}


def microseconds(engine, streams: int, new: int, settings: dict) -> float:
    """A step's, between the first and the last token of streams that begin and end together."""
    import whorl

    sampling = whorl.SamplingOptions(max_new_tokens=new, ignore_eos=True, **settings)
    times: list[float] = []
    running = [
        engine.submit(
            whorl.GenerateRequest(prompt_ids=[3, 5, 8, 13], sampling=sampling),
            (lambda event: times.append(time.perf_counter())) if row == 0 else None,
        )
        for row in range(streams)
    ]
    for one in running:
        one.wait()
    steps = [b - a for a, b in pairwise(times)]
    return 1e6 * statistics.median(steps[len(steps) // 4 :])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layers", type=int, nargs="+", default=[16, 32])
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--new", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    common.import_whorl()
    import whorl

    for layers in options.layers:
        config = whorl.ModelConfig(
            vocab_size=1024,
            hidden_size=64,
            intermediate_size=96,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=2048,
            torch_dtype="bfloat16",
        )
        model = whorl.Model.create(config, seed=5, device="cuda_emulated")
        for streams in options.streams:
            with whorl.InferenceEngine(model, max_batch_size=streams, kv_cache_bytes=256 << 20) as engine:
                for name, settings in SETTINGS.items():
                    found = [
                        microseconds(engine, streams, options.new, settings) for _ in range(options.rounds)
                    ]
                    print(
                        f"{layers:3} layers, {streams:3} streams, {name:7} {statistics.median(found):8.1f} us a step"
                    )


if __name__ == "__main__":
    main()
