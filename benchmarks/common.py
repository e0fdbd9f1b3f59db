"""Shapes, models of random weights, and what a figure needs beside it: machine, instruction set, threads, commit."""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import platform
import random
import subprocess
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import worker
from shapes import SHAPES

if TYPE_CHECKING:
    import whorl

PACKAGES = [
    "whorl",
    "torch",
    "triton",
    "transformers",
    "peft",
    "nvidia-cublas",
    "llama-cpp-python",
    "gguf",
    "numpy",
]


def parser(description: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--shape", choices=SHAPES, default="S")
    made.add_argument("--seq", type=int, default=512, help="tokens of a sequence")
    made.add_argument("--batch", type=int, default=8)
    made.add_argument("--rank", type=int, default=16)
    made.add_argument("--adapters", type=int, default=1)
    made.add_argument("--threads", type=int, default=0, help="0 = all")
    made.add_argument("--dtype", choices=["float32", "bfloat16"], default=None)
    made.add_argument("--quantize", choices=["none", "int8", "int4"], default="none", help="of the base")
    made.add_argument("--json", action="store_true", help="one JSON object, nothing else")
    return made


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device",
        default="cpu",
        help='"cpu", "cuda" or "cuda:1" for both sides; "cuda_emulated" for Whorl alone, its peers then run on the CPU',
    )
    parser.add_argument("--models", type=Path, help="keeps models of random weights for the next call")


def add_activation_dtype(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--activation-dtype",
        choices=["float32", "bfloat16"],
        default="float32",
        help="of Whorl's training; bfloat16 on a GPU, as the peer's bfloat16 settings have it",
    )


def import_whorl() -> Any:
    """The package; libwhorl_cuda.so is also looked for in the folders of WHORL_BENCHMARK_LIBRARIES."""
    import whorl

    for folder in filter(None, os.environ.get("WHORL_BENCHMARK_LIBRARIES", "").split(":")):
        whorl.add_library_folder(folder)
    return whorl


def word_tokenizer(folder: Path, vocab_size: int) -> Path:
    """Words t0, t1, … as tokens, so that rows of any length can be written."""
    vocab = {f"t{i}": i for i in range(vocab_size)}
    model = {"type": "WordLevel", "unk_token": "t0", "vocab": vocab}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        "model": model,
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text('{"eos_token": "t1"}')
    return folder


def make_model(shape: str, dtype: str, threads: int, seq: int, quantize: str = "none") -> whorl.Model:
    import whorl  # here, so that a peer's process does not hold it

    length = max(2048, 2 * seq)
    config = whorl.ModelConfig(
        **SHAPES[shape], max_position_embeddings=length, torch_dtype=dtype, eos_token_ids=[1]
    )
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = word_tokenizer(Path(folder), config.vocab_size)
        return whorl.Model.create(
            config, seed=1, tokenizer_folder=tokenizer, threads=threads, dtype=dtype, quantize=quantize
        )


def save_model(shape: str, folder: Path, seq: int) -> None:
    """Random weights of bfloat16 in `folder`, made in a process of its own: what both sides of a comparison read."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(_save_model, (shape, folder, seq))


def _save_model(shape: str, folder: Path, seq: int) -> None:
    make_model(shape, "bfloat16", 0, seq).save(folder)


@contextlib.contextmanager
def model_folder(a: argparse.Namespace) -> Iterator[Path]:
    """The model that both sides read, where it is not there yet; gone afterwards unless --models keeps it. Beside a GPU
    PyTorch writes it: Whorl draws its weights one after another on the host, which takes minutes for 8B."""
    import random_weights

    with tempfile.TemporaryDirectory() as name:
        # Beside a GPU one model serves every case.
        length = max(2048 if a.device == "cpu" else 8192, 2 * a.seq)
        folder = (a.models or Path(name)) / f"{a.shape}-{length}"
        if folder.exists():
            pass
        elif a.device == "cpu":
            folder.parent.mkdir(parents=True, exist_ok=True)
            save_model(a.shape, folder, a.seq)
        else:
            random_weights.save(a.shape, folder, length, a.device)
        yield folder


def random_ids(shape: str, count: int, seed: int) -> list[int]:
    draw = random.Random(seed)
    return [draw.randrange(2, SHAPES[shape]["vocab_size"]) for _ in range(count)]


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def commit() -> str:
    """Of this checkout; where a copy without its history is measured, what WHORL_BENCHMARK_COMMIT says."""
    if said := os.environ.get("WHORL_BENCHMARK_COMMIT"):
        return said
    here = Path(__file__).resolve().parent
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True
    )
    return done.stdout.strip() or "unknown"


def versions() -> dict[str, str]:
    """Of what is measured and of what it stands on; a package that is not there is left out."""
    found = {"python": platform.python_version(), "system": platform.release()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def report(arguments: argparse.Namespace, figures: dict[str, Any]) -> None:
    import whorl

    facts = whorl.info()
    document = {
        "machine": cpu_name(),
        "device": getattr(arguments, "device", "cpu"),
        "isa": facts["isa"],
        "threads": arguments.threads or facts["threads"],
        "commit": commit(),
        "versions": versions(),
        "shape": arguments.shape,
        "dtype": arguments.dtype,
        "quantize": arguments.quantize,
        "seq": arguments.seq,
        "batch": arguments.batch,
        "rank": arguments.rank,
        "adapters": arguments.adapters,
        "peak_rss_bytes": worker.peak_bytes(),
        **figures,
    }
    if arguments.json:
        print(json.dumps(document))
        return
    for name, value in document.items():
        print(f"{name:>32}  {value:,.4g}" if isinstance(value, float) else f"{name:>32}  {value}")
