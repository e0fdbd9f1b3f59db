"""`whorl demo`: a support assistant learns to call tools. Nothing in it is mocked.

>>> import whorl.demo
>>> report = whorl.demo.run("demo-out", seed=1)
"""

from pathlib import Path

from whorl.demo.settings import Settings

BASE = Path(__file__).parent.parent / "data" / "demo_base"


def run(out: str | Path, seed: int = 0, settings: Settings | None = None) -> dict:
    """Runs the whole demo, leaves report.html, report.json and loss.png in `out`, and returns the report.

    The same seed gives the same scores and digests again on the same machine.
    """
    from whorl.demo.story import tell

    return tell(Path(out), seed, settings or Settings())


def write_data(folder: str | Path, seed: int = 0, settings: Settings | None = None) -> None:
    """Writes only the data: train.jsonl with its dirt, and test.jsonl."""
    from whorl.demo import data

    chosen = settings or Settings()
    data.write(Path(folder), seed, chosen.train_rows, chosen.test_rows)


__all__ = ["BASE", "Settings", "run", "write_data"]
