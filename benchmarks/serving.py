"""Whorl's decoding in a process of its own: one model, one engine, as many streams and adapters as a round asks for."""

from __future__ import annotations

import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import common
import numpy
import whorl

import serve


class Serving:
    """A model that is made, or the one in `folder`. `fresh` adapters more are trained and kept for publishing."""

    def __init__(
        self,
        shape: str,
        quantize: str,
        threads: int,
        streams: int,
        adapters: int,
        rank: int,
        device: str = "cpu",
        folder: Path | None = None,
        prompt: int = 16,
        new: int = 64,
        fresh: int = 0,
    ) -> None:
        common.import_whorl()
        self.a = Namespace(shape=shape, adapters=adapters, rank=rank, batch=streams, seq=prompt, new=new)
        begin = time.perf_counter()
        if folder:
            options = {"dtype": "bfloat16", "threads": threads, "quantize": quantize, "device": device}
            self.model = whorl.Model.load(folder, **options)
        else:
            self.model = common.make_model(shape, "bfloat16", threads, 64, quantize)
        self.load_seconds = time.perf_counter() - begin
        trained = serve.make_adapters(self.model, Namespace(adapters=adapters + fresh, rank=rank))
        named, self.fresh = trained[:adapters], trained[adapters:]
        self.store_folder = tempfile.TemporaryDirectory()
        self.store = whorl.AdapterStore(self.store_folder.name)
        self.engine = whorl.InferenceEngine(
            self.model,
            self.store,
            kv_cache_bytes=serve.cache_bytes(self.model, self.a.batch, max(self.a.seq, 16) + self.a.new),
            max_batch_size=max(64, streams),
            prefix_cache=False,  # every round computes its prompts
            # Room for all of them: one that has to leave would be laid out again in the next round.
            adapter_cache_bytes=max(1 << 30, 2 * sum(a.memory_bytes for a in trained)),
        )
        for i, adapter in enumerate(named):
            self.engine.add_adapter(f"a{i}", adapter)

    def facts(self) -> dict[str, Any]:
        return {
            "device_name": self.model.device,
            "load_seconds": self.load_seconds,
            "bytes_per_step": serve.bytes_per_step(self.model, "bfloat16"),
        }

    def rate(self, streams: int, adapters: int, new: int) -> float:
        """Generated tokens a second of so many streams, in turn with so many adapters."""
        self.a.batch = streams
        return serve.run(self.engine, self.a, self.a.seq, new, adapters)[1]

    def sampled_rate(self, streams: int, new: int) -> float:
        """The same of the base, whose tokens are drawn instead of the likeliest: as services do unless told otherwise, with top_p."""
        self.a.batch = streams
        return serve.run(self.engine, self.a, self.a.seq, new, 0, temperature=0.8, top_p=0.95)[1]

    def check_adapter(self, folder: Path) -> None:
        """Writes an adapter that matters: after one step at this rate it changes every logit. The base's products grow with the
        root of the width, the adapter's do not."""
        rate = 3e-2 * (self.model.config.hidden_size / 64) ** 0.5
        options = whorl.LoraOptions(name="check", rank=self.a.rank, learning_rate=rate)
        data = whorl.Dataset.from_list([{"text": "t5 t6 t7 t8"}] * 2, format="text")
        trainer = whorl.Trainer(self.model, [options], max_steps=1, max_length=16, batch_size=1)
        trainer.fit(data)[0].adapter.save(folder)

    def logits(self, ids: list[int], adapter: Path | None) -> numpy.ndarray:
        """[len(ids), vocabulary]"""
        loaded = whorl.Adapter.load(adapter) if adapter else None
        return self.model.logits(ids, adapter=loaded)

    def greedy(self, ids: list[int], new: int) -> tuple[list[int], list[float]]:
        """What the engine answers to `ids`, and the logarithm of each token's probability."""
        sampling = whorl.SamplingOptions(max_new_tokens=new, ignore_eos=True, logprobs=0)
        found = self.engine.generate(whorl.GenerateRequest(prompt_ids=ids, sampling=sampling))
        return list(found.ids), [token.logprob for token in found.logprobs]

    def answer_of_new(self) -> tuple[float, float]:
        """Seconds that publishing an adapter took which the engine has never seen, and from then to its first token."""
        adapter = self.fresh.pop()
        sampling = whorl.SamplingOptions(max_new_tokens=1, ignore_eos=True)
        ids = common.random_ids(self.a.shape, 16, 5)
        begin = time.perf_counter()
        version = self.store.publish("fresh", adapter)
        published = time.perf_counter()
        request = whorl.GenerateRequest(prompt_ids=ids, adapter="fresh", sampling=sampling)
        found = self.engine.generate(request)
        answered = time.perf_counter()
        if found.adapter != f"fresh@{version.version}" or found.adapter_digest != adapter.digest:
            raise SystemExit(f"expected an answer of fresh@{version.version}, got one of {found.adapter}")
        return published - begin, answered - published
