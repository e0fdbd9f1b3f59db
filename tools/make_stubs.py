#!/usr/bin/env python3
"""Writes the type stubs of the installed extension module. usage: tools/make_stubs.py [path of _whorl.pyi]"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path


def stubs() -> str:
    """What pybind11-stubgen says of the whorl that this Python imports."""
    with tempfile.TemporaryDirectory() as folder:
        # Refuses what it cannot express, so that a signature with an unknown type fails here and not in an editor.
        command = [sys.executable, "-m", "pybind11_stubgen", "whorl._whorl", "-o", folder, "--exit-code"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        if done.returncode != 0:
            raise RuntimeError(f"pybind11-stubgen failed:\n{done.stderr}")
        text = (Path(folder) / "whorl" / "_whorl.pyi").read_text(encoding="utf-8")
    return re.sub(r"[ \t]+$", "", text, flags=re.M)


if __name__ == "__main__":
    made = stubs()
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(made, encoding="utf-8")
    else:
        sys.stdout.write(made)
