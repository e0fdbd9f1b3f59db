"""report.html: the whole run on one page, without a script and without anything fetched."""

import math
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import whorl
from whorl.demo.report import METRICS

COLOURS = ("#3a86c8", "#d1752b", "#2a9d5c", "#8a5fbf", "#c0504d")
STYLE = """
:root{color-scheme:light dark;--line:#8884;--dim:#777;--good:#2a9d5c;--bad:#d1495b;--warm:#b7791f}
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .5rem}p{margin:.4rem 0}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--dim);font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
code,pre{font:12.5px/1.45 ui-monospace,monospace;overflow-wrap:anywhere}pre{background:#8881;padding:.7rem;max-height:24rem;overflow:auto}
.dim{color:var(--dim)}.good,.allowed,.succeeded{color:var(--good)}.bad,.blocked,.failed{color:var(--bad)}.changed{color:var(--warm)}
.best td{background:#2a9d5c14}svg{width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:currentColor}
.chain{display:flex;flex-wrap:wrap;gap:.6rem}.chain div{border:1px solid var(--line);border-radius:.5rem;padding:.5rem .8rem;flex:1 1 14rem}
"""


def write(told: dict, result: whorl.PipelineResult, path: Path) -> None:
    parts = [
        _head(told),
        _section("Scores on rows that training never saw", _scores(told)),
        _section("Loss", _losses(told["loss_curves"])),
        _section("The gate", _gate(told)),
        _section("Before and after", _samples(told["samples"])),
        _section("Guardrails", _guard(told)),
        _section("Lineage", _lineage(told["lineage"])),
        _section("Data", _data(told["data"])),
        _section("The pipeline", _steps(result)),
        _section("The same pipeline for Argo", _argo(told["argo"])),
    ]
    title = "A support assistant learns to call tools"
    text = (
        f'<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style><h1>{title}</h1>{''.join(parts)}</html>\n"
    )
    path.write_text(text, encoding="utf-8")


def _section(title: str, body: str) -> str:
    return f"<h2>{escape(title)}</h2>{body}" if body else ""


def _table(head: Iterable[str], rows: Iterable[tuple[Any, ...]], classes: Iterable[str] = ()) -> str:
    """Cells that begin with "#" are numbers; a Raw cell is HTML already."""

    def cell(tag: str, value: Any) -> str:
        number = isinstance(value, str) and value.startswith("#")
        text = value if isinstance(value, Raw) else escape(str(value)[1:] if number else str(value))
        return f"<{tag} class=n>{text}</{tag}>" if number else f"<{tag}>{text}</{tag}>"

    rows = list(rows)
    marks = list(classes) or [""] * len(rows)
    body = "".join(
        f"<tr class='{mark}'>{''.join(cell('td', c) for c in row)}</tr>"
        for row, mark in zip(rows, marks, strict=True)
    )
    return f"<table><tr>{''.join(cell('th', h) for h in head)}</tr>{body}</table>"


class Raw(str):
    """Text that is HTML."""


def _span(kind: str, text: str) -> Raw:
    return Raw(f'<span class="{kind}">{escape(text)}</span>')


def _code(text: str) -> Raw:
    return Raw(f"<code>{escape(text)}</code>")


def _head(told: dict) -> str:
    versions, published = told["versions"], told["published"]
    outcome = (
        f"published {published['name']}@{published['version']}"
        if published
        else "rejected, nothing was published"
    )
    return (
        f"<p class=dim>Whorl {escape(versions['whorl'])} on {escape(versions['device'])}, seed {told['seed']}, "
        f"{told['timings']['total_seconds']:.0f} s</p><p><b>{escape(outcome)}</b></p>"
    )


def _percent(score: dict) -> str:
    return f"#{100 * score['value']:.1f} % ± {100 * score['stderr']:.1f}"


def _scores(told: dict) -> str:
    best = told["gate"]["candidate"]
    entries = [told["base"], *told["adapters"]]
    rows = [
        (
            entry["name"],
            f"#{entry['rank'] or '–'}",
            *(_percent(entry[metric]) for metric in METRICS),
            f"#{entry[METRICS[0]]['n']}",
            Raw(_bar(entry[METRICS[1]])),
        )
        for entry in entries
    ]
    head = ("", "#rank", "#function name", "#name and arguments", "#rows", "name and arguments, 95 %")
    return _table(head, rows, ["best" if e["name"] == best else "" for e in entries])


def _bar(score: dict) -> str:
    """Value and 95 % interval on a line from 0 to 1."""
    value, half = 240 * score["value"], 240 * 1.96 * score["stderr"]
    low, high = max(0.0, value - half), min(240.0, value + half)
    return (
        f'<svg viewBox="0 0 250 16" style="width:16rem" role=img aria-label="{score["value"]:.3f}">'
        f'<path stroke="#8886" d="M5 8H245"/><path stroke="{COLOURS[0]}" stroke-width=3 d="M{5 + low:.1f} 8H{5 + high:.1f}"/>'
        f'<circle cx="{5 + value:.1f}" cy=8 r=5 fill="{COLOURS[0]}"/></svg>'
    )


def _losses(curves: dict[str, dict]) -> str:
    """Loss on a logarithmic scale: lines are training, dots validation."""
    values = [v for c in curves.values() for v in (*c["loss"], *c["validation_loss"]) if v and v > 0]
    if not values:
        return ""
    low, high = math.log10(min(values)), math.log10(max(values))
    last = max(max(c["step"]) for c in curves.values())

    def x(step: float) -> float:
        return 60 + 680 * step / last

    def y(loss: float) -> float:
        return 20 + 240 * (high - math.log10(max(loss, 1e-12))) / max(high - low, 1e-9)

    drawn = []
    for exponent in range(math.floor(low), math.ceil(high) + 1):
        if low <= exponent <= high:
            at = y(10.0**exponent)
            drawn.append(f'<path stroke="#8884" d="M60 {at:.1f}H740"/><text x=8 y={at + 4:.1f}>{10.0**exponent:g}</text>')  # fmt: skip
    for i, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        line = " ".join(
            f"{x(s):.1f},{y(v):.1f}" for s, v in zip(curve["step"], curve["loss"], strict=True) if v
        )
        drawn.append(f'<polyline fill=none stroke="{colour}" stroke-opacity=.6 points="{line}"/>')
        for s, v in zip(curve["validation_step"], curve["validation_loss"], strict=True):
            drawn.append(f'<circle cx={x(s):.1f} cy={y(v):.1f} r=4 fill="{colour}"/>')
        drawn.append(
            f'<text x={600} y={34 + 18 * i} style="fill:{colour};font-weight:600">{escape(name)}</text>'
        )
    axis = f"<text x=60 y=282>optimizer step 0</text><text x=740 y=282 text-anchor=end>{last}</text>"
    return (
        f'<svg viewBox="0 0 760 290" role=img aria-label="loss by step">{"".join(drawn)}{axis}</svg>'
        "<p class=dim>Loss per trained token, logarithmic; lines are training, dots are validation.</p>"
    )


def _gate(told: dict) -> str:
    gate = told["gate"]
    if not gate["passed"]:
        return f"<p class=bad>Rejected: {escape(gate.get('message', ''))}</p>"
    return (
        f"<p><b class=good>{escape(gate['candidate'])} passes.</b> Against the base, row by row: {gate['wins']} better, "
        f"{gate['losses']} worse, {gate['ties']} the same. Paired permutation test: p = {gate['p']:.2g}.</p>"
    )


def _samples(samples: list[dict]) -> str:
    rows = [
        (
            s["customer"],
            _code(s["before"] or "(nothing)"),
            Raw(f"<code class={'good' if s['after_right'] else 'bad'}>{escape(s['after'])}</code>"),
        )
        for s in samples
    ]
    return _table(("customer", "the base", "the best adapter"), rows)


def _guard(told: dict) -> str:
    check = told["guard_check"]
    first = ""
    if check:
        first = (
            f"<p>Before publishing, on {check['rows']} labelled messages: {check['blocked']} blocked, {check['changed']} masked, "
            f"precision {check['precision']:.2f}, recall {check['recall']:.2f}.</p>"
        )
    rows = []
    for case in told["guard"]:
        decisions = "<br>".join(
            f'<span class="{d["verdict"]}">{escape(d["verdict"])}</span> {escape(d["rail"])}: {escape(d["flow"])} '
            f"<span class=dim>{escape(', '.join(sorted({s['rule'] for s in d['spans']})) or d['reason'])}</span>"
            for d in case["decisions"]
            if d["verdict"] != "allowed"
        )
        answer = f"<code>{escape(case['released'])}</code>" if case["released"] else ""
        if case["refusal"]:
            answer += f" <span class=bad>{escape(case['refusal'])}</span>"
        seen = case["seen"] if case["seen"] != case["customer"] else ""
        said = escape(case["customer"]) + (
            f"<br><span class=dim>the model sees: {escape(seen)}</span>" if seen else ""
        )
        rows.append(
            (Raw(said), Raw(answer), Raw(decisions or "<span class=allowed>allowed</span>"), f"#{case['input_milliseconds']:.2f}")
        )  # fmt: skip
    return first + (_table(("customer", "what left", "decisions", "#input rails, ms"), rows) if rows else "")


def _lineage(lines: list[dict]) -> str:
    made = []
    for line in lines:
        source = f"<br><span class=dim>from {escape(', '.join(line['from']))}</span>" if line["from"] else ""
        digest = f"<br><code>{escape(line['digest'])}</code>" if line["digest"] else ""
        made.append(f"<div><b>{escape(line['what'])}</b>{source}{digest}</div>")
    return f"<div class=chain>{''.join(made)}</div>"


def _data(data: dict) -> str:
    account = data["account"]
    rows = [
        (
            step["step"],
            f"#{step['dropped']}",
            f"#{step['changed']}",
            ", ".join(f"{n} × {reason}" for reason, n in step.get("reasons", {}).items()),
        )
        for step in account["steps"]
    ]
    told = (
        f"<p>Read {account['read']} rows, kept {account['kept']}: {data['train_rows']} to train on, "
        f"{data['validation_rows']} to validate; {data['test_rows']} put aside to test.</p>"
    )
    return told + _table(("step", "#dropped", "#changed", "why"), rows)


def _steps(result: whorl.PipelineResult) -> str:
    rows = [
        (step.name, step.kind, _span(step.state, step.state), f"#{step.seconds:.2f} s", step.message[:200])
        for step in result.steps
    ]
    return (
        f"<p class=dim>run {escape(result.run_id)}, plan <code>{escape(result.digest[:16])}</code></p>"
        + _table(("step", "kind", "state", "#time", ""), rows)
    )


def _argo(text: str) -> str:
    return f"<details><summary>{len(text.splitlines())} lines of YAML</summary><pre>{escape(text)}</pre></details>"
