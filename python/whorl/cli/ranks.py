"""`whorl train --nproc N`: starts the processes that share a run, on this machine, and ends with them."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import IO, Any

# Seconds that the others have to say their own last words after one failed, and after SIGTERM; and that all
# have after Ctrl-C, to end their step and write a checkpoint.
AFTER_A_FAILURE, AFTER_SIGTERM, AFTER_CTRL_C = 10, 5, 120
# What would send ranks to another port than that of their run.
OTHER_PORTS = ("TORCHELASTIC_USE_AGENT_STORE", "WHORL_RANKS_PORT")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def shared_variables(count: int) -> dict[str, Any]:
    """What the processes of one run have in common."""
    return {
        "WORLD_SIZE": count,
        "LOCAL_WORLD_SIZE": count,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": free_port(),
        "WHORL_RANKS_TOKEN": secrets.token_hex(32),
    }


class Ranks:
    """The processes of some ranks. Each reads what it is to do from its standard input, and ends when that does."""

    first = 0  # the rank of the first of them
    what = "train"

    def __init__(
        self, count: int, work: dict[str, Any], started: range, shared: dict[str, Any] | None = None
    ) -> None:
        self.count, self.first = count, started.start
        self.words: list[IO[bytes]] = []
        self.processes: list[subprocess.Popen] = []
        shared = shared or shared_variables(count)
        text = json.dumps(work, default=str).encode() + b"\n"
        for rank in started:
            self.start(shared | {"RANK": rank, "LOCAL_RANK": rank}, rank, text)

    def start(self, variables: dict[str, Any], rank: int, text: bytes) -> None:
        environment = os.environ | {name: str(value) for name, value in variables.items()}
        for name in OTHER_PORTS:
            environment.pop(name, None)
        # The first speaks for all; the words of another are kept for the case that it alone fails.
        self.words.append(tempfile.TemporaryFile())  # noqa: SIM115 - it lives as long as the process
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "whorl.cli.rank"],
            stdin=subprocess.PIPE,
            stdout=None if rank == 0 else subprocess.DEVNULL,
            stderr=None if rank == 0 else self.words[-1],
            env=environment,
            start_new_session=True,  # Ctrl-C reaches them once, from here
        )
        self.processes.append(process)
        with contextlib.suppress(BrokenPipeError):  # it died at once, which wait() reports
            process.stdin.write(text)
            process.stdin.flush()

    def signal(self, number: int) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)

    def all_end_within(self, seconds: float) -> bool:
        """Sooner once the first has ended: who waits for that one waits in vain."""
        until = time.monotonic() + seconds
        while any(running := [p.poll() is None for p in self.processes]):
            if not all(running):
                until = min(until, time.monotonic() + AFTER_A_FAILURE)
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True

    def end(self, seconds: float) -> None:
        """They have so long to end by themselves; none outlives this call."""
        try:
            if not self.all_end_within(seconds):
                self.signal(signal.SIGTERM)
                self.all_end_within(AFTER_SIGTERM)
        finally:  # also after a second Ctrl-C
            self.signal(signal.SIGKILL)

    def wait(self) -> None:
        """Until all have ended well; RuntimeError names the first that did not, when none is left."""
        while True:
            states = [process.poll() for process in self.processes]
            if any(state not in (None, 0) for state in states):
                rank, status = self.first_failed()
                self.end(AFTER_A_FAILURE)
                raise RuntimeError(self.verdict(rank, status))
            if all(state == 0 for state in states):
                return
            time.sleep(0.02)

    def first_failed(self) -> tuple[int, int]:
        """Where several failed between two looks: who was killed, since the others end because of that one. All are
        asked once more, as it may have died after it was asked and before who noticed it was."""
        states = enumerate(process.poll() for process in self.processes)
        failed = [(rank, state) for rank, state in states if state not in (None, 0)]
        return min(failed, key=lambda one: (one[1] > 0, one[0]))

    def verdict(self, index: int, status: int) -> str:
        rank = self.first + index
        if status < 0:
            return f"[{self.what}] rank {rank} of {self.count} was ended by {signal.Signals(-status).name}"
        self.words[index].seek(0)
        words = self.words[index].read()[-4000:].decode(errors="replace").strip()
        said = f": {words.removeprefix('whorl: ')}" if words else ""
        return f"[{self.what}] rank {rank} of {self.count} ended with exit status {status}{said}"


def launch(
    count: int, settings: dict[str, Any], adapters: list[dict[str, Any]], *, dry_run: bool, json: bool
) -> None:
    """Runs to the end, or raises RuntimeError when a rank fails. Ctrl-C stops all, with a checkpoint."""
    import whorl

    if count < 1:
        raise ValueError(f"[train] --nproc expected at least 1 process, got {count}")
    settings = settings | {"distributed": True}
    if not settings.get("threads"):
        settings["threads"] = max(1, whorl.info()["threads"] // count)
    work = {"settings": settings, "adapters": adapters, "dry_run": dry_run, "json": json}
    # A plan needs no company.
    ranks = Ranks(count, work, range(1 if dry_run else count))
    try:
        ranks.wait()
    except BaseException:
        ranks.signal(signal.SIGINT)
        ranks.end(AFTER_CTRL_C)
        raise
