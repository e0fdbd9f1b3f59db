"""Options that several commands share, under the library's own names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

Base = Annotated[
    str,
    typer.Option(
        help='A Hugging Face folder, or "demo" for the small model that comes with Whorl.',
        envvar="WHORL_BASE",
    ),
]
Store = Annotated[Path, typer.Option(help="Folder of the adapter store.", envvar="WHORL_STORE")]
Quantize = Annotated[
    str,
    typer.Option(
        help="Round the base to int8 or int4, or on a GPU its linears to fp8; "
        "auto keeps a GGUF file's whole numbers, none widens them."
    ),
]
Threads = Annotated[int, typer.Option(help="0 = all CPUs this process may use.")]
Device = Annotated[
    str,
    typer.Option(
        help='"cpu", "cuda", "cuda:1", or "auto": a GPU where there is one that has room.',
        envvar="WHORL_DEVICE",
    ),
]
WeightsCache = Annotated[
    Path | None,
    typer.Option(
        help="Keep the weights in this folder as they are computed with: the next start maps them.",
        envvar="WHORL_WEIGHTS_CACHE",
    ),
]
TensorParallelSize = Annotated[
    int,
    typer.Option(
        help="Processes of this machine that share the model's matrices; each holds its part of them."
    ),
]
Distributed = Annotated[
    bool,
    typer.Option(
        "--distributed",
        help="With --tensor-parallel-size: be one of the processes that torchrun, Slurm or a Job started.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")]
STORE = Path("store")


def base_folder(base: str) -> Path:
    """Where the weights are. Hub names are refused: nothing is fetched that was not asked for."""
    if base == "demo":
        folder = Path(__file__).parent.parent / "data" / "demo_base"
        if not folder.is_dir():
            raise RuntimeError("[base] this installation lacks the demo's model; name a folder with --base")
        return folder
    folder = Path(base).expanduser()
    if folder.is_dir() or (folder.suffix == ".gguf" and folder.is_file()):
        return folder
    advice = "give the path of a Hugging Face folder (config.json, model.safetensors, tokenizer.json) or .gguf file"
    if base.count("/") == 1 and not base.startswith((".", "/", "~")):
        advice += (
            f"; to fetch it yourself: huggingface-cli download {base} --local-dir {os.path.basename(base)}"
        )
    raise ValueError(f"[base] no folder '{base}'; {advice}")


def load_base(
    base: str,
    threads: int = 0,
    quantize: str = "auto",
    weights_cache: Path | str | None = None,
    device: str = "cpu",
    tensor_parallel_size: int = 1,
    distributed: bool = False,
):
    from . import followers

    options = {
        "threads": threads,
        "quantize": quantize,
        "weights_cache": str(weights_cache or ""),
        "device": device,
    }
    return followers.load(str(base_folder(base)), tensor_parallel_size, distributed, options)


def open_store(store: Path, *, create: bool = False):
    import whorl

    if not create and not store.is_dir():
        raise ValueError(
            f"[store] no adapter store at '{store}'; name one with --store, or publish the first adapter"
        )
    return whorl.AdapterStore(store, create=create)


def read_json_or_text(value: str | None, what: str):
    """JSON given on the command line, or in a file named by @path."""
    import json

    if value is None:
        return None
    text = Path(value[1:]).read_text(encoding="utf-8") if value.startswith("@") else value
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"[{what}] not JSON ({error}); to read a file write @path") from None
