#!/usr/bin/env python3
"""The figures of the CUDA backend beside PyTorch + PEFT and transformers, on the same GPU, in one run.

The cases are data (gpu_cases.py); each is one command in a process of its own. gpu.json has what it said as soon as it has said
it, and keeps what an earlier call found of other cases, so several commands make up the table; --merge adds files of other
folders. A command that may not take long: --limit. gpu.md is the table. --shape tiny --device cuda_emulated tries all of it
in minutes where there is no GPU; what it then says of speed means nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import gpu_cases
import gpu_tables
import run
from cases import Case
from tables import Found

# What makes a case small: values of its options when --shape is given.
SMALL = {"--seq": "32", "--batch": "1", "--rounds": "1", "--limit": "30"}
SMALL_ENDS = {
    "attention.py": ("--steps", "1"),
    "decode.py": ("--new", "6"),
    "few_rows.py": ("--new", "6"),
    "train.py": ("--steps", "1"),
}


def smaller(case: Case, shape: str) -> Case:
    """The same command over another shape, in seconds."""
    arguments = list(case.arguments)
    for i in range(1, len(arguments)):
        option = arguments[i - 1]
        arguments[i] = shape if option == "--shape" else SMALL.get(option, arguments[i])
    return replace(case, seconds=20, arguments=(*arguments, *SMALL_ENDS.get(case.script, ())))


def wanted(chosen: argparse.Namespace) -> list[Case]:
    found = [
        c for c in gpu_cases.CASES if c.section in chosen.only and (not chosen.case or c.name in chosen.case)
    ]
    return [smaller(c, chosen.shape) for c in found] if chosen.shape else found


def command(case: Case, chosen: argparse.Namespace) -> list[str]:
    models = [] if case.script == "limits.py" else ["--models", str(chosen.models)]
    arguments = list(case.arguments)
    if chosen.device == "cpu" and "--activation-dtype" in arguments:  # a CPU computes with float32 alone
        arguments[arguments.index("--activation-dtype") + 1] = "float32"
    return [*arguments, "--device", chosen.device, *models]


def read(paths: list[Path]) -> Found:
    """Cases of all files, of those that are there."""
    return gpu_tables.merge([json.loads(p.read_text(encoding="utf-8")) for p in paths if p.exists()])


def measure_all(found: Found, chosen: argparse.Namespace) -> None:
    begin = time.monotonic()
    done = run.load(chosen.out / "gpu.json", True) if chosen.resume else {}
    for case in wanted(chosen):
        if "error" not in done.get(case.section, {}).get(case.name, {"error": ""}):
            continue
        left = chosen.limit - (time.monotonic() - begin)
        if left < case.seconds:
            print(
                f"{case.section}, {case.name}: not begun, as it takes about {case.seconds:g} s and {left:.0f} s are left",
                file=sys.stderr,
            )
            continue
        arguments = command(case, chosen)
        print(f"[{left:.0f} s left] $ benchmarks/{case.script}", *arguments, file=sys.stderr, flush=True)
        started = time.monotonic()
        said = run.measure(replace(case, most=min(case.limit, left)), arguments)
        said["case_seconds"] = round(time.monotonic() - started, 1)
        said["command"] = " ".join([case.script, *arguments])
        found.update(gpu_tables.merge([found, {case.section: {case.name: said}}]))
        write(found, chosen.out)
        if "error" in said:
            print(f"{case.section}, {case.name}: {said['error']}", file=sys.stderr)


def write(found: Found, out: Path) -> None:
    text = "\n".join(gpu_tables.document(found)) + "\n"
    run.keep(out / "gpu.json", found)
    (out / "gpu.md").write_text(text, encoding="utf-8")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/gpu"), help="folder of what is written")
    parser.add_argument(
        "--models",
        type=Path,
        default=Path("build/gpu/models"),
        help="folder of the models of random weights, 2.5 GB (1B) and 16 GB (8B), which stay there",
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shape", help="another shape in place of every case's, and all of it small")
    parser.add_argument("--only", nargs="+", choices=gpu_cases.SECTIONS, default=gpu_cases.SECTIONS)
    parser.add_argument("--case", nargs="+", help="only the cases of these names, e.g. 1B")
    parser.add_argument(
        "--limit", type=float, default=570, help="seconds for all of it; what is left out is said"
    )
    parser.add_argument("--resume", action="store_true", help="leave out what gpu.json has of this commit")
    parser.add_argument("--merge", nargs="+", type=Path, default=[], help="files like gpu.json to add first")
    parser.add_argument("--tables", action="store_true", help="measure nothing: write gpu.json and gpu.md")
    return parser.parse_args()  # fmt: skip


def main() -> None:
    chosen = options()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for path in chosen.merge:
        if not path.exists():
            raise SystemExit(f"expected a file to merge, got {path}, which is not there")
    found = read([*chosen.merge, chosen.out / "gpu.json"])
    if not chosen.tables:
        measure_all(found, chosen)
    write(found, chosen.out)
    print((chosen.out / "gpu.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
