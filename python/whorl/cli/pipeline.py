"""`whorl pipeline`: check a pipeline, run it here, look at a run; send it to a cluster."""

from __future__ import annotations

import json as json_module
import os
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from . import pipeline_manifests
from .options import Json
from .output import console, emit, table

app = typer.Typer(help="Check a pipeline, run it here, send it to a cluster.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="The pipeline: .yaml, .yml or .json.")]
RUNS = Path("pipeline-runs")
Folder = Annotated[
    Path, typer.Option(help="Artifacts, cache, logs and states of all runs.", envvar="WHORL_PIPELINE_RUNS")
]
EXIT = {"succeeded": 0, "failed": 1, "cancelled": 130}


@app.command()
def validate(
    file: File,
    canonical: Annotated[bool, typer.Option("--canonical", help="Print the canonical JSON.")] = False,
    json: Json = False,
) -> None:
    """Every problem, each with line, step and field."""
    import whorl

    pipeline = whorl.Pipeline.load(file)
    pipeline.validate()
    document = json_module.loads(pipeline.to_json())
    if canonical:
        print(pipeline.to_json(), end="")
    elif json:
        emit(
            {
                "name": pipeline.name,
                "digest": pipeline.digest,
                "steps": [s["name"] for s in document["steps"]],
            }
        )
    else:
        console.print(f"[bold]{pipeline.name}[/]: {len(document['steps'])} steps, no problem found")
        console.print(f"[dim]sha256 {pipeline.digest}[/]")


def parameters_from(pipeline: Any, pairs: list[str] | None) -> dict[str, Any]:
    """NAME=VALUE; values of parameters that are no strings are JSON."""
    known = json_module.loads(pipeline.to_json()).get("parameters", {})
    made: dict[str, Any] = {}
    for pair in pairs or []:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ValueError(f"[pipeline run] --parameter expected NAME=VALUE, got '{pair}'")
        kind = known.get(name, {}).get("type", "string")
        try:
            made[name] = text if kind == "string" else json_module.loads(text)
        except ValueError:
            raise ValueError(
                f"[pipeline run] parameter '{name}' expected {kind} as JSON, got '{text}'"
            ) from None
    return made


def show_result(result: Any) -> None:
    rows = [
        [
            step.name,
            step.kind,
            "cached" if step.cached else step.state,
            step.attempts or "",
            f"{step.seconds:.2f} s",
            step.message.splitlines()[0][:100] if step.message else "",
        ]
        for step in result.steps
    ]
    table(
        f"{result.run_id}: {result.state} in {result.seconds:.2f} s",
        ["step", "kind", "state", "attempts", "", ""],
        rows,
    )
    for step in result.steps:
        if step.state == "failed" and str(step.log):
            console.print(f"[dim]log of {step.name}:[/] {step.log}", soft_wrap=True)


@app.command()
def run(
    file: File,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE, may be repeated.")
    ] = None,
    folder: Folder = RUNS,
    run_id: Annotated[str, typer.Option(help="Go on with this run, or begin it.")] = "",
    resume: Annotated[
        bool, typer.Option(help="Go on with the latest unfinished run of the same pipeline.")
    ] = True,
    cache: Annotated[bool, typer.Option(help="Take what is known from the cache.")] = True,
    cpus: Annotated[float, typer.Option(help="Budget; 0 = the pipeline's, or all.")] = 0,
    gpus: Annotated[int, typer.Option(help="Budget; 0 = the pipeline's.")] = 0,
    memory_bytes: Annotated[int, typer.Option(help="Budget; 0 = the pipeline's.")] = 0,
    report: Annotated[Path | None, typer.Option(help="An HTML page of the run.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No live tree.")] = False,
    json: Json = False,
) -> None:
    """Runs what the cache does not know. Ctrl-C stops it; the same command goes on from there."""
    import whorl

    from ..pipeline import Flow

    flow = Flow.load(file)
    given = parameters_from(flow.pipeline, parameter)
    # A stopped service ends like Ctrl-C: steps are stopped, exit steps run, the rest is for the next time.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    budget = whorl.PipelineBudget(cpus=cpus, gpus=gpus, memory_bytes=memory_bytes)
    options = {"folder": folder, "run_id": run_id, "resume": resume, "cache": cache, "budget": budget}
    if json or quiet:
        result = flow.pipeline.run(parameters=given, **options)
    else:
        from .._pipeline_view import watching

        with watching(flow.to_dict(), True) as callback:
            result = flow.pipeline.run(callback, parameters=given, **options)
    if report is not None:
        whorl.write_pipeline_report(result.folder, report)
    if json:
        emit(json_module.loads(result.to_json()))
    else:
        show_result(result)
        if report is not None:
            console.print(f"[dim]report:[/] {report}", soft_wrap=True)
    raise typer.Exit(EXIT[result.state])


def latest_run(folder: Path) -> Path:
    runs = sorted(
        (folder / "runs").glob("*/run.json"),
        key=lambda path: json_module.loads(path.read_text())["started_at"],
    )
    if not runs:
        raise ValueError(f"[pipeline show] no run in '{folder}'")
    return runs[-1].parent


@app.command()
def show(
    run_id: Annotated[str, typer.Argument(help="The run; the latest by default.")] = "",
    folder: Folder = RUNS,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page of it.")] = None,
    log: Annotated[str, typer.Option(help="Print this step's log.")] = "",
    json: Json = False,
) -> None:
    """States, times and logs of a run."""
    import whorl

    where = folder / "runs" / run_id if run_id else latest_run(folder)
    if not (where / "run.json").is_file() or os.path.basename(run_id) != run_id:
        raise ValueError(f"[pipeline show] no run '{run_id}' in '{folder}'")
    if report is not None:
        whorl.write_pipeline_report(where, report)
    if log:
        file = where / "logs" / f"{os.path.basename(log)}.log"
        if not file.is_file():
            raise ValueError(f"[pipeline show] step '{log}' of run '{where.name}' has no log")
        print(file.read_text(encoding="utf-8", errors="replace"), end="")
        return
    document = json_module.loads((where / "run.json").read_text(encoding="utf-8"))
    steps = [json_module.loads(path.read_text(encoding="utf-8")) for path in (where / "steps").glob("*.json")]
    steps.sort(key=lambda step: (step["started"], step["name"]))
    if json:
        emit(document | {"steps": steps})
        return
    rows = [
        [
            s["name"],
            s["kind"],
            "cached" if s["cached"] else s["state"],
            s["attempts"],
            f"{s['seconds']:.2f} s",
            s["message"][:100],
        ]
        for s in steps
    ]
    table(f"{where.name}: {document['state']}", ["step", "kind", "state", "attempts", "", ""], rows)


pipeline_manifests.add_to(app)
