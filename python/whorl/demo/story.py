"""The demo from beginning to end: a pipeline, and then what its published adapter does."""

import json
import random
import shutil
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live

import whorl
from whorl import pipeline
from whorl.demo import BASE, guarded, page, report, show
from whorl.demo.follow import Follower, path_of, read_json
from whorl.demo.settings import PUBLISHED_NAME, Settings

GREEDY = {"max_new_tokens": 96}
PIPELINE = Path(__file__).parent / "pipeline.yaml"
# Of no registry: the manifests are printed, not sent. Write your own image's digest here.
IMAGE = "registry.example/whorl@sha256:" + 64 * "0"


def tell(out: Path, seed: int, settings: Settings, console: Console | None = None) -> dict:
    console = console or Console()
    begin = time.perf_counter()
    base = whorl.Model.load(BASE)
    show.welcome(console, base, seed)
    store = whorl.AdapterStore(out / "store")
    with whorl.InferenceEngine(base, store) as engine:
        follower = Follower(console, settings, lambda test: ask(engine, whorl.Dataset.load(test)[0]))
        result = run(out, seed, settings, follower)
        told = told_by(base, settings, seed, follower)
        keep_data(out / "data", follower.outputs)
        if told["published"]:
            use(console, engine, settings, follower, told, seed)
    show_argo(console, out, settings, seed, told)
    report.draw_losses(told["loss_curves"], out / "loss.png")
    told["timings"] = timings(result, time.perf_counter() - begin)
    report.write_json(told, out / "report.json")
    page.write(told, result, out / "report.html")
    show.end(console, out, told["timings"]["total_seconds"])
    return told


def run(out: Path, seed: int, settings: Settings, follower: Follower) -> whorl.PipelineResult:
    """Everything up to the published adapter. A gate that rejects is a result; any other failure is an error."""
    flow = pipeline.load(PIPELINE)
    try:
        result = flow.run(
            progress=follower,
            folder=out / "pipeline",
            resume=False,
            cache=False,  # the demo is to be seen, every time
            base=str(BASE),
            store=str((out / "store").absolute()),
            **settings.parameters(seed),
        )
    finally:
        follower.close()
    if result.state != "succeeded" and not follower.rejected:
        failed = "; ".join(f"{step.name}: {step.message}" for step in result.steps if step.state == "failed")
        raise RuntimeError(f"[demo] the pipeline {result.state}: {failed}")
    return result


def told_by(base: whorl.Model, settings: Settings, seed: int, follower: Follower) -> dict:
    """The report, but for what comes after the pipeline."""
    outputs = follower.outputs
    entries = report.entries(settings, follower.sweep, outputs["score"])
    best = outputs["score"]["best_name"]
    gate = outputs.get("gate") or {"passed": False, "candidate": best, "message": follower.rejected}
    published = outputs.get("publish")
    told = {
        "seed": seed,
        "versions": report.versions(base),
        "base": entries[0],
        "adapters": entries[1:],
        "loss_curves": {run["name"]: report.curves(run) for run in follower.sweep},
        "data": report.data_entry(outputs),
        "gate": gate,
        "guard_check": {k: v for k, v in outputs.get("guard", {}).items() if k != "decisions"},
        "published": {k: published[k] for k in ("name", "version", "digest")} if published else None,
        "samples": report.samples(outputs["score"], best),
        "guard": [],
    }
    told["lineage"] = report.lineage(base, told)
    return told


def use(
    console: Console,
    engine: whorl.InferenceEngine,
    settings: Settings,
    follower: Follower,
    told: dict,
    seed: int,
) -> None:
    """One batch of all adapters, and the published one behind its guard."""
    show.step(console, 6, "Serving: one batch, every row another adapter, one none")
    others = []
    for run in follower.sweep:
        if run["name"] != follower.outputs["score"]["best_name"]:
            engine.add_adapter(run["name"], whorl.Adapter.load(path_of(run["adapter"])))
            others.append(run["name"])
    test = whorl.Dataset.load(path_of(follower.outputs["export"]["test"]))
    serve(engine, test, ["", *others, PUBLISHED_NAME], seed, console)
    show.step(console, 7, "Guardrails: at the door, on what the model reads, and in mid-sentence")
    told["guard"] = guarded.show_cases(engine)
    for case in told["guard"]:
        show.guarded(console, case)


def show_argo(console: Console, out: Path, settings: Settings, seed: int, told: dict) -> None:
    """The same pipeline for a cluster: printed, and kept beside the report."""
    show.step(console, 8, "The same pipeline, for Kubernetes: its Argo workflow")
    parameters = {"base": "/mnt/base", "store": "/mnt/store", **settings.parameters(seed)}
    manifests = pipeline.load(PIPELINE).to_argo(image=IMAGE, parameters=parameters)
    text = "---\n".join(manifest.yaml for manifest in manifests)
    (out / "argo.yaml").write_text(text, encoding="utf-8")
    template = json.loads(manifests[0].json)
    show.argo(console, manifests, dag(template), str(out / "argo.yaml"))
    told["argo"] = text


def dag(template: dict) -> str:
    """The tasks of a WorkflowTemplate, one a line, as its YAML says them."""
    found = next(t["dag"]["tasks"] for t in template["spec"]["templates"] if "dag" in t)
    lines = []
    for task in found:
        needs = task.get("depends") or ", ".join(task.get("dependencies", []))
        line = f"- name: {task['name']}"
        line += f"   depends: {needs}" if needs else ""
        line += f"   withParam: {task['withParam']}" if "withParam" in task else ""
        lines.append(line)
    return "\n".join(lines)


def keep_data(folder: Path, outputs: dict[str, dict]) -> None:
    """What went in and what was changed, where a reader looks for it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("raw", "test"):
        source = path_of(outputs["export"][name])
        shutil.copyfile(source, folder / source.name)
    changes = read_json(outputs["curate"]["account"])["changes"]
    lines = "".join(json.dumps(change, ensure_ascii=False) + "\n" for change in changes)
    (folder / "changes.jsonl").write_text(lines, encoding="utf-8")


def timings(result: whorl.PipelineResult, total: float) -> dict[str, float]:
    seconds: dict[str, float] = {}
    for step in result.steps:
        name = f"{step.step.replace('-', '_')}_seconds"
        seconds[name] = max(seconds.get(name, 0.0), round(step.seconds, 3))
    return {**seconds, "pipeline_seconds": round(result.seconds, 3), "total_seconds": round(total, 3)}


def ask(engine: whorl.InferenceEngine, row: whorl.Row) -> tuple[str, str]:
    """Who answers for the published name now, and what; or that there is nobody yet."""
    try:
        answer = engine.generate([row.messages[0]], tools=row.tools, adapter=PUBLISHED_NAME, **GREEDY)
    except ValueError as error:
        return "refused", str(error)
    return answer.adapter, answer.text


def serve(
    engine: whorl.InferenceEngine, test: whorl.Dataset, adapters: list[str], seed: int, console: Console
) -> list[whorl.GenerateResult]:
    """Submits all requests at once, so that they share every step of the engine.

    The first and the last adapter get the same customer, to see what training has changed.
    """
    drawn = random.Random(f"serve {seed}").sample(range(len(test)), len(adapters) - 1)
    rows = [test[i] for i in [*drawn, drawn[0]]]
    view = show.BatchView([(name, row.messages[0].content) for name, row in zip(adapters, rows, strict=True)])
    start = time.perf_counter()
    with Live(view, console=console, refresh_per_second=30):
        running = [
            engine.submit(
                [row.messages[0]],
                lambda event, i=i: view.add(i, event),
                tools=row.tools,
                adapter=name,
                **GREEDY,
            )
            for i, (name, row) in enumerate(zip(adapters, rows, strict=True))
        ]
        answers = [each.wait()[0] for each in running]
        seconds = time.perf_counter() - start
    show.served(console, answers, seconds)
    return answers
