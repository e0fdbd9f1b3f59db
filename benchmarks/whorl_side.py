"""Whorl's training, paced: a trainer waits before each step until a round asks for it, so that rounds of peers fit between."""

from __future__ import annotations

import queue
import threading
import time
from pathlib import Path
from typing import Any

import common


def token_rows(shape: str, seq: int, count: int) -> list[list[int]]:
    """Rows of `seq` tokens, the last of which is the end token (1) that Whorl appends to a text."""
    return [[*common.random_ids(shape, seq - 1, seed), 1] for seed in range(count)]


class Paced:
    """One Trainer in a thread of its own."""

    def __init__(self, trainer: Any, data: Any, adapters: int) -> None:
        self.trainer, self.data, self.adapters = trainer, data, adapters
        self.go, self.done = threading.Semaphore(0), queue.Queue[Any]()
        self.begin, self.seen, self.before, self.stopping = 0.0, [], 0, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        self.go.acquire()
        self.begin = time.perf_counter()
        try:
            self.done.put(self.trainer.fit(self.data, callback=self.mark))
        except BaseException as error:
            self.done.put(error)

    def mark(self, progress: Any) -> bool:
        if progress.event != "step":
            return True
        self.seen.append(progress)
        if len(self.seen) < self.adapters:
            return True
        seconds = time.perf_counter() - self.begin
        tokens = sum(p.tokens for p in self.seen)
        losses = [(p.loss, p.grad_norm) for p in self.seen]
        self.done.put((seconds, tokens - self.before, losses))
        self.before, self.seen = tokens, []
        self.go.acquire()
        self.begin = time.perf_counter()
        return not self.stopping

    def step(self) -> tuple[float, int, list[tuple[float, float]]]:
        """(seconds, tokens, loss and norm of the gradient of each adapter)"""
        self.go.release()
        found = self.done.get()
        if isinstance(found, BaseException):
            raise found
        return found

    def close(self) -> None:
        self.stopping = True
        self.go.release()
        self.thread.join()


class Training:
    """One model and its paced trainers, by name."""

    def __init__(
        self,
        folder: Path,
        shape: str,
        dtype: str,
        threads: int,
        quantize: str,
        device: str = "cpu",
        activation_dtype: str = "float32",
    ) -> None:
        self.whorl, self.shape, self.activation_dtype = common.import_whorl(), shape, activation_dtype
        begin = time.perf_counter()
        self.model = self.whorl.Model.load(
            folder, dtype=dtype, threads=threads, quantize=quantize, device=device
        )
        self.load_seconds = time.perf_counter() - begin
        self.paced: dict[str, Paced] = {}

    def facts(self) -> dict[str, Any]:
        return {"device_name": self.model.device, "load_seconds": self.load_seconds}

    def data(self, seq: int, count: int) -> Any:
        texts = [" ".join(f"t{i}" for i in row[:-1]) for row in token_rows(self.shape, seq, count)]
        return self.whorl.Dataset.from_list([{"text": text} for text in texts], format="text")

    def start(
        self, name: str, adapters: int, rank: int, batch: int, seq: int, steps: int, memory_budget: int = 0
    ) -> None:
        """A run of so many steps, `batch` rows of `seq` tokens for each adapter."""
        options = [
            self.whorl.LoraOptions(name=f"a{i}", rank=rank, learning_rate=1e-4) for i in range(adapters)
        ]
        trainer = self.whorl.Trainer(
            self.model,
            options,
            max_steps=steps + 1,
            max_length=seq,
            batch_size=batch,
            lr_scheduler="constant",
            memory_budget_bytes=memory_budget,
            activation_dtype=self.activation_dtype,
        )
        self.paced[name] = Paced(trainer, self.data(seq, 4 * batch), adapters)

    def round(self, name: str, steps: int) -> float:
        """Tokens per second of the next `steps` steps."""
        found = [self.paced[name].step() for _ in range(steps)]
        return sum(tokens for _, tokens, _ in found) / sum(seconds for seconds, _, _ in found)

    def losses(self, name: str) -> list[tuple[float, float]]:
        """Those of one more step."""
        return self.paced[name].step()[2]

    def stop(self, name: str) -> None:
        self.paced.pop(name).close()

    def check(self, folder: Path, rank: int, rows: int, seq: int) -> tuple[float, float]:
        """Trains two steps over the same few rows and writes the adapter to `folder`; (loss, norm of the gradient) of a
        third step: what a peer that reads that adapter must find."""
        options = [self.whorl.LoraOptions(rank=rank, learning_rate=1e-3)]
        found = None
        for steps in (2, 3):
            trainer = self.whorl.Trainer(
                self.model,
                options,
                max_steps=steps,
                max_length=seq,
                batch_size=rows,
                lr_scheduler="constant",
                activation_dtype=self.activation_dtype,
            )
            found = trainer.fit(self.data(seq, rows))[0]
            if steps == 2:
                found.adapter.save(folder)
        last = [p for p in found.history if p.event == "step"][-1]
        return last.loss, last.grad_norm
