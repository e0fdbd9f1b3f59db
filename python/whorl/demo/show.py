"""How the demo looks in a terminal. It shows what was measured and nothing else."""

from collections.abc import Iterable
from pathlib import Path

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

import whorl
from whorl.demo.report import METRICS
from whorl.demo.settings import AdapterPlan


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", header_style="dim"
    )
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    return table


def welcome(console: Console, base: whorl.Model, seed: int) -> None:
    lines = Text()
    lines.append("A support assistant learns to call tools\n", style="bold")
    size = f"{base.parameter_count / 1e6:.2f} million weights in {base.config.torch_dtype}"
    lines.append(f"Whorl {whorl.__version__} on {base.device}, seed {seed}\n", style="dim")
    lines.append(f"Base: {size}, trained by Whorl itself; it has never seen a support tool.", style="dim")
    console.print(Panel(lines, box=box.ROUNDED, expand=False, border_style="cyan"))


def step(console: Console, number: int, what: str) -> None:
    console.print()
    console.rule(f"[bold cyan]{number}[/]  {what}", align="left", style="cyan")


def account(console: Console, told: dict, changes: list[dict]) -> None:
    """Every row kept, changed or dropped, and why. `told` is report.data_entry."""
    table = _table("step", "dropped", "changed", "why")
    table.columns[3].justify, table.columns[3].no_wrap = "left", False
    for entry in told["account"]["steps"]:
        reasons = ", ".join(f"{n} x {reason}" for reason, n in entry.get("reasons", {}).items())
        table.add_row(entry["step"], str(entry["dropped"]), str(entry["changed"]), reasons or "-")
    console.print(table)
    for change in _one_of_each(changes):
        told_why = f"  {change['source']} {change['action']}: {change['reason']}"
        console.print(Text(told_why, style="dim", no_wrap=True, overflow="ellipsis"))
    console.print(f"  [dim]… all {len(changes)} of them in data/changes.jsonl[/]\n")
    read, kept = told["account"]["read"], told["account"]["kept"]
    console.print(
        f"read {read}, kept {kept}: {told['train_rows']} to train on, {told['validation_rows']} to validate"
    )
    planted = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in told["planted"].items())
    console.print(f"[dim]put in on purpose: {planted}[/]")
    leaked = len(told["test_values_in_training"]) + len(told["test_phrasings_in_training"])
    console.print(
        f"held out: {told['test_rows']} rows; of their phrasings and values in training: "
        + (f"[red]{leaked}[/]" if leaked else "[green]none[/]")
    )


def _one_of_each(changes: list[dict]) -> list[dict]:
    """The first change of every step and kind, to show what they look like."""
    first: dict[tuple[str, str], dict] = {}
    for change in changes:
        first.setdefault((change["step"], change["reason"].split()[0]), change)
    return list(first.values())[:8]


def _example(row: whorl.Row) -> Text:
    call = row.messages[1].tool_calls[0]
    return Text.assemble(
        ("customer   ", "dim"),
        row.messages[0].content,
        ("\nassistant  ", "dim"),
        (f"{call.name} {call.arguments}", "green"),
    )


def example(console: Console, data: whorl.Dataset) -> None:
    console.print(
        Panel(_example(data[0]), title="a training row", title_align="left", box=box.ROUNDED, expand=False)
    )


class TrainingView:
    """One line an adapter, renewed at every step."""

    def __init__(self, plans: Iterable[AdapterPlan]) -> None:
        self._plans = list(plans)
        self._last: dict[str, dict] = {}

    def update(self, progress: dict) -> None:
        """The details of a progress event: the fields of whorl.Progress."""
        self._last[progress["name"]] = progress

    def __rich__(self) -> Table:
        table = _table("adapter", "rate", "step", "loss", "valid.", "tokens/s", "left")
        for plan in self._plans:
            table.add_row(f"[bold]{plan.name}[/]", f"{plan.learning_rate:g}", *self._cells(plan.name))
        table.caption, table.caption_justify = "tokens/s: all adapters together", "left"
        return table

    def _cells(self, name: str) -> list[str]:
        if name not in self._last:
            return ["-"] * 5
        p = self._last[name]
        validation = "-" if p["validation_loss"] is None else f"{p['validation_loss']:.4f}"
        return [
            f"{p['step']}/{p['total_steps']}", f"{p['loss']:.4f}", validation,
            f"{p['tokens_per_second'] or 0:,.0f}", f"{p['seconds_left'] or 0:.0f} s",
        ]  # fmt: skip


def _percent(score: dict) -> str:
    return f"{100 * score['value']:5.1f} % ± {100 * score['stderr']:.1f}"


def scores(console: Console, entries: list[dict], winner: str) -> None:
    table = _table("", "rank", "function name", "name and arguments", "rows")
    for entry in entries:
        best = entry["name"] == winner
        name = f"[bold green]{entry['name']} ◂ best[/]" if best else entry["name"]
        cells = [_percent(entry[metric]) for metric in METRICS]
        table.add_row(name, str(entry["rank"] or "-"), *cells, str(entry[METRICS[0]]["n"]))
    console.print(table)


class BatchView:
    """The rows of one batch while they are being written."""

    def __init__(self, rows: list[tuple[str, str]]) -> None:
        self._rows = rows
        self._texts = [""] * len(rows)
        self._served = [""] * len(rows)

    def add(self, i: int, event: whorl.StreamEvent) -> None:
        self._texts[i] += event.text
        if event.finished and event.result is not None:
            self._served[i] = event.result.adapter or "no adapter"

    def __rich__(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, header_style="dim", show_lines=True)
        table.add_column("served by", no_wrap=True)
        table.add_column("customer, and the answer as it is written", overflow="fold")
        for (adapter, said), text, served in zip(self._rows, self._texts, self._served, strict=True):
            style = "yellow" if adapter == "" else "green"
            table.add_row(
                Text(served or adapter or "no adapter", style=style),
                Text.assemble((said + "\n", "dim"), (text, style)),
            )
        return table


def gate(console: Console, told: dict, max_p: float) -> None:
    rows = ", ".join(
        f"{told[key]} {word}" for key, word in (("wins", "better"), ("losses", "worse"), ("ties", "the same"))
    )
    console.print(
        f"[bold]{told['candidate']}[/] against the base: {rows}; paired permutation test p = {told['p']:.2g}, "
        f"wanted at most {max_p:g}: [green]passes[/]"
    )


def rejected(console: Console, why: str) -> None:
    console.print(f"[red]rejected[/], nothing is published: {why}")


def guard_check(console: Console, told: dict) -> None:
    console.print(
        f"the guardrails on {told['rows']} labelled messages: {told['blocked']} blocked, {told['changed']} masked; "
        f"precision {told['precision']:.2f}, recall {told['recall']:.2f}"
    )


def published(console: Console, told: dict) -> None:
    console.print(f"[bold]published {told['reference']}[/]")
    console.print(f"[dim]sha256 {told['digest']}[/]")


def answered(console: Console, when: str, by: str, text: str) -> None:
    console.print(Text.assemble((f"{when}  ", "dim"), (by, "bold"), ("  ", ""), (text, "green")))


def served(console: Console, answers: list[whorl.GenerateResult], seconds: float) -> None:
    tokens = sum(answer.completion_tokens for answer in answers)
    first = max(answer.seconds_to_first_token for answer in answers)
    told = f"{len(answers)} rows, {tokens} tokens in {1000 * seconds:.0f} ms; every first token within {1000 * first:.0f} ms"
    console.print(f"\n[dim]{told}[/]")


def guarded(console: Console, case: dict) -> None:
    """One customer before the guard."""
    colour = {"allowed": "green", "changed": "yellow", "blocked": "red"}[case["status"]]
    lines = Text.assemble((f"{case['why']}\n", "dim"), ("customer   ", "dim"), case["customer"])
    if case["seen"] != case["customer"]:
        lines.append("\nmodel sees ", style="dim")
        lines.append(case["seen"] or "nothing")
    lines.append("\nassistant  ", style="dim")
    lines.append(case["released"], style="green")
    if case["refusal"]:
        lines.append(f"{' ▮ ' if case['released'] else ''}{case['refusal']}", style="red")
    for decision in case["decisions"]:
        if decision["verdict"] != "allowed":
            what = ", ".join(sorted({span["rule"] for span in decision["spans"]}))
            lines.append(f"\n{decision['rail']}: {decision['flow']}: {decision['verdict']}", style=colour)
            lines.append(f"  {what or decision['reason']}", style="dim")
    console.print(Panel(lines, box=box.ROUNDED, expand=False, border_style=colour))


def argo(console: Console, manifests: list, shown: str, path: str) -> None:
    """The workflow's own steps, out of its template."""
    kinds = ", ".join(f"{manifest.kind} {manifest.name}" for manifest in manifests)
    console.print(f"{kinds}: all of it in {path}\n")
    console.print(Text(shown, style="dim"))


def end(console: Console, out: Path, seconds: float) -> None:
    console.print()
    console.print(
        Text.assemble(
            (str(out / "report.html"), "bold"),
            ", ",
            (str(out / "report.json"), "bold"),
            " and ",
            (str(out / "loss.png"), "bold"),
            f" written; the demo took {seconds:.0f} s.",
        )
    )
