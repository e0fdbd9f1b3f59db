"""The data of the demo: made, soiled, written to disk. pipeline.yaml cleans it again with Whorl's own steps."""

import json
from dataclasses import dataclass
from pathlib import Path

from whorl.demo.dirt import Planted, soil
from whorl.demo.generate import make_rows


@dataclass(frozen=True)
class Files:
    """What a support desk would have: a raw export to learn from, and a clean test set put aside."""

    train: Path
    test: Path
    planted: Planted


def write(folder: Path, seed: int, train_rows: int, test_rows: int) -> Files:
    """train.jsonl (with dirt) and test.jsonl. The same seed writes the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    lines, planted = soil(make_rows(train_rows, seed, held_out=False), seed)
    files = Files(folder / "train.jsonl", folder / "test.jsonl", planted)
    files.train.write_text("\n".join(lines) + "\n", encoding="utf-8")
    test = make_rows(test_rows, seed, held_out=True)
    files.test.write_text("".join(json.dumps(row) + "\n" for row in test), encoding="utf-8")
    return files
