"""A side of a comparison in a process of its own: memory and threads are each one's own, and one that takes too long can be
ended without ending the run."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


class TooSlow(RuntimeError):
    """The answer did not come within the limit; the process was ended."""


class Ended(SystemExit):
    """The process ended by itself, as one does that has too little memory. Who can go on without it catches this."""


def peak_bytes(process: int | str = "self") -> int:
    """The most memory that a process held. Of the program it runs now: getrusage's figure outlives an exec."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def serve(make: Callable[..., Any], arguments: tuple[Any, ...], pipe: Connection) -> None:
    """(method, arguments) in, (result, peak of memory) out, until None comes. The first answer says that it is made."""
    made = make(*arguments)
    pipe.send((None, peak_bytes()))
    while (order := pipe.recv()) is not None:
        method, given = order
        result = getattr(made, method)(*given)
        pipe.send((result, peak_bytes()))


class Worker:
    """`make(*arguments)` in a new process; its methods by name."""

    def __init__(self, make: Callable[..., Any], *arguments: Any, limit: float | None = None) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=serve, args=(make, arguments, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.peak, self.name = 0, make.__name__
        self._receive(limit)

    def ask(self, method: str, *arguments: Any, limit: float | None = None) -> Any:
        """The method's result; TooSlow after `limit` seconds, with the process ended."""
        self.pipe.send((method, arguments))
        return self._receive(limit)

    def _receive(self, limit: float | None) -> Any:
        if not self.pipe.poll(limit):
            self.peak = peak_bytes(self.process.pid or "self")
            self.process.kill()
            self.process.join()
            raise TooSlow(f"{self.name} gave no answer in {limit:g} s")
        try:
            result, self.peak = self.pipe.recv()
        except EOFError:
            raise Ended(f"the process of {self.name} ended; what it said stands above") from None
        return result

    def close(self) -> None:
        if self.process.is_alive():
            self.pipe.send(None)
            self.process.join()
