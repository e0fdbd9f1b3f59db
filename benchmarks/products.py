#!/usr/bin/env python3
"""What this machine can do at most: the rate of large products (PyTorch's and Whorl's own, bfloat16 and float32) and the
bandwidth of reading memory. The share that training and decoding reach is said of these."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import common
from worker import TooSlow, Worker

import serve


class TorchProducts:
    def __init__(self, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self.torch = torch

    def rate(self, dtype: str, n: int, rounds: int) -> float:
        """The best of a few products [2048, n] [n, n], as Linear computes them."""
        x = self.torch.rand(2048, n, dtype=getattr(self.torch, dtype))
        w = self.torch.rand(n, n, dtype=getattr(self.torch, dtype))
        best = float("inf")
        for _ in range(rounds):
            begin = time.perf_counter()
            self.torch.nn.functional.linear(x, w)
            best = min(best, time.perf_counter() - begin)
        return 2.0 * 2048 * n * n / best


def torch_rates(threads: int, limit: float) -> dict[str, float]:
    """Those that came within the limit."""
    found = {}
    for dtype in ("float32", "bfloat16"):
        peer = Worker(TorchProducts, threads)
        try:
            for n in (2048, 4096):
                found[f"torch_{dtype}_{n}"] = peer.ask("rate", dtype, n, 4, limit=limit)
        except TooSlow:
            continue
        peer.close()
    return found


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--program", type=Path, required=True, help="profile_benchmark, built")
    parser.add_argument("--limit", type=float, default=30, help="seconds for one size of product")
    arguments = parser.parse_args()
    threads = arguments.threads or len(os.sched_getaffinity(0))
    environment = os.environ | {"WHORL_THREADS": str(threads)}
    said = subprocess.run(
        [str(arguments.program), "products"], env=environment, capture_output=True, text=True, check=True
    )
    ours = {f"whorl_{name}": rate for name, rate in json.loads(said.stdout).items() if "_" in name}
    rates = ours | torch_rates(threads, arguments.limit)
    best = max(rates, key=lambda name: rates[name])
    figures: dict[str, Any] = {f"{name}_flops_per_second": rate for name, rate in rates.items()}
    figures |= {"best_product": best, "best_product_flops_per_second": rates[best]}
    figures["read_bandwidth_bytes_per_second"] = serve.read_bandwidth(threads)
    common.report(arguments, figures)


if __name__ == "__main__":
    main()
