"""`whorl generate`: one answer."""

from __future__ import annotations

import sys
from typing import Annotated

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


def generate(
    prompt: Annotated[str, typer.Argument(help='The question, or "-" for standard input.')],
    base: Base = "demo",
    adapter: Adapter = "",
    system: Annotated[str | None, typer.Option(help="A system message before it.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Continue the text; no chat template.")] = False,
    tools: Annotated[str | None, typer.Option(help="Tools as JSON, or @file.")] = None,
    tool_choice: Annotated[str, typer.Option(help="auto, none, required, or a tool's name.")] = "auto",
    json_schema: Annotated[
        str | None, typer.Option(help="The answer satisfies this schema: JSON, or @file.")
    ] = None,
    regex: Annotated[str, typer.Option(help="The answer matches this pattern.")] = "",
    max_new_tokens: MaxNewTokens = 256,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    top_k: TopK = 0,
    stop: Annotated[list[str] | None, typer.Option(help="Ends before this; may be repeated.")] = None,
    seed: Seed = 0,
    prompt_lookup_num_tokens: PromptLookup = 0,
    stream: Annotated[bool, typer.Option(help="Show the text as it comes.")] = True,
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
    """One answer, streamed; tool calls are parsed back."""
    text = sys.stdin.read() if prompt == "-" else prompt
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
    options = {
        "adapter": name,
        "max_new_tokens": max_new_tokens,
        "temperature": temperature,
        "top_p": top_p,
        "top_k": top_k,
        "seed": seed,
        "prompt_lookup_num_tokens": prompt_lookup_num_tokens,
        "stop": stop or [],
        "regex": regex,
        "tool_choice": tool_choice,
        "json_schema": read_json_or_text(json_schema, "json-schema"),
        "tools": read_json_or_text(tools, "tools") or [],
    }
    chat = not raw and engine.model.has_chat_template
    messages = [{"role": "system", "content": system}] if system else []
    request = [*messages, {"role": "user", "content": text}] if chat else text
    with engine:
        if json:
            emit(engine.generate(request, **options).to_dict())
            return
        with engine.stream(request, **options) as events:
            for event in events:
                if stream:
                    console.print(event.text, end="", markup=False, soft_wrap=True)
            result = events.result()[0]
    if not stream:
        console.print(result.text, end="", markup=False, soft_wrap=True)
    console.print()
    for call in result.tool_calls:
        console.print(f"→ {call.name}({call.arguments})", style="green", markup=False)
    if result.tool_call_error:
        console.print(f"a tool call does not parse: {result.tool_call_error}", style="yellow", markup=False)
