"""The live tree of a run: in a terminal, in a notebook, and as plain lines where there is neither."""

from __future__ import annotations

import contextlib
import html
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

MARKS = {
    "waiting": "·",
    "running": "▶",
    "retrying": "↻",
    "succeeded": "✓",
    "failed": "✗",
    "skipped": "–",
    "omitted": "–",
    "cancelled": "■",
}
COLOURS = {
    "waiting": "grey",
    "running": "steelblue",
    "retrying": "darkorange",
    "succeeded": "green",
    "failed": "crimson",
    "skipped": "grey",
    "omitted": "grey",
    "cancelled": "darkorange",
}
RICH = {
    "grey": "bright_black",
    "steelblue": "blue",
    "darkorange": "yellow",
    "green": "green",
    "crimson": "red",
}
MOST_ITEMS = 12  # of a sweep; the rest is counted


class Line:
    """One step or one item of a step."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = "waiting"
        self.attempt = 0
        self.progress = -1.0
        self.begun = self.ended = 0.0
        self.cached = False
        self.message = ""

    def update(self, event: Any) -> None:
        state = {"started": "running", "progress": "running"}.get(event.state, event.state)
        if state == "running" and self.state != "running":
            self.begun = self.begun or event.seconds
        if state not in ("running", "retrying", "waiting"):
            self.ended = event.seconds
        self.state = state
        self.attempt = event.attempt or self.attempt
        self.progress = event.progress if event.state == "progress" else self.progress
        self.cached = self.cached or event.cached
        self.message = event.message or (
            "" if state == "running" and event.state == "started" else self.message
        )

    def note(self) -> str:
        parts = []
        if self.state == "running" and self.progress >= 0:
            parts.append(f"{self.progress:.0%}")
        if self.cached:
            parts.append("from the cache")
        elif self.ended:
            parts.append(duration(self.ended - self.begun))
        if self.attempt > 1:
            parts.append(f"attempt {self.attempt}")
        first = self.message.splitlines()[0] if self.message else ""
        if first and self.state in ("failed", "retrying", "running", "skipped", "cancelled"):
            parts.append(first if len(first) < 100 else first[:99] + "…")
        return ", ".join(parts)


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


class Tree:
    """Steps in the order of the pipeline, items below their step. Fed with events, shown in three ways."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.name = document.get("name", "pipeline")
        self.exits = set(document.get("on_exit", []))
        self.steps = {step["name"]: Line(step["name"]) for step in document.get("steps", [])}
        self.kinds = {step["name"]: step.get("kind", "") for step in document.get("steps", [])}
        self.items: dict[str, dict[int, Line]] = {name: {} for name in self.steps}
        self.run_id, self.state, self.seconds = "", "waiting", 0.0

    def update(self, event: Any) -> None:
        self.run_id = event.run_id or self.run_id
        self.seconds = max(self.seconds, event.seconds)
        if not event.step:
            self.state = "running" if event.state in ("started", "progress") else event.state
            return
        step, _, index = event.step.rpartition(".")
        if step in self.steps and index.isdigit():
            self.items[step].setdefault(int(index), Line(event.step)).update(event)
            self.sum_up(step)
        elif event.step in self.steps:
            self.steps[event.step].update(event)

    def sum_up(self, step: str) -> None:
        """A step with items looks like its busiest or worst item until it says itself how it ended."""
        line, states = self.steps[step], [item.state for item in self.items[step].values()]
        for state in ("running", "retrying", "failed", "cancelled", "succeeded", "skipped", "omitted"):
            if state in states:
                line.state = state
                return

    def rows(self) -> Iterator[tuple[int, Line, str]]:
        """(depth, line, note)"""
        for name, line in self.steps.items():
            items = self.items[name]
            note = line.note()
            if items:
                done = sum(item.state == "succeeded" for item in items.values())
                note = f"{done} of {len(items)} items" + (f", {note}" if note else "")
            yield 0, line, note
            # What runs or failed is looked at first.
            order = sorted(items, key=lambda i: (items[i].state in ("succeeded", "waiting", "skipped"), i))
            for index in sorted(order[:MOST_ITEMS]):
                yield 1, items[index], items[index].note()
            if len(order) > MOST_ITEMS:
                rest = Line(f"{len(order) - MOST_ITEMS} more")
                rest.state = "waiting" if self.state == "running" else "succeeded"
                yield 1, rest, ""

    def title(self) -> str:
        return f"{self.name} {self.run_id}".strip() + (
            f"  {self.state}, {duration(self.seconds)}" if self.run_id else ""
        )

    def text(self) -> str:
        width = max((len(line.name) + 2 * depth for depth, line, _ in self.rows()), default=0)
        lines = [self.title()]
        for depth, line, note in self.rows():
            name = "  " * depth + line.name
            lines.append(f"  {MARKS.get(line.state, '?')} {name:<{width}}  {note}".rstrip())
        return "\n".join(lines)

    def rich(self) -> Any:
        from rich.markup import escape
        from rich.tree import Tree as RichTree

        tree = RichTree(f"[bold]{escape(self.title())}[/]")
        branch = tree
        for depth, line, note in self.rows():
            colour = RICH[COLOURS.get(line.state, "grey")]
            label = f"[{colour}]{MARKS.get(line.state, '?')} {escape(line.name)}[/] [bright_black]{escape(note)}[/]"
            if depth == 0:
                branch = tree.add(label)
            else:
                branch.add(label)
        return tree

    def html(self) -> str:
        """No script, no style outside of itself: safe in a saved notebook."""
        rows = []
        for depth, line, note in self.rows():
            colour = COLOURS.get(line.state, "grey")
            bar = ""
            if line.state == "running" and line.progress >= 0:
                share = min(max(line.progress, 0.0), 1.0)
                bar = f'<progress max="1" value="{share:.3f}" style="width:6em;vertical-align:middle"></progress> '
            rows.append(
                f'<tr><td style="color:{colour};text-align:left;padding-left:{1 + 2 * depth}em">'
                f"{MARKS.get(line.state, '?')} {html.escape(line.name)}</td>"
                f'<td style="text-align:left;color:grey">{html.escape(self.kinds.get(line.name, ""))}</td>'
                f'<td style="text-align:left">{bar}{html.escape(note)}</td></tr>'
            )
        return (
            f'<div style="font-family:monospace"><b>{html.escape(self.title())}</b>'
            f"<table>{''.join(rows)}</table></div>"
        )


def in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    shell = shell.get_ipython() if shell is not None else None
    return shell is not None and hasattr(shell, "kernel")


@contextlib.contextmanager
def watching(document: dict[str, Any], progress: bool | Callable[[Any], Any]) -> Iterator[Any]:
    """The callback for a run, and what it shows meanwhile."""
    if callable(progress):
        yield lambda event: progress(event) is not False
    elif not progress:
        yield None
    elif in_notebook():
        yield _notebook(Tree(document))
    elif sys.stderr.isatty():
        with _terminal(Tree(document)) as callback:
            yield callback
    else:
        yield _lines(Tree(document))


def _notebook(tree: Tree) -> Callable[[Any], bool]:
    from IPython.display import HTML, display

    handle = display(HTML(tree.html()), display_id=True)
    shown = 0.0

    def callback(event: Any) -> bool:
        nonlocal shown
        tree.update(event)
        # Progress comes often; a notebook redraws slowly.
        if event.state != "progress" or time.monotonic() - shown > 0.2:
            shown = time.monotonic()
            handle.update(HTML(tree.html()))
        return True

    return callback


@contextlib.contextmanager
def _terminal(tree: Tree) -> Iterator[Callable[[Any], bool]]:
    from rich.console import Console
    from rich.live import Live

    with Live(tree.rich(), console=Console(stderr=True, highlight=False), refresh_per_second=8) as live:

        def callback(event: Any) -> bool:
            tree.update(event)
            live.update(tree.rich(), refresh=event.state != "progress")
            return True

        yield callback
        live.update(tree.rich(), refresh=True)


def _lines(tree: Tree) -> Callable[[Any], bool]:
    """One line for each change, for logs."""

    def callback(event: Any) -> bool:
        tree.update(event)
        if event.state != "progress":
            name = event.step or tree.name
            note = (
                "from the cache" if event.cached else event.message.splitlines()[0] if event.message else ""
            )
            print(
                f"[{event.seconds:8.1f} s] {name}: {event.state}" + (f" ({note})" if note else ""),
                file=sys.stderr,
            )
        return True

    return callback
