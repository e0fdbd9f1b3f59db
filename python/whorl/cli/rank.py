"""One process of several: `python -m whorl.cli.rank`, with what it is to do on standard input."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time

from . import followers, run, train

# Seconds, to end a step and write a checkpoint; to hear that there is nobody to follow.
LONGEST_END, LONGEST_FOLLOW = 120, 5


def read_line() -> bytes:
    """Without a buffer: the thread below reads on."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 65536)
        if not piece:
            raise SystemExit(1)
        line += piece
    return line


def end_with_parent(seconds: float) -> None:
    """Whoever started this process holds the other end open, and a killed process holds nothing."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(seconds)
    os._exit(1)


def main() -> int:
    work = json.loads(read_line())
    follows = work.get("follow")
    seconds = LONGEST_FOLLOW if follows else LONGEST_END
    threading.Thread(target=end_with_parent, args=(seconds,), daemon=True).start()
    return run(lambda: followers.share(**follows, leave=False) if follows else train.execute(**work))


if __name__ == "__main__":
    sys.exit(main())
