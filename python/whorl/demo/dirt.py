"""The dirt of real life, put into clean rows on purpose and counted, so that cleaning can be checked.

Everything here is drawn from the training world: dirt must not smuggle a held-out value into training either.
"""

import json
import random
from dataclasses import asdict, dataclass

from whorl.demo.values import draw


@dataclass(frozen=True)
class Planted:
    """How many rows of each kind of dirt were put in."""

    clean: int = 0
    exact_duplicates: int = 0
    near_duplicates: int = 0
    pii: int = 0
    broken: int = 0
    too_long: int = 0

    def rows(self) -> int:
        return sum(asdict(self).values())


def _copy(row: dict) -> dict:
    return json.loads(json.dumps(row))


def _said(row: dict) -> str:
    return row["messages"][0]["content"]


def _saying(row: dict, text: str) -> dict:
    made = _copy(row)
    made["messages"][0]["content"] = text
    return made


def near_duplicate(row: dict, rng: random.Random) -> dict:
    """The same sentence sent again with a small change, as impatient people do."""
    return _saying(row, _said(row) + rng.choice([" Please!", " Hello?", " Thanks"]))


def with_pii(row: dict, rng: random.Random) -> dict:
    """The customer leaves a way to be reached, which no model should learn."""
    first = draw("name", rng, held_out=False).split()[0].lower()
    host = rng.choice(["example.com", "example.org", "mail.example.net"])
    number = "".join(rng.choice("0123456789") for _ in range(7))
    left = rng.choice(
        [
            f" My mail is {first}@{host}.",
            f" Write to {first}{number[:2]}@{host}",
            f" My number is +49 170 {number}.",
        ]
    )
    return _saying(row, _said(row) + left)


def too_long(row: dict, rng: random.Random) -> dict:
    """A whole thread of letters pasted below the question."""
    lines = [
        "On Monday someone wrote:",
        "> Dear customer, we have received your letter and will answer soon.",
    ]
    thread = "\n".join(rng.choice(lines) for _ in range(rng.randint(30, 60)))
    return _saying(row, f"{_said(row)}\n{thread}")


def broken(row: dict, kind: int, rng: random.Random) -> str:
    """One line of a file that something went wrong with, in one of five ways."""
    made = _copy(row)
    if kind == 0:  # cut off in the middle
        line = json.dumps(made)
        return line[: rng.randint(20, len(line) - 20)]
    if kind == 1:
        made["messages"] = _said(row)
    elif kind == 2:
        made["messages"][0]["content"] = None
        made["messages"][0]["role"] = 7
    elif kind == 3:
        made["messages"][1]["tool_calls"][0]["function"]["arguments"] = "{not json"
    else:
        del made["messages"][1]["role"]
    return json.dumps(made)


def soil(rows: list[dict], seed: int) -> tuple[list[str], Planted]:
    """Lines of a JSONL file with the rows and their dirt, in an order drawn by `seed`."""
    rng = random.Random(f"dirt {seed}")
    share = len(rows) // 20
    wordy = [row for row in rows if len(_said(row).split()) >= 12]
    exact = [_copy(row) for row in rng.sample(rows, share)]
    near = [near_duplicate(row, rng) for row in rng.sample(wordy, min(share, len(wordy)))]
    personal = set(rng.sample(range(len(rows)), share))
    mixed = [with_pii(row, rng) if i in personal else row for i, row in enumerate(rows)]
    long = [too_long(row, rng) for row in rng.sample(rows, share // 2)]
    lines = [json.dumps(row) for row in mixed + exact + near + long]
    lines += [broken(row, i % 5, rng) for i, row in enumerate(rng.sample(rows, share // 2))]
    rng.shuffle(lines)
    planted = Planted(len(rows) - share, len(exact), len(near), share, share // 2, len(long))
    return lines, planted
