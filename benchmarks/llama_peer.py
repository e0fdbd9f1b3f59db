"""llama.cpp beside Whorl: the same weights in a GGUF file, its methods to be asked for in a process of its own."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import common
import numpy

# Its file of the same precision as what Whorl makes of the same bfloat16 weights.
KINDS = {"none": "BF16", "int8": "Q8_0", "int4": "Q4_0"}


def prepare(arguments: Any, folder: Path) -> None:
    """Writes what `folder` lacks of BF16.gguf, <kind>.gguf and exact.npy: the logits of check_ids in float32. For a process of
    its own, because all of them take more memory than what is measured."""
    import whorl

    folder.mkdir(parents=True, exist_ok=True)
    exact = folder / "exact.npy"
    if not exact.exists():
        write_model(arguments, folder)
        loaded = whorl.Model.load(folder / "model", dtype="float32", threads=arguments.threads)
        numpy.save(folder / "part.npy", loaded.logits(check_ids(arguments.shape)))
        (folder / "part.npy").replace(exact)
    quantize_file(folder / "BF16.gguf", KINDS[arguments.quantize])


def write_model(arguments: Any, folder: Path) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "golden"))
    import make_gguf_models

    made = common.make_model(arguments.shape, "bfloat16", arguments.threads, arguments.seq)
    made.save(folder / "model")
    make_gguf_models.write(folder / "model", folder / "BF16.gguf")


def quantize_file(path: Path, kind: str, pure: bool = True) -> None:
    """llama.cpp's own rounding of the file beside it: every matrix alike, or its mixture of that name."""
    import llama_cpp

    made = path.with_name(f"{kind}.gguf")
    if made.exists():
        return
    part = path.with_name("part.gguf")
    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind}")
    options.pure = pure
    if llama_cpp.llama_model_quantize(str(path).encode(), str(part).encode(), options) != 0:
        raise SystemExit(f"llama.cpp could not write {made.name}")
    part.replace(made)


class Llama:
    """The low-level interface: batches of rows at their own positions, greedy tokens by its own sampler."""

    def __init__(self, path: str, threads: int, rows: int, row_tokens: int) -> None:
        import llama_cpp

        self.lib = lib = llama_cpp
        lib.llama_log_set(QUIET := lib.llama_log_callback(lambda *_: None), None)
        self.quiet = QUIET
        lib.llama_backend_init()
        self.model = lib.llama_model_load_from_file(path.encode(), lib.llama_model_default_params())
        options = lib.llama_context_default_params()
        options.n_ctx, options.n_seq_max = rows * (row_tokens + 8), rows
        options.n_batch = options.n_ubatch = 512
        options.n_threads = options.n_threads_batch = threads
        self.context = lib.llama_init_from_model(self.model, options)
        if not self.context:
            raise SystemExit(f"llama.cpp could not load {path}")
        self.sampler = lib.llama_sampler_init_greedy()
        self.batch = lib.llama_batch_init(512, 0, 1)

    def clear(self) -> None:
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)

    def decode(self, tokens: list[tuple[int, int, int, bool]]) -> None:
        """(token, position, row, whether its logits are wanted), at most 512"""
        batch = self.batch
        batch.n_tokens = len(tokens)
        for i, (token, position, row, wanted) in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.logits[i] = token, position, int(wanted)
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, row
        if self.lib.llama_decode(self.context, batch) != 0:
            raise SystemExit("llama_decode failed")

    def prompts(self, prompts: list[list[int]]) -> list[int]:
        """Fills the rows' caches, 512 tokens at a time whatever their rows, and returns each row's first token."""
        tokens = [
            (t, i, row, i + 1 == len(ids)) for row, ids in enumerate(prompts) for i, t in enumerate(ids)
        ]
        first = []
        for begin in range(0, len(tokens), 512):
            part = tokens[begin : begin + 512]
            self.decode(part)
            first += [self.sample(i) for i, token in enumerate(part) if token[3]]
        return first

    def sample(self, index: int) -> int:
        return self.lib.llama_sampler_sample(self.sampler, self.context, index)

    def logits(self, ids: list[int]) -> numpy.ndarray:
        """[len(ids), vocabulary]"""
        self.clear()
        self.decode([(token, i, 0, True) for i, token in enumerate(ids)])
        size = self.lib.llama_vocab_n_tokens(self.lib.llama_model_get_vocab(self.model))
        rows = [self.lib.llama_get_logits_ith(self.context, i) for i in range(len(ids))]
        return numpy.stack([numpy.ctypeslib.as_array(row, (size,)).copy() for row in rows])

    def prefill_rate(self, prompts: list[list[int]]) -> float:
        """Prompt tokens a second until the last row has its first token."""
        self.clear()
        begin = time.perf_counter()
        self.prompts(prompts)
        return sum(map(len, prompts)) / (time.perf_counter() - begin)

    def decode_rate(self, prompts: list[list[int]], new: int) -> float:
        """Generated tokens a second after every row has its first."""
        self.clear()
        last = self.prompts(prompts)
        begin = time.perf_counter()
        for step in range(new - 1):
            self.decode([(last[r], len(prompts[r]) + step, r, True) for r in range(len(last))])
            last = [self.sample(row) for row in range(len(last))]
        return len(last) * (new - 1) / (time.perf_counter() - begin)


def logit_error(found: numpy.ndarray, exact: numpy.ndarray) -> float:
    """Root of the mean square of the differences, over that of the exact logits (each row about its mean)."""
    centred = exact - exact.mean(axis=1, keepdims=True)
    difference = (found - found.mean(axis=1, keepdims=True)) - centred
    return float(numpy.sqrt((difference**2).mean() / (centred**2).mean()))


def check_ids(shape: str) -> list[int]:
    return common.random_ids(shape, 64, 77)


def first_token_seconds(file: Path, arguments: Any, cache: Path) -> dict[str, float]:
    """Median of five new processes each, in turn, the files' pages in memory: from the import of the library to
    the first token. `kept` is Whorl with weights_cache from its second start on."""
    options = [arguments.quantize, str(arguments.threads or len(os.sched_getaffinity(0)))]
    found: dict[str, list[float]] = {"whorl": [], "kept": [], "llama": []}
    first_token("kept", file, options, cache)
    for _ in range(5):
        for engine, seconds in found.items():
            seconds.append(first_token(engine, file, options, cache))
    return {engine: statistics.median(seconds) for engine, seconds in found.items()}


def first_token(engine: str, file: Path, options: list[str], cache: Path) -> float:
    program = Path(__file__).with_name("first_token.py")
    command = [sys.executable, str(program), engine, str(file), *options, str(cache)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"first_token.py ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])
