"""Proof that the test is a test: no sentence pattern and no argument value of it occurs in training."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from whorl.demo import phrases_test, phrases_train

_EDGES = sorted(
    {
        edge.strip()
        for edge in [
            *phrases_test.OPENERS,
            *phrases_test.CLOSERS,
            *phrases_train.OPENERS,
            *phrases_train.CLOSERS,
        ]
    },
    key=len,
    reverse=True,
)


@dataclass(frozen=True)
class Asked:
    """What matters of a row here: the customer's words and the arguments of the call."""

    said: str
    arguments: dict[str, str]


@dataclass
class Leaks:
    values: list[str] = field(default_factory=list)
    phrasings: list[str] = field(default_factory=list)

    def none(self) -> bool:
        return not self.values and not self.phrasings


def asked(row: dict) -> Asked:
    """Of a row as JSON; its arguments are an object or, as OpenAI writes them, its text."""
    messages = row["messages"]
    arguments = messages[1]["tool_calls"][0]["function"]["arguments"]
    return Asked(messages[0]["content"], json.loads(arguments) if isinstance(arguments, str) else arguments)


def pattern(row: Asked) -> str:
    """The sentence with blanks for the values, without greeting and thanks, in small letters."""
    text = row.said
    for name, value in sorted(row.arguments.items(), key=lambda item: -len(item[1])):
        text = text.replace(value, f"<{name}>")
    text = text.strip()
    for edge in filter(None, _EDGES):
        if text.casefold().startswith(edge.casefold()):
            text = text[len(edge) :].strip()
        if text.casefold().endswith(edge.casefold()):
            text = text[: -len(edge)].strip()
    return text.casefold().rstrip(".?!")


def find(train: Iterable[Asked], test: Iterable[Asked]) -> Leaks:
    """Whatever of the test stands in training, in a sentence or in a call."""
    train, test = list(train), list(test)
    everything = "\n".join(text for row in train for text in (row.said, *row.arguments.values())).casefold()
    patterns = "\n".join(sorted({pattern(row) for row in train}))
    leaks = Leaks()
    for value in sorted({value for row in test for value in row.arguments.values()}):
        folded = value.casefold()
        if folded in everything and re.search(rf"(?<![\w-]){re.escape(folded)}(?![\w-])", everything):
            leaks.values.append(value)
    for one in sorted({pattern(row) for row in test}):
        if one in patterns:
            leaks.phrasings.append(one)
    return leaks
