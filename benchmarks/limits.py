#!/usr/bin/env python3
"""What a device can do at most, as PyTorch finds it: the rate of large products of bfloat16 and the bandwidth of its memory.
The share that training and decoding reach is said of these."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import common
import torch_peer
from worker import Worker

# On the host only small ones: there they try this script, products.py measures it.
PRODUCTS = {"gpu": (4096, 8192), "host": (256,)}
MEGABYTES = {"gpu": 4096, "host": 64}


class Limits:
    """A device as PyTorch sees it, for a process of its own."""

    def __init__(self, device: str) -> None:
        import torch

        self.torch, self.device = torch, torch_peer.torch_device(device)
        self.kind = "host" if self.device == "cpu" else "gpu"

    def device_name(self) -> str:
        return "cpu" if self.kind == "host" else self.torch.cuda.get_device_name(self.device)

    def used_bytes(self) -> int:
        """Of the device's memory, by all processes together; 0 on the host, whose processes say it themselves."""
        if self.kind == "host":
            return 0
        free, whole = self.torch.cuda.mem_get_info(self.device)
        return whole - free

    def rate(self, body: Callable[[], Any], amount: float, calls: int = 10, rounds: int = 3) -> float:
        """`amount` a second, by the best of a few rounds, as a bound should be."""
        body()
        best = float("inf")
        for _ in range(rounds):
            torch_peer.wait_for(self.torch, self.device)
            begin = time.perf_counter()
            for _ in range(calls):
                body()
            torch_peer.wait_for(self.torch, self.device)
            best = min(best, (time.perf_counter() - begin) / calls)
        return amount / best

    def product(self, n: int) -> float:
        """Operations a second of [n, n] [n, n]; of random numbers, as zeros take less power and run faster."""
        x, w = (self.torch.randn(n, n, dtype=self.torch.bfloat16, device=self.device) for _ in range(2))
        return self.rate(lambda: self.torch.nn.functional.linear(x, w), 2.0 * n**3)

    def bandwidth(self) -> dict[str, float]:
        """Bytes a second: read alone, by a sum, and read and written, by a copy."""
        numbers = MEGABYTES[self.kind] * 2**20 // 4
        x = self.torch.ones(numbers, dtype=self.torch.float32, device=self.device)
        y = self.torch.empty_like(x)
        found = {
            "sum": self.rate(lambda: self.torch.sum(x), 4.0 * numbers),
            "copy": self.rate(lambda: self.torch.add(x, 0, out=y), 8.0 * numbers),
        }
        x = y = None  # so that what follows gives their memory back
        if self.kind == "gpu":
            self.torch.cuda.empty_cache()
        return found

    def best_bandwidth(self) -> float:
        return max(self.bandwidth().values())

    def figures(self) -> dict[str, Any]:
        products = {f"torch_bfloat16_{n}": self.product(n) for n in PRODUCTS[self.kind]}
        best = max(products, key=lambda name: products[name])
        bandwidth = self.bandwidth()
        return {
            "device_name": self.device_name(),
            **{f"{name}_flops_per_second": rate for name, rate in products.items()},
            "best_product": best,
            "best_product_flops_per_second": products[best],
            **{f"{name}_bytes_per_second": rate for name, rate in bandwidth.items()},
            "bandwidth_bytes_per_second": max(bandwidth.values()),
        }


def main() -> None:
    parser = common.parser(__doc__)
    common.add_device(parser)
    arguments = parser.parse_args()
    side = Worker(Limits, arguments.device)
    figures = side.ask("figures")
    side.close()
    common.report(arguments, figures)


if __name__ == "__main__":
    main()
