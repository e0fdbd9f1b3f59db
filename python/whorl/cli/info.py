"""`whorl info`: what this build and machine can do."""

from __future__ import annotations

from .options import Json
from .output import console, emit


def info(json: Json = False) -> None:
    """Version, instruction sets, devices, and what is missing for a GPU."""
    import platform

    import whorl

    facts = whorl.info() | {"python": platform.python_version(), "machine": platform.machine()}
    if json:
        emit(facts)
        return
    for name, value in facts.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        console.print(f"[bold]{name:>10}[/]  {shown}", markup=True)
