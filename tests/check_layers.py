#!/usr/bin/env python3
"""Who may include whom: the picture in CONTRIBUTING.md, as a table that fails the build.

usage: python3 tests/check_layers.py [root]     exit status 0, or 1 with one line per violation
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# A room may include itself, base, include/whorl and the standard library, and besides these:
ROOMS: dict[str, set[str]] = {
    "base": set(),
    "tensor": set(),
    "ops": {"tensor"},
    "cpu": {"ops", "tensor"},
    "cuda": {"ops", "tensor"},
    "text": set(),
    "adapter": {"tensor"},
    "data": {"text", "tensor"},
    "model": {"ops", "adapter", "text", "ranks", "tensor"},
    "store": {"adapter", "tensor"},
    "ranks": {"tensor"},
    "train": {"model", "adapter", "data", "store", "ranks", "ops", "tensor"},
    "serve": {"model", "adapter", "data", "store", "text", "ops", "tensor"},
    # The upper floor: built on the front door, as any user's program would be.
    "eval": {"text"},
    "guard": {"text"},
    "pipeline": {"text"},
}
UPPER_FLOOR = {"eval", "guard", "pipeline"}
# Rooms that others reach only through another room's door.
NOBODY_INCLUDES = {"cpu", "cuda"}
# Rooms below the front door: they know tensors and files, not models and datasets.
BELOW_THE_FRONT_DOOR = {"base", "tensor", "cpu", "cuda"}

# Third-party headers and the rooms that alone may name them.
THIRD_PARTY: dict[str, set[str]] = {
    "spdlog/": {"base"},
    "fmt/": {"base"},
    "openssl/": {"base"},
    "xxhash.h": {"base"},
    "yaml.h": {"base"},
    "Eigen/": {"cpu"},
    "sqlite3.h": {"store"},
    "libpq-fe.h": {"store"},
    "re2/": {"adapter", "guard"},
    "cuda": {"cuda"},
    "cublas": {"cuda"},
    "nccl": {"cuda"},
    "pybind11/": {"python"},
    "gtest/": {"tests"},
    "gmock/": {"tests"},
    "benchmark/": {"benchmarks", "tests"},
}
# Reading JSON is every room's business, but only in .cc files: it is the slowest header there is to compile.
JSON_HEADER = "nlohmann/json.hpp"
STANDARD_OR_SYSTEM = re.compile(r"^[a-z_0-9]+$|^(sys|linux|arpa|netinet)/|^[a-z0-9_]+\.h$|^bits/")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def includes(path: Path) -> list[tuple[int, str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = ((n, INCLUDE.match(line)) for n, line in enumerate(lines, 1))
    return [(n, m.group(1), m.group(2)) for n, m in found if m]


def third_party_owner(header: str) -> set[str] | None:
    return next((rooms for prefix, rooms in THIRD_PARTY.items() if header.startswith(prefix)), None)


def check_third_party(place: str, is_header: bool, header: str) -> str | None:
    owners = third_party_owner(header)
    if owners is not None and place not in owners:
        return f"<{header}> belongs to {' and '.join(sorted(owners))}"
    if header == JSON_HEADER and is_header:
        return f"<{header}> in a header: use <nlohmann/json_fwd.hpp>"
    return None


def check_room(room: str, header: str) -> str | None:
    """`header` as written: "tensor/tensor.h" or "whorl/model.h"."""
    target = header.split("/")[0]
    if target == "whorl":
        if room in BELOW_THE_FRONT_DOOR and header != "whorl/types.h":
            return f"{room} stands below the front door and may not see <{header}>"
        return None
    if target not in ROOMS and target not in NOBODY_INCLUDES:
        return None
    if target in (room, "base"):
        return None
    if target in NOBODY_INCLUDES:
        return f"nobody includes {target}; ask ops::make_backend"
    if target not in ROOMS[room]:
        if room in UPPER_FLOOR:
            return f"{room} is the upper floor: it may include whorl/*.h, base and text, not {target}"
        return f"{room} may not include {target}"
    return None


def check_source(room: str, path: Path) -> list[tuple[int, str]]:
    problems = []
    for line, bracket, header in includes(path):
        problem = check_third_party(room, path.suffix == ".h", header)
        if problem is None and "/" in header:
            problem = check_room(room, header)
        if bracket == '"' and "/" not in header and not (path.parent / header).exists():
            problem = f'"{header}" is not beside this file'
        if problem:
            problems.append((line, problem))
    return problems


def check_public(path: Path) -> list[tuple[int, str]]:
    problems = []
    for line, _, header in includes(path):
        if not header.startswith("whorl/") and not re.fullmatch(r"[a-z_0-9]+", header):
            problems.append(
                (line, f"a public header includes the standard library and whorl/ only, not {header}")
            )
    for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b", text):
            problems.append((line, "a public header has no #if"))
    return problems


def check_binding(path: Path) -> list[tuple[int, str]]:
    problems = []
    for line, _, header in includes(path):
        if header.split("/")[0] in ROOMS:
            problems.append((line, f"a binding sees include/whorl only, not {header}"))
        elif problem := check_third_party("python", path.suffix == ".h", header):
            problems.append((line, problem))
    return problems


def sources(folder: Path) -> list[Path]:
    return (
        sorted(p for p in folder.rglob("*") if p.suffix in {".h", ".cc", ".cu", ".cuh"})
        if folder.exists()
        else []
    )


def cycle_in(table: dict[str, set[str]]) -> list[str]:
    """A cycle in the table itself, or nothing: arrows point down."""
    done: set[str] = set()

    def visit(room: str, trail: list[str]) -> list[str]:
        if room in trail:
            return [*trail[trail.index(room) :], room]
        if room in done:
            return []
        for target in sorted(table.get(room, ())):
            if found := visit(target, [*trail, room]):
                return found
        done.add(room)
        return []

    return next((found for room in sorted(table) if (found := visit(room, []))), [])


def check(root: Path) -> list[str]:
    problems: list[str] = []

    def note(path: Path, found: list[tuple[int, str]]) -> None:
        problems.extend(f"{path.relative_to(root)}:{line}: {what}" for line, what in found)

    if cycle := cycle_in(ROOMS):
        problems.append("the table has a cycle: " + " → ".join(cycle))
    for folder in sorted(p for p in (root / "src").iterdir() if p.is_dir()):
        if folder.name not in ROOMS:
            problems.append(f"src/{folder.name}: no such room in tests/check_layers.py")
            continue
        for path in sources(folder):
            note(path, check_source(folder.name, path))
    # A shared library of its own, outside src: nothing there links it.
    for path in sources(root / "cuda"):
        note(path, check_source("cuda", path))
    for path in sources(root / "include"):
        note(path, check_public(path))
    for path in sources(root / "python" / "src"):
        note(path, check_binding(path))
    return problems


def main(arguments: list[str]) -> int:
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    problems = check(root)
    print("\n".join(problems) or "layers: every include points down")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
