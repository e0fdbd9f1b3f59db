"""`whorl eval`: scores with their uncertainty."""

from __future__ import annotations

import json as json_module
from pathlib import Path
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
)
from .output import console, emit, number, table
from .sampling import KvCacheBytes, MaxNewTokens, open_engine

METRICS = ["function_name_accuracy", "function_name_and_args_accuracy"]
METRIC = typer.Option("--metric", "--metrics", help=f"May be repeated. {METRICS}")
ON_ERROR = typer.Option(help='A row without a usable answer: "wrong" counts so, "exclude" leaves it out.')
OUT = typer.Option(help="Folder for answers, scores and report.html. A killed run goes on there.")


def read_tasks(path: Path) -> list[Any]:
    """The tasks of a JSON or YAML file."""
    import whorl

    from .config import parse

    return whorl.EvaluateTask.from_json(json_module.dumps(parse(path)), source=str(path))


def rows_for(task: Any, data: Path | None, task_file: Path | None) -> Any:
    """Evaluation rows: conversations where no task's template says otherwise."""
    import whorl

    path = data
    if path is None and task is not None and task.data:
        path = Path(task.data.removeprefix("file://"))
        if not path.is_absolute() and task_file is not None:
            path = task_file.parent / path
    if path is None:
        raise ValueError("[eval] no rows: name a file, or let the task's file name one under 'data'")
    if task is None or not (task.prompt_template or task.type == "data"):
        return path, whorl.Dataset.load(path)
    if path.suffix in {".json", ".jsonl"}:
        return path, whorl.EvaluateData.load(path)
    return path, whorl.EvaluateData(whorl.Dataset.load(path))


def evaluate(
    data: Annotated[Path | None, typer.Argument(help="Held-out rows.")] = None,
    base: Base = "demo",
    adapter: Annotated[list[str] | None, typer.Option(help="May be repeated; scored in one batch.")] = None,
    with_base: Annotated[bool, typer.Option(help="Score the base as well.")] = True,
    metric: Annotated[list[str] | None, METRIC] = None,
    task: Annotated[Path | None, typer.Option(help="JSON or YAML, as NeMo's custom evaluation.")] = None,
    compare: Annotated[bool, typer.Option(help="The first with each of the others, row by row.")] = False,
    limit: Annotated[int, typer.Option(help="Rows; 0 = all.")] = 0,
    parallelism: Annotated[int, typer.Option(help="Requests in flight; 0 = 256.")] = 0,
    on_error: Annotated[str, ON_ERROR] = "wrong",
    seed: Annotated[int, typer.Option(help="Of resampling.")] = 0,
    max_new_tokens: MaxNewTokens = 256,
    max_seconds: Annotated[float, typer.Option(help="End after so long, to go on in --out; 0 = never.")] = 0,
    out: Annotated[Path | None, OUT] = None,
    rows: Annotated[Path | None, typer.Option(help="Every row's result, one JSON object a line.")] = None,
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
    """Scores of the base and of adapters on held-out rows, with standard errors and intervals."""
    wanted = contestants(adapter, with_base, compare)
    work = work_for(task, metric, data)
    shared = dict(limit=limit, parallelism=parallelism, on_error=on_error, seed=seed, max_seconds=max_seconds)
    engine, names = open_engine(
        base,
        store,
        wanted,
        threads,
        quantize,
        weights_cache,
        device,
        tensor_parallel_size,
        distributed,
        kv_cache_bytes,
    )
    with engine:
        done = score(engine, names, work, out, shared | {"max_new_tokens": max_new_tokens})
    compared = [comparisons(results) if compare else [] for _, results in done]
    if rows:
        write_rows(rows, [result for _, results in done for result in results])
    if json:
        show_json([r for _, results in done for r in results], [c for cs in compared for c in cs], compare)
        return
    for (path, results), found in zip(done, compared, strict=True):
        show(path, results, found)
    if out is not None:
        console.print(f"{out}/report.html" if len(work) == 1 else f"{out}/*/report.html")


def contestants(adapters: list[str] | None, with_base: bool, compare: bool) -> list[str]:
    wanted = ([""] if with_base else []) + (adapters or [])
    if not wanted:
        raise ValueError("[eval] nothing to score: name an --adapter, or leave out --no-with-base")
    if compare and len(wanted) < 2:
        raise ValueError("[eval] --compare needs two to compare: name an --adapter")
    return wanted


Work = list[tuple[Path, Any, dict[str, Any]]]


def work_for(task: Path | None, metrics: list[str] | None, data: Path | None) -> Work:
    """Per task its rows' path, the rows, and what is asked of them."""
    if task is None:
        return [(*rows_for(None, data, None), {"metrics": metrics or METRICS})]
    if metrics:
        raise ValueError("[eval] --metric and --task exclude each other: the task's file names its metrics")
    return [(*rows_for(one, data, task), {"task": one}) for one in read_tasks(task)]


def score(engine: Any, names: list[str], work: Work, out: Path | None, shared: dict[str, Any]) -> list[Any]:
    """Per task its rows' path and the results."""
    import whorl

    sampling = whorl.SamplingOptions(max_new_tokens=shared.pop("max_new_tokens"))
    evaluator = whorl.Evaluator(engine)
    done = []
    for path, found, asked in work:
        folder = "" if out is None else out if len(work) == 1 else out / asked["task"].name
        done.append((path, evaluator.run(found, names, sampling=sampling, out=folder, **shared, **asked)))
    return done


def write_rows(path: Path, results: list[Any]) -> None:
    lines = [{"task": r.task, "adapter": r.adapter} | row.to_dict() for r in results for row in r.rows]
    text = "".join(json_module.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")


def show_json(results: list[Any], compared: list[Any], compare: bool) -> None:
    shown = [without_rows(result) for result in results]
    emit({"results": shown, "comparisons": [c.to_dict() for c in compared]} if compare else shown)


def comparisons(results: list[Any]) -> list[Any]:
    import whorl

    metrics = {name for row in results[0].rows for name in row.scores}  # not those of the run as a whole
    names = [name for name in results[0].scores if name in metrics]
    return [whorl.compare(results[0], other, metric) for other in results[1:] for metric in names]


def without_rows(result: Any) -> dict[str, Any]:
    return {key: value for key, value in result.to_dict().items() if key != "rows"}


def show(path: Path, results: list[Any], compared: list[Any]) -> None:
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
    title = f"{path}, n = {n}" if not results[0].task else f"{results[0].task}: {path}, n = {n}"
    table(title, ["adapter", *columns, ""], cells)
    for r in results:
        for warning in r.warnings:
            console.print(f"{r.adapter or 'base'}, {warning}", style="bold red")
        for metric, s in r.scores.items():
            apart = [
                f"{getattr(s, kind)} {kind}"
                for kind in ("errored", "unparsable", "refused")
                if getattr(s, kind)
            ]
            if apart:
                console.print(f"{r.adapter or 'base'}, {metric}: {', '.join(apart)}")
    if compared:
        table(
            "compared row by row",
            ["metric", "", "difference", "95 % interval", "p", "won / lost / tied"],
            [comparison_cells(c) for c in compared],
        )


def comparison_cells(c: Any) -> list[str]:
    p, d = c.paired, c.paired["difference"]
    chance = p.get("mcnemar_p")
    return [
        c.metric,
        f"{c.a or 'base'} → {c.b or 'base'}",
        f"{d['value']:+.3f}",
        f"[{number(d['ci_low'], 3)}, {number(d['ci_high'], 3)}]",
        number(p["permutation_p"] if chance is None else chance),
        f"{p['wins']} / {p['losses']} / {p['ties']}",
    ]
