"""What a run of pipeline.yaml looks like in the terminal, step by step, as its events come."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.live import Live

import whorl
from whorl.demo import report, show
from whorl.demo.settings import Settings


class Follower:
    """A callback of Pipeline.run. `outputs` fills with what the steps leave behind; a sweep's are a list."""

    def __init__(self, console: Console, settings: Settings, ask: Callable[[Path], tuple[str, str]]) -> None:
        self.console, self.settings, self.ask = console, settings, ask
        self.outputs: dict[str, dict] = {}
        self.sweep: list[dict | None] = [None] * len(settings.adapters)
        self.seconds: dict[str, float] = {}
        self.rejected = ""
        self._before = ("", "")
        self._view = show.TrainingView(settings.adapters)
        self._live: contextlib.ExitStack | None = None

    def __call__(self, event: whorl.PipelineEvent) -> None:
        step, _, item = event.step.partition(".")
        if event.state == "progress":
            if step == "sweep":
                self._view.update(event.details)
            return
        if event.state == "succeeded" and step:
            if item:
                self.sweep[int(item)] = event.details
            else:
                self.outputs[step] = event.details
        if event.state == "failed" and step in ("gate", "guard"):
            self.rejected = event.message
        self.seconds[step] = event.seconds
        told = getattr(self, f"_{step}_{event.state}", None)
        if told:
            told()

    def close(self) -> None:
        if self._live:
            self._live.close()
            self._live = None
            self.console.print()

    # ---- one method for what is shown when a step begins or ends ------------------------------------------
    def _export_started(self) -> None:
        show.step(self.console, 1, "Data: a support desk's raw export, cleaned")

    def _leaks_succeeded(self) -> None:
        curated = self.outputs["curate"]
        train = whorl.Dataset.load(path_of(curated["train"]))
        show.account(self.console, report.data_entry(self.outputs), read_json(curated["account"])["changes"])
        show.example(self.console, train)

    def _sweep_started(self) -> None:
        if self._live is None:
            show.step(self.console, 2, "Training: three adapters in one pass over one frozen base")
            self._live = contextlib.ExitStack()
            self._live.enter_context(Live(self._view, console=self.console, refresh_per_second=8))

    def _sweep_succeeded(self) -> None:
        if None not in self.sweep:
            self.close()

    def _score_started(self) -> None:
        show.step(self.console, 3, "Scores on sentences and values that training never saw")

    def _score_succeeded(self) -> None:
        entries = report.entries(self.settings, self.sweep, self.outputs["score"])
        show.scores(self.console, entries, self.outputs["score"]["best_name"])

    def _gate_started(self) -> None:
        show.step(self.console, 4, "The gate: is the winner better than the base, row by row?")

    def _gate_succeeded(self) -> None:
        show.gate(self.console, self.outputs["gate"], self.settings.max_p)
        # Asked here: once publishing has begun, it may be done before its event is heard.
        self._before = self.ask(path_of(self.outputs["export"]["test"]))

    def _gate_failed(self) -> None:
        show.rejected(self.console, self.rejected)

    def _publish_started(self) -> None:
        if "guard" in self.outputs:
            show.guard_check(self.console, self.outputs["guard"])
        show.step(
            self.console, 5, "Publishing: the engine that has been running all along picks the winner up"
        )
        show.answered(self.console, "before", *self._before)

    def _publish_succeeded(self) -> None:
        show.published(self.console, self.outputs["publish"])
        show.answered(self.console, "after ", *self.ask(path_of(self.outputs["export"]["test"])))


def path_of(artifact: dict) -> Path:
    return Path(artifact["path"])


def read_json(artifact: dict) -> dict:
    return json.loads(path_of(artifact).read_text(encoding="utf-8"))
