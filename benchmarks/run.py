#!/usr/bin/env python3
"""The table of the README, measured: training beside PyTorch + PEFT, serving beside the read bandwidth of the same run.

Every figure is one command of benchmarks/train.py or benchmarks/serve.py, run after the other; bench.json keeps all that they
said, with machine, instruction set, threads and commit. `make bench` runs this in an environment that has the peers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BF16 = ["--dtype", "bfloat16"]
TRAIN: dict[str, list[str]] = {
    "S, float32, batch 2": ["--shape", "S", "--batch", "2"],
    "S, bfloat16 base, batch 8": ["--shape", "S", "--batch", "8", "--steps", "3", *BF16],
    "M, bfloat16 base, batch 2": ["--shape", "M", "--batch", "2", "--steps", "2", "--rounds", "2", *BF16],
}
SWEEP: dict[str, list[str]] = {
    "one adapter, 8 rows a step": ["--shape", "S", "--batch", "8", "--steps", "3", *BF16],
    "four adapters, 2 rows a step each": [
        *["--shape", "S", "--batch", "2", "--adapters", "4", "--steps", "3"],
        *BF16,
    ],
}
MANY = ["--shape", "M", "--seq", "64", "--new", "24", "--batch", "16", "--rounds", "2"]
ALONE = ["--shape", "M", "--seq", "512", "--new", "48"]
SERVE: dict[str, list[str]] = {
    "S, one stream, bfloat16": ["--shape", "S"],
    "M, one stream, bfloat16": ALONE,
    "M, one stream, int8": [*ALONE, "--quantize", "int8"],
    "M, one stream, int4": [*ALONE, "--quantize", "int4"],
    "M, 16 streams, base alone": MANY,
    "M, 16 streams, one adapter": [*MANY, "--adapters", "1"],
    "M, 16 streams, 16 adapters": [*MANY, "--adapters", "16"],
}


def measure(script: str, arguments: list[str]) -> dict[str, Any]:
    command = [sys.executable, str(HERE / script), *arguments, "--json"]
    print("$ benchmarks/" + script, *arguments, file=sys.stderr, flush=True)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"benchmarks/{script} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def training_table(found: dict[str, dict[str, Any]], modes: list[str]) -> list[str]:
    heads = [f"{mode}, ratio, memory" for mode in modes]
    lines = [
        f"| LoRA training, tokens/s | Whorl | {' | '.join('PyTorch + PEFT ' + h for h in heads)} |",
        "|---|---|" + "---|" * len(modes),
    ]
    for name, figures in found.items():
        cells = [
            f"{figures[f'{mode}_tokens_per_second']:,.0f}, {figures[f'ratio_to_{mode}']:.2f}, "
            f"{figures['peak_rss_bytes'] / figures[f'{mode}_peak_rss_bytes']:.2f}"
            for mode in modes
        ]
        lines.append(f"| {name} | {figures['tokens_per_second']:,.4g} | {' | '.join(cells)} |")
    return lines


def serving_table(found: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "| serving | decode, tokens/s | of the base alone | share of the read bandwidth | prefill, tokens/s |",
        "|---|---|---|---|---|",
    ]
    for name, f in found.items():
        beside = f"{f['ratio_to_base']:.0%}" if "ratio_to_base" in f else ""
        lines.append(
            f"| {name} | {f['decode_tokens_per_second']:,.4g} | {beside} | {f['share_of_bandwidth']:.0%} | "
            f"{f['prefill_tokens_per_second']:,.4g} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("build/bench"), help="folder of bench.json and bench.md"
    )
    parser.add_argument(
        "--peer-mode", nargs="*", choices=["eager", "autocast", "compiled"], default=["eager", "compiled"]
    )
    parser.add_argument("--quick", action="store_true", help="shape S only")
    chosen = parser.parse_args()
    wanted = {
        kind: {name: a for name, a in cases.items() if not chosen.quick or "M" not in a}
        for kind, cases in (("train", TRAIN), ("sweep", SWEEP), ("serve", SERVE))
    }
    peers = ["--peer", "torch", "--peer-mode", *chosen.peer_mode] if chosen.peer_mode else []
    found = {
        "train": {name: measure("train.py", [*a, *peers]) for name, a in wanted["train"].items()},
        "sweep": {name: measure("train.py", a) for name, a in wanted["sweep"].items()},
        "serve": {name: measure("serve.py", a) for name, a in wanted["serve"].items()},
    }
    one, four = (f["tokens_per_second"] for f in found["sweep"].values())
    lines = [*training_table(found["train"], chosen.peer_mode), ""]
    lines += [f"Four adapters in one pass: {four / one:.2f} of one adapter's tokens/s at the same rows.", ""]
    lines += serving_table(found["serve"])
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "bench.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (chosen.out / "bench.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
