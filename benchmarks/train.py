#!/usr/bin/env python3
"""Tokens per second of LoRA training on random weights, all linears adapted.

--peer torch measures PyTorch + PEFT (same shape, same dtype, same data) in the same run, in alternate rounds: the ratio
counts, not the figures. --peer-mode takes several of eager, autocast and compiled (warmed up before it is measured).
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
        self.model = common.make_model(
            arguments.shape, arguments.dtype, arguments.threads, arguments.seq, arguments.quantize
        )
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
            memory_budget_bytes=a.memory_budget,
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
    def __init__(self, arguments: Any, mode: str) -> None:
        try:
            import peft
            import torch
            import transformers
        except ImportError as error:
            raise SystemExit(
                f"--peer torch needs {error.name}: run this with .venv-bench/bin/python (make bench)"
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
        self.forward = torch.compile(self.model) if mode == "compiled" else self.model
        self.autocast = mode == "autocast"
        self.ids = torch.tensor(rows(arguments, 4 * arguments.batch))
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.0)

    def step(self, i: int) -> None:
        begin = (i * self.batch) % len(self.ids)
        ids = self.ids[begin : begin + self.batch]
        with self.torch.autocast("cpu", self.torch.bfloat16, enabled=self.autocast):
            loss = self.forward(input_ids=ids, labels=ids).loss
        loss.backward()
        self.torch.nn.utils.clip_grad_norm_(self.optimizer.param_groups[0]["params"], 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def round(self, steps: int) -> float:
        self.step(0)
        begin = time.perf_counter()
        for i in range(steps):
            self.step(i + 1)
        return steps * self.batch * self.ids.shape[1] / (time.perf_counter() - begin)


def serve_rounds(arguments: Any, mode: str, pipe: Connection) -> None:
    """The peer's process: a round of so many steps for every number that comes, until it is 0."""
    torch = Torch(arguments, mode)
    while steps := pipe.recv():
        pipe.send((torch.round(steps), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


class Peer:
    """PyTorch in a process of its own, so that the peak of memory is each one's own."""

    def __init__(self, arguments: Any, mode: str) -> None:
        self.mode = mode
        self.rates: list[float] = []
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=serve_rounds, args=(arguments, mode, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.peak = 0

    def round(self, steps: int) -> float:
        self.pipe.send(steps)
        try:
            rate, self.peak = self.pipe.recv()
        except EOFError:
            raise SystemExit("the peer ended; what it said stands above") from None
        self.rates.append(rate)
        return rate

    def figures(self, ours: float) -> dict[str, Any]:
        """What it reached, and how much faster `ours` tokens a second are."""
        rate = statistics.median(self.rates)
        return {
            f"{self.mode}_tokens_per_second": rate,
            f"{self.mode}_rounds": [round(r, 1) for r in self.rates],
            f"{self.mode}_peak_rss_bytes": self.peak,
            f"ratio_to_{self.mode}": ours / rate,
        }

    def close(self) -> None:
        self.pipe.send(0)
        self.process.join()


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--steps", type=int, default=5, help="of a round, after one that warms up")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-budget", type=int, default=0, help="bytes beside the base; 0 = no limit")
    parser.add_argument("--peer", choices=["torch"], default=None)
    parser.add_argument(
        "--peer-mode", nargs="+", choices=["eager", "autocast", "compiled"], default=["eager"]
    )
    arguments = parser.parse_args()
    arguments.dtype = arguments.dtype or "float32"
    ours, modes = Whorl(arguments), arguments.peer_mode if arguments.peer else []
    peers = [Peer(arguments, mode) for mode in modes]
    for peer in peers:
        peer.round(1)
        peer.rates.clear()
    rates: list[float] = []
    for _ in range(arguments.rounds):
        rates.append(ours.round(arguments.steps))
        for peer in peers:
            peer.round(arguments.steps)
    figures = {"tokens_per_second": statistics.median(rates), "rounds": [round(r, 1) for r in rates]}
    for peer in peers:
        peer.close()
        figures |= peer.figures(figures["tokens_per_second"])
    common.report(arguments, figures)


if __name__ == "__main__":
    main()
