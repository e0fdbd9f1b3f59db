"""`whorl data`: look at rows, clean them, see what would be learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Json, base_folder
from .output import console, emit, errors

app = typer.Typer(help="Look at training data, clean it, see what would be learnt.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="JSONL, JSON, CSV, text, or a folder of these.")]
Format = Annotated[str, typer.Option(help="auto, messages, prompt_completion, alpaca, sharegpt or text.")]
BadRow = Annotated[str, typer.Option(help='"error" stops with every bad row listed; "drop" counts them.')]
SHOWN = 5  # bad rows that are named; all are counted
MaybeBase = Annotated[str | None, typer.Option(help="Count in this model's tokens.")]


def load(path: Path, format: str, on_bad_row: str):
    """Rows that could not be read are named on the error stream, so that none leaves unseen."""
    import whorl

    data = whorl.Dataset.load(path, format=format, on_bad_row=on_bad_row)
    bad = [change for change in data.changes if change.action == "dropped"]
    for change in bad[:SHOWN]:
        errors.print(f"{change.source} dropped: {change.reason}", markup=False, soft_wrap=True)
    if len(bad) > SHOWN:
        errors.print(f"… and {len(bad) - SHOWN} more")
    return data


def show(facts: dict, indent: str = "") -> None:
    for name, value in facts.items():
        if isinstance(value, dict):
            console.print(f"{indent}[bold]{name}[/]")
            show(value, indent + "  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            console.print(f"{indent}[bold]{name}[/]")
            for item in value:
                console.print(f"{indent}  " + ", ".join(f"{k} {v}" for k, v in item.items()), markup=False)
        else:
            console.print(f"{indent}[bold]{name}[/]  {value}")


@app.command()
def describe(
    path: File,
    base: MaybeBase = None,
    format: Format = "auto",
    on_bad_row: BadRow = "drop",
    json: Json = False,
) -> None:
    """Rows, format and why, tokens, the share that is trained, a histogram of lengths."""
    import whorl

    data = load(path, format, on_bad_row)
    facts = data.describe(whorl.Model.load(base_folder(base)) if base else None)
    if json:
        emit(facts)
        return
    console.print(f"[bold]{path}[/]: {len(data)} rows, {data.format} ({data.format_reason})")
    show(facts)


@app.command()
def clean(
    path: File,
    out: Annotated[Path, typer.Option(help="Cleaned rows, one JSON object a line.")],
    deduplicate: Annotated[bool, typer.Option(help="Remove exact and near duplicates.")] = True,
    threshold: Annotated[
        float, typer.Option(help="Jaccard similarity at or above which rows are the same.")
    ] = 0.8,
    pii: Annotated[str, typer.Option(help="mask, drop, report or none.")] = "mask",
    base: MaybeBase = None,
    min_tokens: Annotated[int, typer.Option(help="Needs --base.")] = 1,
    max_tokens: Annotated[int, typer.Option(help="Needs --base; 0 = the model's limit.")] = 0,
    changes: Annotated[
        Path | None, typer.Option(help="Every row not kept as it was, one JSON object a line.")
    ] = None,
    format: Format = "auto",
    on_bad_row: BadRow = "drop",
    json: Json = False,
) -> None:
    """Removes duplicates, masks personal data, limits lengths; accounts for every row."""
    import json as json_module

    import whorl

    data = load(path, format, on_bad_row)
    if deduplicate:
        data = data.deduplicate(threshold=threshold)
    if pii != "none":
        data = data.mask_pii(mode=pii)
    if base:
        data = data.limit_length(
            whorl.Model.load(base_folder(base)), min_tokens=min_tokens, max_tokens=max_tokens
        )
    elif max_tokens:
        raise ValueError("[data clean] --max-tokens counts a model's tokens: name it with --base")
    data.save(out)
    if changes:
        lines = (json_module.dumps(c.to_dict(), ensure_ascii=False) for c in data.changes)
        changes.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    if json:
        emit(data.account() | {"out": str(out)})
        return
    show(data.account())
    console.print(f"{len(data)} rows written to {out}", markup=False)


@app.command()
def preview(
    path: File,
    base: Annotated[str, typer.Option(help="The model whose chat template renders the rows.")] = "demo",
    row: Annotated[int, typer.Option(help="The first row shown.")] = 0,
    rows: Annotated[int, typer.Option(help="How many.")] = 1,
    format: Format = "auto",
    on_bad_row: BadRow = "drop",
    json: Json = False,
) -> None:
    """Rows as the model will read them; what is learnt is green."""
    import whorl

    data = load(path, format, on_bad_row)
    model = whorl.Model.load(base_folder(base))
    shown = [(i, data.preview(model, i)) for i in range(row, min(row + rows, len(data)))]
    if json:
        emit([{"row": i, "source": data[i].source, **p.to_dict()} for i, p in shown])
        return
    from rich.text import Text

    for i, p in shown:
        raw = p.text.encode()
        text, at = Text(), 0
        for begin, end in p.trained:
            text.append(raw[at:begin].decode("utf-8", "replace"))
            text.append(raw[begin:end].decode("utf-8", "replace"), style="bold green")
            at = end
        text.append(raw[at:].decode("utf-8", "replace"))
        console.rule(f"{data[i].source or i}")
        console.print(text)
