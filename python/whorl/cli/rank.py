"""One process of `whorl train --nproc`: `python -m whorl.cli.rank`, with what it is to do on standard input."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time

from . import run, train

LONGEST_END = 120  # seconds, to end a step and write a checkpoint


def read_line() -> bytes:
    """Without a buffer: the thread below reads on."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 65536)
        if not piece:
            raise SystemExit(1)
        line += piece
    return line


def end_with_parent() -> None:
    """Whoever started this process holds the other end open, and a killed process holds nothing."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(LONGEST_END)
    os._exit(1)


def main() -> int:
    work = json.loads(read_line())
    threading.Thread(target=end_with_parent, daemon=True).start()
    return run(lambda: train.execute(**work))


if __name__ == "__main__":
    sys.exit(main())
