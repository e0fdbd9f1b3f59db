"""The model card: what the base is, how it is made again, and what it was measured to do."""

from pathlib import Path

import whorl

TEXT = """\
# The base model of `whorl demo`

A Llama of {parameters:,} parameters with a byte-level BPE tokenizer of its own and a chat template with tools. Whorl
trained all its weights from random ones on generated conversations; nothing in it comes from anywhere else.
Apache-2.0, like Whorl.

    python recipes/base/make_base.py --seed {seed} --rows {rows} --out build/demo_base

makes it again: {steps} steps, {tokens:,} tokens, last validation loss {loss:.4f}.

## What it has seen, and what not

- Chats in which a tool is **named** by the user, with values to copy; facts to recall, to extract and to write as JSON;
  things to repeat; and what customers' messages are about, in words ("Where a delivery is.").
- None of the demo's ten support tools. The words of their names occur, in other names (`track_tent`, `paint_order`).
- None of the demo's sentences, neither those of its training rows nor those of its test, and no value of the test.

## What it does

Greedy answers on fresh rows of every kind, and the demo's held-out customers:

| rows | score | value | n |
|---|---|---|---|
{table}

It is made to be small. It knows no facts, speaks only the English of its corpus, and invents answers to anything else.
"""


def write(folder: Path, rows: int, seed: int, last: whorl.Progress, scores: dict[str, dict]) -> None:
    table = [
        f"| {kind.replace('_', ' ')} | {metric.replace('_', ' ')} | {value:.3f} | {found['n']} |"
        for kind, found in scores.items()
        for metric, value in found.items()
        if metric != "n"
    ]
    text = TEXT.format(
        parameters=whorl.Model.load(folder).parameter_count,
        seed=seed,
        rows=rows,
        steps=last.total_steps,
        tokens=last.tokens,
        loss=last.validation_loss,
        table="\n".join(table),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
