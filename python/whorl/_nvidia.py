"""Where NVIDIA's wheels (the extra `whorl[cuda13]`) keep their shared libraries."""

from __future__ import annotations

import sys
from pathlib import Path


def library_folders() -> list[Path]:
    """Every folder of Python's path that has them; usually one, or none."""
    packages = ("cu13", "cudnn")
    found = (Path(entry or ".") / "nvidia" / name / "lib" for entry in sys.path for name in packages)
    return list(dict.fromkeys(folder.resolve() for folder in found if folder.is_dir()))
