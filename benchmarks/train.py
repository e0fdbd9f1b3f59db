#!/usr/bin/env python3
"""Tokens per second of LoRA training on random weights, all linears adapted.

--peer torch measures PyTorch + PEFT (eager, same shape, same dtype, same data) in the same run, in alternate rounds: the
ratio counts, not the figures.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
from multiprocessing.connection import Connection
from typing import Any

import common
import whorl


def rows(arguments: Any, count: int) -> list[list[int]]:
    return [common.random_ids(arguments.shape, arguments.seq - 1, seed) for seed in range(count)]


class Whorl:
    def __init__(self, arguments: Any) -> None:
        self.arguments = arguments
        self.model = common.make_model(arguments.shape, arguments.dtype, arguments.threads, arguments.seq)
        texts = [" ".join(f"t{i}" for i in ids) for ids in rows(arguments, 4 * arguments.batch)]
        self.data = whorl.Dataset.from_list([{"text": text} for text in texts], format="text")

    def round(self, steps: int) -> float:
        """Tokens per second of `steps` steps after the first."""
        a = self.arguments
        adapters = [
            whorl.LoraOptions(name=f"a{i}", rank=a.rank, learning_rate=1e-4) for i in range(a.adapters)
        ]
        trainer = whorl.Trainer(
            self.model,
            adapters,
            max_steps=steps + 1,
            max_length=a.seq,
            batch_size=a.batch,
            lr_scheduler="constant",
        )
        marks: dict[int, tuple[float, int]] = {}

        def mark(progress: whorl.Progress) -> None:
            if progress.event == "step":
                tokens = marks.get(progress.step, (0.0, 0))[1] + progress.tokens
                marks[progress.step] = (time.perf_counter(), tokens)

        trainer.fit(self.data, callback=mark)
        (begin, before), (end, after) = marks[1], marks[max(marks)]
        return (after - before) / (end - begin)


class Torch:
    def __init__(self, arguments: Any) -> None:
        try:
            import peft
            import torch
            import transformers
        except ImportError as error:
            raise SystemExit(
                f"--peer torch needs {error.name}: run this with .venv-parity/bin/python (make parity)"
            ) from None
        if arguments.threads:
            torch.set_num_threads(arguments.threads)
        shape = dict(common.SHAPES[arguments.shape])
        qwen = shape.pop("model_type", "llama") == "qwen2"
        shape.pop("attention_bias", None)
        kind = transformers.Qwen2Config if qwen else transformers.LlamaConfig
        config = kind(**shape, max_position_embeddings=max(2048, 2 * arguments.seq))
        base = transformers.AutoModelForCausalLM.from_config(config).to(getattr(torch, arguments.dtype))
        lora = peft.LoraConfig(
            r=arguments.rank, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"
        )
        self.torch, self.model, self.batch = torch, peft.get_peft_model(base, lora), arguments.batch
        self.model.train()
        self.ids = torch.tensor(rows(arguments, 4 * arguments.batch))
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.0)

    def step(self, i: int) -> None:
        begin = (i * self.batch) % len(self.ids)
        ids = self.ids[begin : begin + self.batch]
        self.model(input_ids=ids, labels=ids).loss.backward()
        self.torch.nn.utils.clip_grad_norm_(self.optimizer.param_groups[0]["params"], 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def round(self, steps: int) -> float:
        self.step(0)
        begin = time.perf_counter()
        for i in range(steps):
            self.step(i + 1)
        return steps * self.batch * self.ids.shape[1] / (time.perf_counter() - begin)


def serve_rounds(arguments: Any, pipe: Connection) -> None:
    """The peer's process: a round of so many steps for every number that comes, until it is 0."""
    torch = Torch(arguments)
    while steps := pipe.recv():
        pipe.send((torch.round(steps), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


class Peer:
    """PyTorch in a process of its own, so that the peak of memory is each one's own."""

    def __init__(self, arguments: Any) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=serve_rounds, args=(arguments, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.peak = 0

    def round(self, steps: int) -> float:
        self.pipe.send(steps)
        try:
            rate, self.peak = self.pipe.recv()
        except EOFError:
            raise SystemExit("the peer ended; what it said stands above") from None
        return rate

    def close(self) -> None:
        self.pipe.send(0)
        self.process.join()


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--steps", type=int, default=5, help="of a round, after one that warms up")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", choices=["torch"], default=None)
    arguments = parser.parse_args()
    arguments.dtype = arguments.dtype or "float32"
    ours, peer = Whorl(arguments), Peer(arguments) if arguments.peer else None
    rates: list[float] = []
    peer_rates: list[float] = []
    for _ in range(arguments.rounds):
        rates.append(ours.round(arguments.steps))
        if peer:
            peer_rates.append(peer.round(arguments.steps))
    figures = {"tokens_per_second": statistics.median(rates), "rounds": [round(r, 1) for r in rates]}
    if peer:
        figures["peer"] = "torch + peft"
        figures["peer_tokens_per_second"] = statistics.median(peer_rates)
        peer.close()
        figures["peer_peak_rss_bytes"] = peer.peak
        figures["peer_rounds"] = [round(r, 1) for r in peer_rates]
        figures["ratio"] = figures["tokens_per_second"] / figures["peer_tokens_per_second"]
    common.report(arguments, figures)


if __name__ == "__main__":
    main()
