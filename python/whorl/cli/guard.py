"""`whorl guard`: what a guardrail configuration says about a text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import STORE, Json, Store, Threads
from .output import console, emit, table
from .sampling import open_engine

app = typer.Typer(help="Check texts against a guardrail configuration.", no_args_is_help=True)
BLOCKED = 3


@app.callback()
def guard() -> None:
    """Check texts against a guardrail configuration."""


def open_guard(config: Path, base: str | None, adapter: list[str] | None, store: Path, threads: int) -> Any:
    """The guardrail with an engine, where one is asked for."""
    import whorl

    if base is None:
        if adapter:
            raise ValueError("[guard] --adapter needs a model: name one with --base")
        return whorl.Guardrail.load(config)
    engine, _ = open_engine(base, store, adapter or [], threads)
    return whorl.Guardrail.load(config, engine)


@app.command()
def check(
    text: Annotated[str, typer.Argument(help='What is checked, or "-" for standard input.')],
    config: Annotated[Path, typer.Option(help="A config.yml, or a folder of them.")],
    rail: Annotated[str, typer.Option(help="input, output or retrieval.")] = "input",
    base: Annotated[
        str | None,
        typer.Option(help='Only for flows that ask a model: a Hugging Face folder, or "demo".'),
    ] = None,
    adapter: Annotated[
        list[str] | None,
        typer.Option(help="A PEFT folder that judges, under its folder's name; may be repeated."),
    ] = None,
    store: Store = STORE,
    threads: Threads = 0,
    json: Json = False,
) -> None:
    """Exit status 0: may go on, perhaps masked; 3: blocked; 1: the configuration or the check is at fault."""
    if rail not in ("input", "output", "retrieval"):
        raise ValueError(f"[guard check] expected --rail to be input, output or retrieval, got '{rail}'")
    given = sys.stdin.read() if text == "-" else text
    guardrail = open_guard(config, base, adapter, store, threads)
    if rail == "retrieval":
        result = guardrail.check_retrieval([given])
    else:
        result = guardrail.check_input(given) if rail == "input" else guardrail.check_output(given)
    if json:
        emit(result.to_dict() | {"warnings": guardrail.warnings})
    else:
        show(result, guardrail.warnings)
    if not result.allowed:
        raise typer.Exit(BLOCKED)


def show(result: Any, warnings: list[str]) -> None:
    for warning in warnings:
        console.print(warning, style="yellow", markup=False)
    rows = []
    for decision in result.decisions:
        spans = ", ".join(f"{span.rule} {span.begin}–{span.end}" for span in decision.spans)
        failed = f"failed {decision.failed}: " if decision.failed else ""
        rows.append(
            [
                decision.flow,
                decision.verdict,
                failed + decision.reason,
                spans,
                f"{decision.seconds * 1e3:.2f} ms",
            ]
        )
    table(result.status, ["flow", "verdict", "reason", "where", ""], rows)
    console.print(result.text, markup=False)
