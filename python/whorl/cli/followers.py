"""`--tensor-parallel-size N`: starts the other processes that compute a model with this one, and ends with them."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from typing import Any

from .ranks import AFTER_A_FAILURE, AFTER_SIGTERM, OTHER_PORTS, Ranks, shared_variables


class Followers(Ranks):
    """Ranks 1 and more; this process is the first. Where one fails and this one does not notice (it waits for that
    one to connect), this one ends with that one's words."""

    what = "tensor-parallel-size"

    def __init__(self, count: int, work: dict[str, Any]) -> None:
        variables = shared_variables(count)
        super().__init__(count, work, range(1, count), variables)
        for name in OTHER_PORTS:
            os.environ.pop(name, None)
        mine = variables | {"RANK": 0, "LOCAL_RANK": 0}
        os.environ.update({name: str(value) for name, value in mine.items()})
        self.over = False
        threading.Thread(target=self.watch, daemon=True).start()
        atexit.register(self.close)

    def watch(self) -> None:
        while not self.over:
            states = [process.poll() for process in self.processes]
            if any(state not in (None, 0) for state in states):
                self.give_up()
                return
            time.sleep(0.05)

    def give_up(self) -> None:
        """This process has so long to say it itself: an engine's next step does."""
        until = time.monotonic() + AFTER_A_FAILURE
        while time.monotonic() < until:
            if self.over:
                return
            time.sleep(0.05)
        print(f"whorl: {self.verdict(*self.first_failed())}", file=sys.stderr, flush=True)
        self.signal(signal.SIGKILL)
        os._exit(1)

    def close(self) -> None:
        """The engine is closed, or was never made: who still follows has nobody to follow."""
        self.over = True
        for process in self.processes:
            process.stdin.close()
        self.end(AFTER_SIGTERM)


def check(count: int, distributed: bool) -> None:
    if count < 1:
        raise ValueError(f"[tensor-parallel-size] expected at least 1 process, got {count}")
    if distributed and count == 1:
        raise ValueError("[distributed] say how many processes share the model: --tensor-parallel-size")


def device_of(device: str, rank: int) -> str:
    """Processes of one machine take a GPU each, in their order."""
    return f"cuda:{rank}" if device == "cuda" else device


def load(folder: str, count: int, distributed: bool, options: dict[str, Any]) -> Any:
    """The first process's share of a model, once the others have theirs; another one follows here until its end."""
    import whorl

    check(count, distributed)
    if count == 1:
        return whorl.Model.load(folder, **options)
    if not distributed:
        options["threads"] = options["threads"] or max(1, whorl.info()["threads"] // count)
        Followers(count, {"follow": {"folder": folder, "count": count, "options": options}})
    return share(folder, count, options, leave=True)


def share(folder: str, count: int, options: dict[str, Any], *, leave: bool) -> Any:
    import whorl

    rank = int(os.environ.get("LOCAL_RANK", os.environ.get("RANK", "0")) or 0)
    options = options | {"device": device_of(options["device"], rank), "tensor_parallel_size": count}
    model = whorl.Model.load(folder, **options)
    if model.tensor_parallel_rank > 0:
        model.follow()
        if leave:
            raise SystemExit(0)
    return model
