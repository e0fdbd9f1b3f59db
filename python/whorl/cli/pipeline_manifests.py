"""`whorl pipeline to-argo | to-kubernetes | to-gitops`, and what pods run: `step` and `gather`."""

from __future__ import annotations

import os
import signal
import sys
import threading
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


def to_argo(
    file: File,
    out: Out = None,
    image: Image = "",
    allow_tags: AllowTags = False,
    namespace: Namespace = "",
    claim: Claim = "",
    service_account: Account = "",
    run_id: RunId = "",
    parameter: Parameters = None,
    schedule: Annotated[
        list[str] | None, typer.Option(help="Cron expression; any makes a CronWorkflow.")
    ] = None,
    options: Options = None,
    json: Json = False,
) -> None:
    """A WorkflowTemplate, a Workflow that names it, and with --schedule a CronWorkflow."""
    flow = load(file)
    chosen = given(
        options,
        parameter,
        flow,
        image=image,
        allow_tags=allow_tags,
        namespace=namespace,
        claim=claim,
        service_account=service_account,
        run_id=run_id,
        schedules=schedule or None,
    )
    deliver(flow.to_argo(**chosen), out, json)


def to_kubernetes(
    file: File,
    step: Annotated[str, typer.Option(help="The one to run.")],
    item: Annotated[int, typer.Option(help="Of a step with foreach: the item's index.")] = -1,
    out: Out = None,
    image: Image = "",
    allow_tags: AllowTags = False,
    namespace: Namespace = "",
    claim: Claim = "",
    service_account: Account = "",
    run_id: RunId = "",
    parameter: Parameters = None,
    options: Options = None,
    json: Json = False,
) -> None:
    """A batch/v1 Job that runs one step."""
    flow = load(file)
    chosen = given(
        options,
        parameter,
        flow,
        image=image,
        allow_tags=allow_tags,
        namespace=namespace,
        claim=claim,
        service_account=service_account,
        run_id=run_id,
    )
    deliver([flow.to_kubernetes(step, item, **chosen)], out, json)


def to_gitops(
    file: File,
    out: Annotated[Path, typer.Option(help="The tree goes here.")],
    image: Image = "",
    allow_tags: AllowTags = False,
    claim: Claim = "",
    service_account: Account = "",
    schedule: Annotated[
        list[str] | None, typer.Option(help="Cron expression; any makes a CronWorkflow.")
    ] = None,
    repository: Annotated[
        str, typer.Option(help="Where the tree will live; makes Argo CD Applications.")
    ] = "",
    options: Options = None,
    json: Json = False,
) -> None:
    """A kustomize base with overlays, and Argo CD Applications."""
    flow = load(file)
    chosen = given(
        options,
        None,
        flow,
        image=image,
        allow_tags=allow_tags,
        claim=claim,
        service_account=service_account,
        schedules=schedule or None,
        repository=repository,
    )
    deliver(flow.to_gitops(**chosen), out, json)


# ---- inside a pod ---------------------------------------------------------------------------------------

Plan = Annotated[Path, typer.Option(help="The pipeline's JSON.")]
Step = Annotated[str, typer.Option(help="Its name.")]
State = Annotated[Path, typer.Option(help="The volume that all pods share.")]
Outputs = Annotated[Path | None, typer.Option(help="Folder for the values that conditions look at.")]
Output = Annotated[list[str] | None, typer.Option(help="Name of one such value.")]
ParametersFile = Annotated[Path | None, typer.Option(help="JSON: an object, or Argo's list.")]
ItemFile = Annotated[Path | None, typer.Option(help="Holds the item of a step with foreach.")]
RunState = Annotated[str, typer.Option(help="For exit steps: how the run went.")]


def in_pod(plan: Path, call: str, parameters: Path | None, item: Path | None, **told: Any) -> None:
    """Exits with the status that says whose fault it was. SIGTERM ends it at once: all that is done is on disk."""
    import whorl

    from ..pipeline import Flow

    text = plan.read_text(encoding="utf-8")
    pod = dict(
        told,
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


def step(
    plan: Plan,
    step: Step,
    run_id: RunId,
    state: State = Path("/whorl/state"),
    parameters: ParametersFile = None,
    item: ItemFile = None,
    run_state: RunState = "",
    outputs: Outputs = None,
    output: Output = None,
) -> None:
    """One attempt of one step, as a pod runs it. Exit status: 1 the code's fault, 85 the world's, 86 a gate's no."""
    in_pod(
        plan,
        "run_pod_step",
        parameters,
        item,
        step=step,
        run_id=run_id,
        run_state=run_state,
        state=state,
        output_folder=outputs or "",
        outputs=output or [],
    )


def gather(
    plan: Plan,
    step: Step,
    run_id: RunId,
    state: State = Path("/whorl/state"),
    parameters: ParametersFile = None,
    run_state: RunState = "",
    outputs: Outputs = None,
    output: Output = None,
) -> None:
    """After the items of a step with foreach: applies its failure policy to their results."""
    in_pod(
        plan,
        "gather_pod_step",
        parameters,
        None,
        step=step,
        run_id=run_id,
        run_state=run_state,
        state=state,
        output_folder=outputs or "",
        outputs=output or [],
    )


def add_to(app: typer.Typer) -> None:
    app.command("to-argo")(to_argo)
    app.command("to-kubernetes")(to_kubernetes)
    app.command("to-gitops")(to_gitops)
    app.command("step", hidden=True)(step)
    app.command("gather", hidden=True)(gather)
