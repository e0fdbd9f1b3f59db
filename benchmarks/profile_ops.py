#!/usr/bin/env python3
"""Where the time of a training step and of a decode step goes, by op: seconds, additions and multiplications, bytes. The
program profile_benchmark puts a timing backend in front of the real one; it is built with WHORL_BUILD_BENCHMARKS."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import common
from shapes import SHAPES


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("kind", choices=["train", "decode"])
    parser.add_argument("--streams", type=int, default=1, help="that decode together")
    parser.add_argument(
        "--steps", type=int, default=2, help="of training that are timed, after one that is not"
    )
    parser.add_argument("--program", type=Path, required=True, help="profile_benchmark, built")
    arguments = parser.parse_args()
    threads = arguments.threads or len(os.sched_getaffinity(0))
    vocabulary = str(SHAPES[arguments.shape]["vocab_size"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        common.save_model(arguments.shape, folder, arguments.seq)
        command = [str(arguments.program), arguments.kind, str(folder), vocabulary]
        if arguments.kind == "train":
            command += [str(arguments.seq), str(arguments.batch), str(arguments.steps)]
            command += [str(arguments.adapters)]
        else:
            command += [arguments.quantize, str(arguments.streams)]
        environment = os.environ | {"WHORL_THREADS": str(threads)}
        said = subprocess.run(command, env=environment, capture_output=True, text=True)
    if said.returncode != 0:
        raise SystemExit(said.stderr)
    found = json.loads(said.stdout)
    found["tokens_per_second"] = found["tokens"] / found["seconds"]
    common.report(arguments, found)


if __name__ == "__main__":
    main()
