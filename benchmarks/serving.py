"""Whorl's decoding in a process of its own: one model, one engine, as many streams and adapters as a round asks for."""

from __future__ import annotations

from argparse import Namespace

import common
import whorl

import serve


class Serving:
    def __init__(
        self, shape: str, quantize: str, threads: int, streams: int, adapters: int, rank: int
    ) -> None:
        self.a = Namespace(shape=shape, adapters=adapters, rank=rank, batch=streams, seq=16, new=64)
        self.model = common.make_model(shape, "bfloat16", threads, 64, quantize)
        self.engine = whorl.InferenceEngine(
            self.model,
            kv_cache_bytes=serve.cache_bytes(self.model, self.a),
            max_batch_size=max(64, streams),
            prefix_cache=False,  # every round computes its prompts
        )
        for i, adapter in enumerate(serve.make_adapters(self.model, self.a)):
            self.engine.add_adapter(f"a{i}", adapter)

    def rate(self, streams: int, adapters: int, new: int) -> float:
        """Generated tokens a second of so many streams, in turn with so many adapters."""
        self.a.batch = streams
        return serve.run(self.engine, self.a, 16, new, adapters)[1]
