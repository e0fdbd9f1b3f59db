"""Clean tool-calling rows: a customer's sentence, and the call that answers it."""

import random
import re

from whorl.demo import phrases_test, phrases_train
from whorl.demo.tools import TOOLS, SupportTool
from whorl.demo.values import draw

_CHOICE = re.compile(r"\[([^\]]*)\]")


def choose_words(text: str, rng: random.Random) -> str:
    """Replaces every `[a|b]` by one of its choices."""
    chosen = _CHOICE.sub(lambda m: rng.choice(m.group(1).split("|")), text)
    return re.sub(r" {2,}", " ", chosen)


def capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]


def make_row(tool: SupportTool, core: int, held_out: bool, rng: random.Random) -> dict:
    """One conversation. `phrasing` names the sentence pattern, so that a split can keep patterns together."""
    phrases = phrases_test if held_out else phrases_train
    opener, closer = rng.choice(phrases.OPENERS), rng.choice(phrases.CLOSERS)
    values = {name: draw(kind, rng, held_out) for name, kind in tool.arguments.items()}
    pattern = choose_words(phrases.CORES[tool.name][core], rng)
    sentence = opener + pattern.format(**values) + closer
    call = {"type": "function", "function": {"name": tool.name, "arguments": values}}
    return {
        "messages": [
            {"role": "user", "content": capitalise(sentence)},
            {"role": "assistant", "content": "", "tool_calls": [call]},
        ],
        "tools": [each.schema() for each in TOOLS],
        "phrasing": f"{tool.name}/{'test' if held_out else 'train'}/{core}",
    }


def make_rows(n: int, seed: int, held_out: bool) -> list[dict]:
    """`n` rows, tools and sentence patterns in equal shares, in an order drawn by `seed`."""
    rng = random.Random(f"{'test' if held_out else 'train'} rows {seed}")
    phrases = phrases_test if held_out else phrases_train
    rows = []
    for i in range(n):
        tool = TOOLS[i % len(TOOLS)]
        cores = len(phrases.CORES[tool.name])
        rows.append(make_row(tool, (i // len(TOOLS)) % cores, held_out, rng))
    rng.shuffle(rows)
    return rows
