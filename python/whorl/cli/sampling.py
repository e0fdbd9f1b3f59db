"""Options of generation, under the library's own names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import load_base

Adapter = Annotated[
    str, typer.Option(help='A name in the store ("tickets", "tickets@3"), or a PEFT folder. "" = the base.')
]
MaxNewTokens = Annotated[int, typer.Option(help="The most that is generated.")]
Temperature = Annotated[float, typer.Option(help="0 = the likeliest token.")]
TopP = Annotated[float, typer.Option(help="Smallest set of tokens with this probability.")]
TopK = Annotated[int, typer.Option(help="0 = all.")]
Seed = Annotated[int, typer.Option(help="Same seed, same request: same tokens.")]
KvCacheBytes = Annotated[
    int | None,
    typer.Option(help="Memory for the KV cache; left out, what is free: see EngineOptions.", min=1),
]
PromptLookup = Annotated[
    int,
    typer.Option(
        help="Compute up to so many tokens ahead that followed when the last few stood before: the same answer in "
        "fewer steps. 0 = off."
    ),
]


def open_engine(
    base: str,
    store: Path,
    adapters: list[str],
    threads: int = 0,
    quantize: str = "auto",
    weights_cache: Path | None = None,
    device: str = "cpu",
    tensor_parallel_size: int = 1,
    distributed: bool = False,
    kv_cache_bytes: int | None = None,
) -> tuple[Any, list[str]]:
    """An engine, and the names under which it knows the adapters. A folder becomes an adapter of its own name."""
    import whorl

    model = load_base(base, threads, quantize, weights_cache, device, tensor_parallel_size, distributed)
    stored = [a for a in adapters if a and not (Path(a) / "adapter_config.json").is_file()]
    if stored and not store.is_dir():
        raise ValueError(
            f"[adapter] '{stored[0]}' is no PEFT folder, and there is no store at '{store}'; use --store"
        )
    if store.is_dir():
        engine = whorl.InferenceEngine(
            model, whorl.AdapterStore(store, create=False), kv_cache_bytes=kv_cache_bytes
        )
    else:
        engine = whorl.InferenceEngine(model, kv_cache_bytes=kv_cache_bytes)
    names = []
    for adapter in adapters:
        if adapter and adapter not in stored:
            name = Path(adapter).resolve().name.lower()
            engine.add_adapter(name, whorl.Adapter.load(adapter))
            names.append(name)
        else:
            names.append(adapter)
    return engine, names
