"""`whorl eval`: scores with their uncertainty."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from .options import STORE, Base, Json, Store, Threads
from .output import emit, table
from .sampling import MaxNewTokens, open_engine

METRICS = ["function_name_accuracy", "function_name_and_args_accuracy"]


def evaluate(
    data: Annotated[Path, typer.Argument(help="Held-out rows.")],
    base: Base = "demo",
    adapter: Annotated[
        list[str] | None, typer.Option(help="May be repeated; all are scored in one batch, beside the base.")
    ] = None,
    with_base: Annotated[bool, typer.Option(help="Score the base as well.")] = True,
    metric: Annotated[list[str] | None, typer.Option(help=f"May be repeated. {METRICS}")] = None,
    limit: Annotated[int, typer.Option(help="Rows; 0 = all.")] = 0,
    max_new_tokens: MaxNewTokens = 256,
    rows: Annotated[Path | None, typer.Option(help="Every row's result, one JSON object a line.")] = None,
    store: Store = STORE,
    threads: Threads = 0,
    json: Json = False,
) -> None:
    """Scores of the base and of adapters on held-out rows, with standard errors and intervals."""
    import whorl

    dataset = whorl.Dataset.load(data)
    wanted = ([""] if with_base else []) + (adapter or [])
    if not wanted:
        raise ValueError("[eval] nothing to score: name an --adapter, or leave out --no-with-base")
    engine, names = open_engine(base, store, wanted, threads)
    with engine:
        sampling = whorl.SamplingOptions(max_new_tokens=max_new_tokens)
        results = whorl.Evaluator(engine).run(
            dataset, names, metrics=metric or METRICS, limit=limit, sampling=sampling
        )
    if rows:
        lines = ({"adapter": r.adapter} | row.to_dict() for r in results for row in r.rows)
        rows.write_text(
            "".join(json_module.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
        )
    if json:
        emit([{k: v for k, v in r.to_dict().items() if k != "rows"} for r in results])
        return
    columns = list(results[0].scores)
    cells = [
        [
            r.adapter or "base",
            *(f"{s.value:.3f} ± {s.stderr:.3f}" for s in r.scores.values()),
            f"{r.seconds:.1f} s",
        ]
        for r in results
    ]
    n = next(iter(results[0].scores.values())).n
    table(f"{data}, n = {n}", ["adapter", *columns, ""], cells)
