"""What `make bench` measures, as data: sections of cases, each one command that prints one JSON object."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    section: str
    name: str
    script: str
    arguments: tuple[str, ...]
    seconds: (
        float  # on two slow cores without bfloat16 products; for the budget that is printed before the start
    )
    quick: bool = False  # part of --quick
    most: float | None = None

    @property
    def limit(self) -> float:
        """Seconds after which the case is ended and said so."""
        return 300 + 4 * self.seconds if self.most is None else self.most


def case(section: str, name: str, command: str, seconds: float, quick: bool = False) -> Case:
    script, *arguments = command.split()
    return Case(section, name, script, tuple(arguments), seconds, quick)


# {program} is profile_benchmark, {models} the folder where llama.cpp's files stay between cases, {compiled} the best compiled
# setting of PyTorch: as the training case of that shape found it, else the usual one of the instruction set.
LLAMA = "--peer llama --folder {models}/M"
MANY = "--shape M --seq 32 --new 32 --batch 16 --rounds 3"
ADAPTERS = "--shape M --seq 64 --new 24 --batch 16 --rounds 3"
CASES = [
    case("products", "products", "products.py --program {program}", 45, True),
    case("train", "S", "train.py --shape S --batch 8 --dtype bfloat16 --peer torch --limit 45", 330, True),
    case(
        "train", "M", "train.py --shape M --batch 2 --dtype bfloat16 --peer torch --steps 1 --limit 45", 600
    ),
    case("sweep", "S", "sweep.py --shape S --batch 2 --peer torch --peer-mode {compiled}", 100, True),
    case("sweep", "S, small", "sweep.py --shape S --batch 1 --peer torch --peer-mode {compiled}", 80, True),
    case(
        "sweep",
        "M, small",
        "sweep.py --shape M --batch 1 --rounds 2 --peer torch --peer-mode {compiled}",
        400,
    ),
    case("serve", "S", "serve.py --shape S --peer llama --folder {models}/S", 25, True),
    case("serve", "M", f"serve.py --shape M --new 48 {LLAMA}", 90),
    case("serve", "M, int8", f"serve.py --shape M --new 48 --quantize int8 {LLAMA}", 75),
    case("serve", "M, int4", f"serve.py --shape M --new 48 --quantize int4 {LLAMA}", 75),
    case("serve", "M, 16 streams", f"serve.py {MANY} {LLAMA}", 200),
    case("serve", "M, 16 streams, int8", f"serve.py {MANY} --quantize int8 {LLAMA}", 200),
    case("serve", "M, 16 streams, int4", f"serve.py {MANY} --quantize int4 {LLAMA}", 200),
    case("serve", "M, one adapter", f"serve.py {ADAPTERS} --adapters 1", 60),
    case("serve", "M, 16 adapters", f"serve.py {ADAPTERS} --adapters 16", 75),
    case("serve", "1B", "serve.py --shape 1B --seq 128 --new 24 --peer llama --folder {models}/1B", 180),
    case(
        "serve",
        "1B, int8",
        "serve.py --shape 1B --seq 128 --new 24 --quantize int8 --peer llama --folder {models}/1B",
        90,
    ),
    case(
        "serve",
        "1B, int4",
        "serve.py --shape 1B --seq 128 --new 24 --quantize int4 --peer llama --folder {models}/1B",
        90,
    ),
    case("first-token", "M", f"serve.py --shape M --first-token {LLAMA}", 30),
    case("first-token", "M, int8", f"serve.py --shape M --first-token --quantize int8 {LLAMA}", 30),
    case("first-token", "M, int4", f"serve.py --shape M --first-token --quantize int4 {LLAMA}", 30),
    case("perplexity", "perplexity", "perplexity.py", 120),
    case("growth", "sequence", "growth.py sequence", 60, True),
    case("growth", "batch", "growth.py batch", 30, True),
    case("growth", "rank", "growth.py rank", 50, True),
    case("growth", "train_threads", "growth.py train_threads", 25, True),
    case("growth", "streams", "growth.py streams", 60),
    case("growth", "adapters", "growth.py adapters", 100),
    case("growth", "decode_threads", "growth.py decode_threads", 60),
    case("profile", "train S", "profile_ops.py train --shape S --batch 8 --program {program}", 20, True),
    case("profile", "train M", "profile_ops.py train --shape M --batch 2 --program {program}", 60),
    case(
        "profile",
        "decode M, 16 streams",
        "profile_ops.py decode --shape M --streams 16 --program {program}",
        40,
    ),
    case("profile", "decode M", "profile_ops.py decode --shape M --program {program}", 40),
    case(
        "profile", "decode M, int8", "profile_ops.py decode --shape M --quantize int8 --program {program}", 40
    ),
    case(
        "profile", "decode M, int4", "profile_ops.py decode --shape M --quantize int4 --program {program}", 40
    ),
    case("busy", "busy", "busy.py --peer-mode {compiled} --folder {models}/M", 120),
]
SECTIONS = list(dict.fromkeys(c.section for c in CASES))
