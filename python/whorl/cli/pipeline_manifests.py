"""`whorl pipeline to-argo | to-kubernetes | to-gitops`, and what pods run: `step` and `gather`."""

from __future__ import annotations

import functools
import inspect
import os
import signal
import sys
import threading
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import Json
from .output import console, emit

File = Annotated[Path, typer.Argument(help="The pipeline: .yaml, .yml or .json.")]
Out = Annotated[Path | None, typer.Option(help="Files go here; without it they are printed.")]
Image = Annotated[str, typer.Option(help="For steps that name none: registry/name@sha256:…")]
AllowTags = Annotated[bool, typer.Option("--allow-tags", help="Images by tag too.")]
Namespace = Annotated[str, typer.Option(help="Of all objects.")]
Claim = Annotated[str, typer.Option(help="A PersistentVolumeClaim that several pods can write.")]
Account = Annotated[str, typer.Option(help="The pods' service account.")]
RunId = Annotated[str, typer.Option(help="Name of the run; made from plan and parameters by default.")]
Parameters = Annotated[list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE, once for each.")]
Options = Annotated[Path | None, typer.Option(help="More options, as JSON or YAML; flags win over them.")]


def given(file: Path | None, parameters: list[str] | None, flow: Any, **flags: Any) -> dict[str, Any]:
    """Options of a call: the file's, with flags that say something on top."""
    import json

    options: dict[str, Any] = {}
    if file is not None:
        from . import config

        options = config.read(file)
    options |= {key: value for key, value in flags.items() if value not in ("", None, False)}
    types = {name: spec.get("type", "string") for name, spec in flow.to_dict().get("parameters", {}).items()}
    for pair in parameters or []:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ValueError(f"--parameter: expected NAME=VALUE, got '{pair}'")
        if types.get(name, "string") != "string":
            try:
                text = json.loads(text)
            except ValueError as error:
                raise ValueError(f"--parameter {name}: expected {types[name]}, got '{text}'") from error
        options.setdefault("parameters", {})[name] = text
    return options


def deliver(manifests: list[Any], out: Path | None, json: bool) -> None:
    import whorl

    if out is not None:
        whorl.write_manifests(manifests, out)
        if not json:
            for manifest in manifests:
                console.print(f"{out / manifest.path}  {manifest.kind} {manifest.name}")
    if json:
        emit([{"path": m.path, "kind": m.kind, "name": m.name, "yaml": m.yaml} for m in manifests])
    elif out is None:
        sys.stdout.write("---\n".join(manifest.yaml for manifest in manifests))


def load(file: Path) -> Any:
    """The file as data: what its functions are is the pods' business."""
    import whorl

    from ..pipeline import Flow

    flow = Flow.__new__(Flow)
    flow.pipeline = whorl.Pipeline.load(os.fspath(file))
    flow.functions = {}
    return flow


# What the commands share: each option with its default.
ALL = {
    "image": (Image, ""),
    "allow_tags": (AllowTags, False),
    "claim": (Claim, ""),
    "service_account": (Account, ""),
}
ONE_RUN = ALL | {"namespace": (Namespace, ""), "run_id": (RunId, ""), "parameter": (Parameters, None)}
SCHEDULED = {
    "schedule": (
        Annotated[list[str] | None, typer.Option(help="Cron expression; any makes a CronWorkflow.")],
        None,
    )
}
LAST = {"options": (Options, None), "json": (Json, False)}


def sharing(**shared: tuple[Any, Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command with these options besides its own; it gets them as `flags`."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        hints = typing.get_type_hints(function, include_extras=True)
        own = [p for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
        own = [p.replace(annotation=hints[p.name]) for p in own]
        more = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
            for name, (annotation, default) in shared.items()
        ]

        @functools.wraps(function)
        def command(**values: Any) -> None:
            function(**values)

        del command.__wrapped__
        command.__signature__ = inspect.Signature(own + more)
        command.__annotations__ = {p.name: p.annotation for p in own + more}
        return command

    return decorate


def chosen(flow: Any, flags: dict[str, Any]) -> dict[str, Any]:
    flags = dict(flags)
    schedules = flags.pop("schedule", None) or None
    return given(flags.pop("options"), flags.pop("parameter", None), flow, schedules=schedules, **flags)


@sharing(**ONE_RUN, **SCHEDULED, **LAST)
def to_argo(file: File, out: Out = None, **flags: Any) -> None:
    """A WorkflowTemplate, a Workflow that names it, and with --schedule a CronWorkflow."""
    json = flags.pop("json")
    flow = load(file)
    deliver(flow.to_argo(**chosen(flow, flags)), out, json)


@sharing(**ONE_RUN, **LAST)
def to_kubernetes(
    file: File,
    step: Annotated[str, typer.Option(help="The one to run.")],
    item: Annotated[int, typer.Option(help="Of a step with foreach: the item's index.")] = -1,
    out: Out = None,
    **flags: Any,
) -> None:
    """A batch/v1 Job that runs one step."""
    json = flags.pop("json")
    flow = load(file)
    deliver([flow.to_kubernetes(step, item, **chosen(flow, flags))], out, json)


@sharing(**ALL, **SCHEDULED, **LAST)
def to_gitops(
    file: File,
    out: Annotated[Path, typer.Option(help="The tree goes here.")],
    repository: Annotated[
        str, typer.Option(help="Where the tree will live; makes Argo CD Applications.")
    ] = "",
    **flags: Any,
) -> None:
    """A kustomize base with overlays, and Argo CD Applications."""
    json = flags.pop("json")
    flow = load(file)
    deliver(flow.to_gitops(**chosen(flow, flags | {"repository": repository})), out, json)


# ---- inside a pod ---------------------------------------------------------------------------------------

Plan = Annotated[Path, typer.Option(help="The pipeline's JSON.")]
Step = Annotated[str, typer.Option(help="Its name.")]
State = Annotated[Path, typer.Option(help="The volume that all pods share.")]
Outputs = Annotated[Path | None, typer.Option(help="Folder for the values that conditions look at.")]
Output = Annotated[list[str] | None, typer.Option(help="Name of one such value.")]
ParametersFile = Annotated[Path | None, typer.Option(help="JSON: an object, or Argo's list.")]
ItemFile = Annotated[Path | None, typer.Option(help="Holds the item of a step with foreach.")]
VOLUME = Path("/whorl/state")
RunState = Annotated[str, typer.Option(help="For exit steps: how the run went.")]


def in_pod(call: str, plan: Path, flags: dict[str, Any], item: Path | None, **told: Any) -> None:
    """Exits with the status that says whose fault it was. SIGTERM ends it at once: all that is done is on disk."""
    import whorl

    from ..pipeline import Flow

    text = plan.read_text(encoding="utf-8")
    parameters = flags["parameters"]
    pod = dict(
        told,
        run_state=flags["run_state"],
        output_folder=flags["outputs"] or "",
        outputs=flags["output"] or [],
        parameters=parameters.read_text(encoding="utf-8") if parameters else "",
        item=item.read_text(encoding="utf-8") if item else "",
    )
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    flow = Flow(text) if call == "run_pod_step" else load(plan)
    # Relative paths begin on the volume.
    flow.pipeline.folder(told["state"])
    done = apart(lambda: getattr(whorl, call)(flow.pipeline, **pod))
    if done.exit_status:
        print(f"whorl: step '{told['step']}' {done.state} ({done.fault}): {done.message}", file=sys.stderr)
    else:
        print(f"step '{told['step']}' {done.state}" + (", from the cache" if done.cached else ""))
    raise typer.Exit(done.exit_status)


def apart(work: Callable[[], Any]) -> Any:
    """On a thread of its own, so that signals are heard meanwhile."""
    result: dict[str, Any] = {}

    def body() -> None:
        try:
            result["value"] = work()
        except BaseException as error:
            result["error"] = error

    thread = threading.Thread(target=body)
    thread.start()
    while thread.is_alive():
        thread.join(0.5)
    if "error" in result:
        raise result["error"]
    return result["value"]


POD = {
    "parameters": (ParametersFile, None),
    "run_state": (RunState, ""),
    "outputs": (Outputs, None),
    "output": (Output, None),
}


@sharing(**POD)
def step(
    plan: Plan, step: Step, run_id: RunId, state: State = VOLUME, item: ItemFile = None, **flags: Any
) -> None:
    """One attempt of one step, as a pod runs it. Exit status: 1 the code's fault, 85 the world's, 86 a gate's no."""
    in_pod("run_pod_step", plan, flags, item, step=step, run_id=run_id, state=state)


@sharing(**POD)
def gather(plan: Plan, step: Step, run_id: RunId, state: State = VOLUME, **flags: Any) -> None:
    """After the items of a step with foreach: applies its failure policy to their results."""
    in_pod("gather_pod_step", plan, flags, None, step=step, run_id=run_id, state=state)


def add_to(app: typer.Typer) -> None:
    app.command("to-argo")(to_argo)
    app.command("to-kubernetes")(to_kubernetes)
    app.command("to-gitops")(to_gitops)
    app.command("step", hidden=True)(step)
    app.command("gather", hidden=True)(gather)
