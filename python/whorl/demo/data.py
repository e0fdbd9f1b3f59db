"""The data of the demo: made, soiled, written to disk, and cleaned again with Whorl's own Dataset."""

import json
from dataclasses import dataclass
from pathlib import Path

import whorl
from whorl.demo import leaks
from whorl.demo.dirt import Planted, soil
from whorl.demo.generate import make_rows

MAX_TOKENS = 256


@dataclass(frozen=True)
class Files:
    """What a support desk would have: a raw export to learn from, and a clean test set put aside."""

    train: Path
    test: Path
    planted: Planted


@dataclass(frozen=True)
class Prepared:
    train: whorl.Dataset
    valid: whorl.Dataset
    test: whorl.Dataset
    account: dict
    changes: list[whorl.RowChange]
    planted: Planted
    leaks: leaks.Leaks


def write(folder: Path, seed: int, train_rows: int, test_rows: int) -> Files:
    """train.jsonl (with dirt) and test.jsonl. The same seed writes the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    lines, planted = soil(make_rows(train_rows, seed, held_out=False), seed)
    files = Files(folder / "train.jsonl", folder / "test.jsonl", planted)
    files.train.write_text("\n".join(lines) + "\n", encoding="utf-8")
    test = make_rows(test_rows, seed, held_out=True)
    files.test.write_text("".join(json.dumps(row) + "\n" for row in test), encoding="utf-8")
    return files


def clean(raw: whorl.Dataset, model: whorl.Model) -> whorl.Dataset:
    """Every step returns a new Dataset that remembers what was done and why."""
    return (
        raw.deduplicate(field="prompt", threshold=0.85, shingle_words=2)
        .mask_pii()
        .limit_length(model, max_tokens=MAX_TOKENS)
    )


def asked(data: whorl.Dataset) -> list[leaks.Asked]:
    return [
        leaks.Asked(row.messages[0].content, json.loads(row.messages[1].tool_calls[0].arguments))
        for row in data
    ]


def prepare(files: Files, model: whorl.Model, seed: int) -> Prepared:
    """Load, clean, put aside a validation part with sentence patterns of its own, and look for leaks."""
    cleaned = clean(whorl.Dataset.load(files.train, on_bad_row="drop"), model)
    test = whorl.Dataset.load(files.test)
    train, valid = cleaned.shuffle(seed).split(0.92, seed=seed, group_by="phrasing")
    found = leaks.find(asked(cleaned), asked(test))
    told = "".join(json.dumps(change.to_dict(), ensure_ascii=False) + "\n" for change in cleaned.changes)
    files.train.with_name("changes.jsonl").write_text(told, encoding="utf-8")
    return Prepared(train, valid, test, cleaned.account(), cleaned.changes, files.planted, found)
