"""The demo from beginning to end."""

import random
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live

import whorl
from whorl.demo import BASE, data, report, show
from whorl.demo.settings import PUBLISHED_NAME, Settings

GREEDY = {"max_new_tokens": 96}


class Clock:
    """Seconds of each part, for the report."""

    def __init__(self) -> None:
        self.start = self.last = time.perf_counter()
        self.parts: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.parts[f"{name}_seconds"] = round(now - self.last, 3)
        self.last = now

    def total(self) -> float:
        return time.perf_counter() - self.start


def tell(out: Path, seed: int, settings: Settings, console: Console | None = None) -> dict:
    console = console or Console()
    clock = Clock()
    base = whorl.Model.load(BASE)
    show.welcome(console, base, seed)
    clock.lap("load")

    show.step(console, 1, "Data: a support desk's raw export, cleaned")
    files = data.write(out / "data", seed, settings.train_rows, settings.test_rows)
    prepared = data.prepare(files, base, seed)
    show.account(console, prepared)
    show.example(console, prepared.train)
    clock.lap("data")

    show.step(console, 2, "Training: three adapters in one pass over one frozen base")
    runs = train(base, prepared, settings, seed, console)
    clock.lap("train")

    store = whorl.AdapterStore(out / "store")
    with whorl.InferenceEngine(base, store) as engine:
        show.step(console, 3, "Scores on sentences and values that training never saw")
        results = evaluate(engine, prepared.test, runs)
        entries = [
            report.adapter_entry(p, r, s)
            for p, r, s in zip(settings.adapters, runs, results[1:], strict=True)
        ]
        base_entry = {"name": "base", "rank": 0, **report.scores(results[0])}
        best = winner(entries)
        show.scores(console, [base_entry, *entries], entries[best]["name"])
        clock.lap("evaluate")

        show.step(console, 4, "Publishing: the running engine picks the winner up")
        version = publish(store, engine, runs[best], entries[best], prepared.test[0], console)
        clock.lap("publish")

        show.step(console, 5, "Serving: one batch, every row another adapter, one none")
        others = [run.name for i, run in enumerate(runs) if i != best]
        serve(engine, prepared.test, ["", *others, PUBLISHED_NAME], seed, console)
        clock.lap("serve")

    told = {
        "seed": seed,
        "versions": report.versions(base),
        "base": base_entry,
        "adapters": entries,
        "loss_curves": {run.name: report.curves(run) for run in runs},
        "data": report.data_entry(prepared),
        "published": {"name": version.name, "version": version.version, "digest": version.digest},
    }
    report.draw_losses(told["loss_curves"], out / "loss.png")
    clock.lap("report")
    told["timings"] = {**clock.parts, "total_seconds": round(clock.total(), 3)}
    report.write_json(told, out / "report.json")
    show.end(console, out, clock.total())
    return told


def train(
    base: whorl.Model, prepared: data.Prepared, settings: Settings, seed: int, console: Console
) -> list[whorl.TrainResult]:
    options = [plan.options() for plan in settings.adapters]
    trainer = whorl.Trainer(base, options, **settings.training(seed))
    view = show.TrainingView(settings.adapters)
    with Live(view, console=console, refresh_per_second=8):
        return trainer.fit(prepared.train, prepared.valid, view.update)


def evaluate(
    engine: whorl.InferenceEngine, test: whorl.Dataset, runs: list[whorl.TrainResult]
) -> list[whorl.EvaluateResult]:
    """The base and every adapter on the same rows, all in one batch."""
    for run in runs:
        engine.add_adapter(run.name, run.adapter)
    names = ["", *(run.name for run in runs)]
    return whorl.Evaluator(engine).run(test, names, sampling=whorl.SamplingOptions(**GREEDY))


def winner(entries: list[dict]) -> int:
    """The best by whole calls, then by names; of equals the smallest."""

    def merit(i: int) -> tuple[float, float, int]:
        whole, name = (entries[i][metric]["value"] for metric in reversed(report.METRICS))
        return whole, name, -entries[i]["rank"]

    return max(range(len(entries)), key=merit)


def ask(engine: whorl.InferenceEngine, row: whorl.Row) -> tuple[str, str]:
    """Who answers for the published name now, and what; or that there is nobody yet."""
    try:
        answer = engine.generate([row.messages[0]], tools=row.tools, adapter=PUBLISHED_NAME, **GREEDY)
    except ValueError as error:
        return "refused", str(error)
    return answer.adapter, answer.text


def publish(
    store: whorl.AdapterStore,
    engine: whorl.InferenceEngine,
    run: whorl.TrainResult,
    entry: dict,
    row: whorl.Row,
    console: Console,
) -> whorl.AdapterVersion:
    """Durable when publish() returns; the engine that has been running all along finds it at the next request."""
    show.answered(console, "before", *ask(engine, row))
    metadata = {
        "trained_as": run.name,
        **{metric: f"{entry[metric]['value']:.4f}" for metric in report.METRICS},
    }
    version = store.publish(PUBLISHED_NAME, run.adapter, metadata=metadata)
    show.published(console, version)
    show.answered(console, "after ", *ask(engine, row))
    return version


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
