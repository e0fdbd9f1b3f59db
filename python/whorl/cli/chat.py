"""`whorl chat`: a conversation in the terminal."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .options import (
    STORE,
    Base,
    Device,
    Distributed,
    Json,
    Quantize,
    Store,
    TensorParallelSize,
    Threads,
    WeightsCache,
    read_json_or_text,
)
from .output import console, emit
from .sampling import (
    Adapter,
    KvCacheBytes,
    MaxNewTokens,
    PromptLookup,
    Seed,
    Temperature,
    TopK,
    TopP,
    open_engine,
)

HELP = "/adapter NAME changes the adapter, /reset forgets the conversation, /quit ends it"


def answer(engine: Any, messages: list, options: dict[str, Any], quiet: bool) -> Any:
    with engine.stream(messages, **options) as events:
        try:
            for event in events:
                if not quiet:
                    console.print(event.text, end="", style="cyan", markup=False, soft_wrap=True)
        except KeyboardInterrupt:
            events.close()
        result = events.result()[0]
    if not quiet:
        console.print()
    return result


def chat(
    base: Base = "demo",
    adapter: Adapter = "",
    system: Annotated[str | None, typer.Option(help="A system message before everything.")] = None,
    tools: Annotated[str | None, typer.Option(help="Tools as JSON, or @file.")] = None,
    max_new_tokens: MaxNewTokens = 512,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    top_k: TopK = 0,
    seed: Seed = 0,
    prompt_lookup_num_tokens: PromptLookup = 0,
    store: Store = STORE,
    threads: Threads = 0,
    quantize: Quantize = "auto",
    weights_cache: WeightsCache = None,
    device: Device = "cpu",
    tensor_parallel_size: TensorParallelSize = 1,
    distributed: Distributed = False,
    kv_cache_bytes: KvCacheBytes = None,
    json: Json = False,
) -> None:
    """A conversation, line by line; Ctrl-C stops an answer, Ctrl-D ends it. --json prints one object a turn."""
    engine, (name,) = open_engine(
        base,
        store,
        [adapter],
        threads,
        quantize,
        weights_cache,
        device,
        tensor_parallel_size,
        distributed,
        kv_cache_bytes,
    )
    if not engine.model.has_chat_template:
        raise ValueError("[chat] this model has no chat template; use `whorl generate --raw`")
    opening = [{"role": "system", "content": system}] if system else []
    messages: list[Any] = list(opening)
    options = {
        "adapter": name,
        "tools": read_json_or_text(tools, "tools") or [],
        "max_new_tokens": max_new_tokens,
        "temperature": temperature,
        "top_p": top_p,
        "top_k": top_k,
        "seed": seed,
        "prompt_lookup_num_tokens": prompt_lookup_num_tokens,
    }
    if not json:
        console.print(HELP, style="dim")
    with engine:
        while True:
            try:
                line = input("" if json else f"{options['adapter'] or 'base'}> ").strip()
            except (EOFError, KeyboardInterrupt):
                return
            if not line:
                continue
            if line == "/quit":
                return
            if line == "/reset":
                messages = list(opening)
                continue
            if line.split()[0] == "/adapter":
                options["adapter"] = line.partition(" ")[2].strip()
                continue
            if line.startswith("/"):
                console.print(HELP, style="dim")
                continue
            messages.append({"role": "user", "content": line})
            try:
                result = answer(engine, messages, options, json)
            except (ValueError, RuntimeError) as error:
                messages.pop()
                console.print(str(error), style="red", markup=False)
                continue
            messages.append({"role": "assistant", "content": result.content, "tool_calls": result.tool_calls})
            if json:
                emit(result.to_dict())
