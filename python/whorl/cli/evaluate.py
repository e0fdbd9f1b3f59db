"""`whorl eval`: scores with their uncertainty."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import STORE, Base, Json, Store, Threads
from .output import console, emit, number, table
from .sampling import MaxNewTokens, open_engine

METRICS = ["function_name_accuracy", "function_name_and_args_accuracy"]


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
    adapter: Annotated[
        list[str] | None, typer.Option(help="May be repeated; all are scored in one batch, beside the base.")
    ] = None,
    with_base: Annotated[bool, typer.Option(help="Score the base as well.")] = True,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", "--metrics", help=f"May be repeated. {METRICS}")
    ] = None,
    task: Annotated[
        Path | None,
        typer.Option(help="JSON or YAML file of tasks: templates and metrics, as NeMo's custom evaluation."),
    ] = None,
    compare: Annotated[
        bool, typer.Option(help="Compare the first with each of the others, row by row.")
    ] = False,
    limit: Annotated[int, typer.Option(help="Rows; 0 = all.")] = 0,
    parallelism: Annotated[int, typer.Option(help="Requests in flight; 0 = 256.")] = 0,
    on_error: Annotated[
        str,
        typer.Option(help='A row without a usable answer: "wrong" counts as such, "exclude" leaves it out.'),
    ] = "wrong",
    seed: Annotated[int, typer.Option(help="Of resampling.")] = 0,
    max_new_tokens: MaxNewTokens = 256,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for answers, scores and report.html. A killed run goes on there."),
    ] = None,
    rows: Annotated[Path | None, typer.Option(help="Every row's result, one JSON object a line.")] = None,
    store: Store = STORE,
    threads: Threads = 0,
    json: Json = False,
) -> None:
    """Scores of the base and of adapters on held-out rows, with standard errors and intervals."""
    import whorl

    if task is not None and metric:
        raise ValueError("[eval] --metric and --task exclude each other: the task's file names its metrics")
    wanted = ([""] if with_base else []) + (adapter or [])
    if not wanted:
        raise ValueError("[eval] nothing to score: name an --adapter, or leave out --no-with-base")
    if compare and len(wanted) < 2:
        raise ValueError("[eval] --compare needs two to compare: name an --adapter")
    tasks = read_tasks(task) if task is not None else [None]
    work = [(one, *rows_for(one, data, task)) for one in tasks]
    engine, names = open_engine(base, store, wanted, threads)
    done = []
    with engine:
        sampling = whorl.SamplingOptions(max_new_tokens=max_new_tokens)
        evaluator = whorl.Evaluator(engine)
        for one, path, found in work:
            folder = "" if out is None else out if len(work) == 1 else out / one.name
            options: dict[str, Any] = {"task": one} if one is not None else {"metrics": metric or METRICS}
            results = evaluator.run(
                found, names, limit=limit, parallelism=parallelism, sampling=sampling, on_error=on_error, seed=seed,
                out=folder, **options,
            )  # fmt: skip
            done.append((path, results, comparisons(results) if compare else []))
    if rows:
        lines = (
            {"task": r.task, "adapter": r.adapter} | row.to_dict()
            for _, found, _ in done
            for r in found
            for row in r.rows
        )
        rows.write_text(
            "".join(json_module.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
        )
    if json:
        results_of = [without_rows(r) for _, found, _ in done for r in found]
        emit(
            {"results": results_of, "comparisons": [c.to_dict() for _, _, cs in done for c in cs]}
            if compare
            else results_of
        )
        return
    for path, results, compared in done:
        show(path, results, compared)
    if out is not None:
        console.print(f"{out}/report.html" if len(work) == 1 else f"{out}/*/report.html")


def comparisons(results: list[Any]) -> list[Any]:
    import whorl

    metrics = list(results[0].scores)
    return [whorl.compare(results[0], other, metric) for other in results[1:] for metric in metrics]


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
