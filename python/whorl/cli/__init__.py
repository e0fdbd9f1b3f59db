"""The command line, `whorl`. Expected errors: one sentence, exit status 1; wrong usage: 2; Ctrl-C: 130."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


def main() -> int:
    from .app import app

    return run(app)


def run(command: Callable[[], object]) -> int:
    """The exit status."""
    try:
        command()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        # A fault of ours has a traceback worth reading; WHORL_TRACEBACK=1 shows it.
        if os.environ.get("WHORL_TRACEBACK"):
            raise
        print(f"whorl: {error}", file=sys.stderr)
        return 1
    return 0
