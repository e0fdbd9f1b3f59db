#!/usr/bin/env python3
"""The proof of the CPU engine: Whorl and its peers (PyTorch + PEFT, llama.cpp) in one run on the same shapes and machine.

The cases are data (cases.py); each is one command in a process of its own, and bench.json has what it said as soon as it has
said it: a run that is ended loses nothing, --resume goes on. bench.md is the table, the plots stand beside it. `make bench`
runs this in an environment that has the peers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cases
import common
import plots
import tables
from cases import Case

HERE = Path(__file__).resolve().parent


def load(path: Path, resume: bool, keep_all: bool = False) -> tables.Found:
    """What an earlier run of the same commit on the same machine found; failures are tried again. With keep_all everything
    that was found stays but what is measured now: each case has its own commit in bench.json."""
    if not (resume or keep_all) or not path.exists():
        return {}
    found: tables.Found = json.loads(path.read_text(encoding="utf-8"))
    if keep_all:
        return found
    kept = {
        section: {
            name: f
            for name, f in results.items()
            if f.get("commit") == common.commit() and f.get("machine") == common.cpu_name()
        }
        for section, results in found.items()
    }
    return {section: results for section, results in kept.items() if results}


def keep(path: Path, found: tables.Found) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def usual_setting() -> str:
    """PyTorch's compiled setting where training was not measured: bfloat16 where the machine multiplies it."""
    import whorl

    return "compiled-bfloat16" if whorl.info()["isa"] in ("amx", "avx512_bf16") else "compiled-float32"


def fill(case: Case, found: tables.Found, program: Path, models: Path) -> list[str]:
    shape = case.name.split(",")[0]
    best = found.get("train", {}).get(shape, {}).get("compiled_setting") or usual_setting()
    values = {"program": program, "models": models, "compiled": best}
    return [argument.format(**values) for argument in case.arguments]


def measure(case: Case, arguments: list[str]) -> dict[str, Any]:
    """What the command said; where it failed, {"error": why}: the others are measured all the same."""
    if not (HERE / case.script).exists():
        return {"error": f"benchmarks/{case.script} is not there"}
    command = [sys.executable, str(HERE / case.script), *arguments, "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=None, text=True, start_new_session=True
    )
    try:
        said, _ = process.communicate(timeout=case.limit)
    except subprocess.TimeoutExpired:
        return {"error": f"ended after {case.limit:g} s"}
    finally:
        # Its peers too, whatever happened.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode != 0 or not said.strip():
        return {"error": f"ended with {process.returncode}; what it said stands in the log"}
    return json.loads(said.strip().splitlines()[-1])


def run_all(wanted: list[Case], found: tables.Found, chosen: argparse.Namespace) -> None:
    begin, expected = time.monotonic(), sum(c.seconds for c in wanted)
    print(f"{len(wanted)} cases, about {expected / 60:.0f} minutes on two slow cores", file=sys.stderr)
    for i, case in enumerate(wanted):
        results = found.setdefault(case.section, {})
        if not chosen.keep and "error" not in results.get(case.name, {"error": ""}):
            continue
        arguments = fill(case, found, chosen.program, chosen.out / "models")
        spent = (time.monotonic() - begin) / 60
        print(
            f"[{i + 1}/{len(wanted)}, {spent:.1f} min] $ benchmarks/{case.script}",
            *arguments,
            file=sys.stderr,
        )
        started = time.monotonic()
        results[case.name] = measure(case, arguments)
        results[case.name]["case_seconds"] = round(time.monotonic() - started, 1)
        results[case.name]["command"] = " ".join([case.script, *arguments])
        keep(chosen.out / "bench.json", found)
        write(found, chosen.out)


def write(found: tables.Found, out: Path) -> None:
    (out / "bench.md").write_text("\n".join(tables.document(found)) + "\n", encoding="utf-8")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="folder of what is written")
    parser.add_argument("--program", type=Path, default=Path("build/release/benchmarks/profile_benchmark"))
    parser.add_argument("--only", nargs="+", choices=cases.SECTIONS, default=cases.SECTIONS)
    parser.add_argument("--case", nargs="+", help="only the cases of these names")
    parser.add_argument("--quick", action="store_true", help="shape S only, minutes")
    parser.add_argument("--resume", action="store_true", help="keep what bench.json has of this commit")
    parser.add_argument(
        "--keep", action="store_true", help="keep what bench.json has of other cases, whatever the commit"
    )
    parser.add_argument("--tables", action="store_true", help="measure nothing: write tables and plots again")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    chosen.out.mkdir(parents=True, exist_ok=True)
    found = load(chosen.out / "bench.json", chosen.resume, chosen.keep)
    if chosen.tables:
        found = json.loads((chosen.out / "bench.json").read_text(encoding="utf-8"))
    wanted = [
        c
        for c in cases.CASES
        if c.section in chosen.only
        and (c.quick or not chosen.quick)
        and (not chosen.case or c.name in chosen.case)
        and (c.script != "perplexity.py" or (HERE / c.script).exists())
    ]
    if not chosen.tables:
        # Files of an earlier commit may hold other weights.
        shutil.rmtree(chosen.out / "models", ignore_errors=True)
        try:
            run_all(wanted, found, chosen)
        finally:
            shutil.rmtree(chosen.out / "models", ignore_errors=True)
    write(found, chosen.out)
    keep(chosen.out / "bench.json", found)
    plots.draw(found, chosen.out)
    print((chosen.out / "bench.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
