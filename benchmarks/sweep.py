#!/usr/bin/env python3
"""A sweep: four adapters in one pass over one base in memory, beside one adapter at the same rows, in alternate rounds.

--peer torch adds four runs of PyTorch + PEFT, one after another (each from the beginning, what was compiled stays warm), with
the rows of one adapter each. In the same run: the first adapter of the pass learns exactly what it learns alone.
"""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import Any

import common
import shapes
import torch_peer
from torch_peer import Torch
from whorl_side import Training
from worker import Worker


def check_alone(ours: Worker, a: Any) -> None:
    """Loss and norm of the gradient of the first adapter's second step: the same bits in the pass and alone. On a GPU products
    are chosen by their rows, so there they are the same up to rounding."""
    on_host = a.device == "cpu"
    ours.ask("start", "alone", 1, a.rank, a.batch, a.seq, 1)
    ours.ask("start", "pass", a.adapters, a.rank, a.batch, a.seq, 1)
    for _ in range(2):
        alone, swept = ours.ask("losses", "alone"), ours.ask("losses", "pass")
        same = all(math.isclose(x, y, rel_tol=0 if on_host else 1e-2) for x, y in zip(alone[0], swept[0]))
        if not same:
            raise SystemExit(f"adapter a0 learns {swept[0]} in the pass, {alone[0]} alone")
    for name in ("alone", "pass"):
        ours.ask("stop", name)


def four_runs(peer: Worker, a: Any) -> float:
    """Tokens per second of `adapters` runs of the peer, one after another."""
    seconds = 0.0
    for _ in range(a.adapters):
        peer.ask("restart")
        seconds += 1 / peer.ask("round", a.steps)
    return a.adapters / seconds


def measure(a: Any, folder: Path) -> dict[str, Any]:
    ours = Worker(Training, folder, a.shape, a.dtype, a.threads, "none", a.device, a.activation_dtype)
    check_alone(ours, a)
    steps = a.steps * a.rounds
    ours.ask("start", "one", 1, a.rank, a.batch * a.adapters, a.seq, steps)
    ours.ask("start", "many", a.adapters, a.rank, a.batch, a.seq, steps)
    peer = None
    if a.peer:
        peer = Worker(Torch, folder, a.peer_mode, a.shape, a.rank, a.threads, a.device)
        peer.ask("rows", a.batch, a.seq)
    warm = [ours.ask("round", name, 1) for name in ("one", "many")]
    if peer:
        warm.append(peer.ask("round", 1))
    one, many, theirs = [], [], []
    for _ in range(a.rounds):
        one.append(ours.ask("round", "one", a.steps))
        many.append(ours.ask("round", "many", a.steps))
        if peer:
            theirs.append(four_runs(peer, a))
    flops = shapes.training_flops(a.shape, a.seq, a.rank)
    figures = {
        "tokens_per_second": statistics.median(many),
        "rounds": [round(r, 1) for r in many],
        "one_adapter_tokens_per_second": statistics.median(one),
        "one_adapter_rounds": [round(r, 1) for r in one],
        "ratio_to_one_adapter": statistics.median(x / y for x, y in zip(many, one)),
        "flops_per_second": statistics.median(many) * flops,
        "peak_rss_bytes": ours.peak,
        **ours.ask("facts"),
    }
    if peer:
        figures |= {
            "peer_setting": a.peer_mode,
            "peer_tokens_per_second": statistics.median(theirs),
            "peer_rounds": [round(r, 1) for r in theirs],
            "ratio_to_peer": statistics.median(x / y for x, y in zip(many, theirs)),
            "peer_peak_rss_bytes": peer.peak,
        }
        peer.close()
    for name in ("one", "many"):
        ours.ask("stop", name)
    ours.close()
    return figures


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--steps", type=int, default=1, help="of a round; one before all rounds warms up")
    parser.add_argument("--rounds", type=int, default=3)
    common.add_activation_dtype(parser)
    parser.add_argument("--peer", choices=["torch"], default=None)
    parser.add_argument("--peer-mode", choices=torch_peer.SETTINGS, default="compiled-bfloat16")
    parser.set_defaults(adapters=4, batch=2, dtype="bfloat16")
    common.add_device(parser)
    arguments = parser.parse_args()
    with common.model_folder(arguments) as folder:
        common.report(arguments, measure(arguments, folder))


if __name__ == "__main__":
    main()
