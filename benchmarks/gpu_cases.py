"""What gpu.py measures, as data like cases.py, and the figures that it is measured for."""

from __future__ import annotations

from cases import Case
from tables import Figure

# First the setting that holds most memory: those that are kept hold some beside the next one.
TORCH = "--dtype bfloat16 --peer torch --peer-mode eager-bfloat16 compiled-autocast autocast-bfloat16 compiled-bfloat16"
NARROW = "--activation-dtype bfloat16"  # as the peers keep theirs
TRIALS = "--limit 30 --compile-limit 150 --trials-limit 220"


def case(section: str, name: str, command: str, seconds: float, most: float) -> Case:
    script, *arguments = command.split()
    return Case(section, name, script, tuple(arguments), seconds, most=most)


# Seconds are guesses: none of this has run on a GPU. The order is the one in which they should be measured where time is short.
CASES = [
    case("limits", "limits", "limits.py", 30, 90),
    case(
        "decode",
        "1B",
        "decode.py --shape 1B --runs 1 64 --sampled 1 64 --peer transformers --limit 100",
        150,
        400,
    ),
    case(
        "train",
        "1B",
        f"train.py --shape 1B --seq 2048 --batch 4 --rounds 5 {NARROW} {TORCH} {TRIALS}",
        240,
        480,
    ),
    case("sweep", "1B", f"sweep.py --shape 1B --seq 2048 --batch 1 --adapters 8 {NARROW}", 60, 200),
    case(
        "train",
        "8B",
        f"train.py --shape 8B --seq 4096 --batch 1 --rounds 5 {NARROW} {TORCH} {TRIALS}",
        420,
        570,
    ),
    case(
        "decode",
        "8B",
        "decode.py --shape 8B --runs 1 64 1+1 32+32 --sampled 64 --publish 3 --peer transformers --limit 100",
        300,
        560,
    ),
    case("sweep", "8B", f"sweep.py --shape 8B --seq 512 --batch 1 --adapters 8 {NARROW}", 90, 250),
    case(
        "train",
        "1B, float32 activations",
        "train.py --shape 1B --seq 2048 --batch 4 --rounds 5 --dtype bfloat16",
        60,
        150,
    ),
    case("few rows", "1B", "few_rows.py --shape 1B --runs 1 8 16+16 32 --settings 0 16 32", 60, 200),
    case("attention", "8B", "attention.py --shape 8B --seq 4096 --batch 1 --rounds 5", 150, 400),
    case("attention", "1B", "attention.py --shape 1B --seq 512 --batch 4 --rounds 5", 60, 200),
]
SECTIONS = list(dict.fromkeys(c.section for c in CASES))

FIGURES = [
    Figure("LoRA training r16, all linears, 8B, seq 4096", "train", "8B", "tokens_per_second", 14500, "tokens/s"),
    Figure("the same over PyTorch + PEFT compiled, SDPA", "train", "8B", "ratio_to_compiled", 1.4),
    Figure("the same, 1B, packed 2048, over the faster of compiled and eager", "train", "1B", "ratio_to_faster", 1.5),
    *[
        Figure(f"sweep, {shape}: eight adapters in one pass over one at the same rows", "sweep", shape, "ratio_to_one_adapter", 0.95)
        for shape in ("1B", "8B")
    ],
    *[
        Figure(f"decode, {shape}, one stream: of the memory bandwidth", "decode", shape, "1_share_of_bandwidth", 0.8, "%")
        for shape in ("1B", "8B")
    ],
    *[
        Figure(f"decode, {shape}, {streams}: over transformers", "decode", shape, f"{n}_ratio_to_transformers", 1.5)
        for shape in ("1B", "8B")
        for n, streams in ((1, "one stream"), (64, "64 streams"))
    ],
    Figure("decode, 8B, one stream: what one r16 adapter adds", "decode", "8B", "1+1_overhead", 0.03, "%", True),
    Figure("decode, 8B, 32 streams: what 32 r16 adapters add", "decode", "8B", "32+32_overhead", 0.25, "%", True),
    Figure(
        "8B: publish an adapter, then its first answer", "decode", "8B", "published_answer_seconds", 1, "s", True
    ),
]  # fmt: skip
