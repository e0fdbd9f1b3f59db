"""The two steps of pipeline.yaml that are the demo's own; each is a function that a pod of a cluster can import."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from whorl import pipeline
from whorl.demo import data
from whorl.demo.leaks import asked, find


@pipeline.step(outputs={"raw": "train.jsonl", "test": "test.jsonl", "planted": {"type": "json"}})
def export(seed: int, train_rows: int, test_rows: int, context: Any) -> dict:
    """train.jsonl with its dirt, and test.jsonl; what was put in on purpose is counted."""
    planted = data.write(Path(context.folder), seed, train_rows, test_rows).planted
    return {"planted": dataclasses.asdict(planted)}


@pipeline.step(outputs=["values", "phrasings"])
def leaks(train: Path, valid: Path, test: Path) -> dict:
    """Fails when anything of the test occurs in training: a score would mean nothing."""
    learnt = [asked(row) for path in (train, valid) for row in _rows(path)]
    found = find(learnt, [asked(row) for row in _rows(test)])
    if not found.none():
        raise ValueError(
            f"the test has leaked into training: {len(found.values)} values {found.values[:3]}, "
            f"{len(found.phrasings)} phrasings {found.phrasings[:3]}"
        )
    return dataclasses.asdict(found)


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
