"""Writes lower_case.inc: Unicode's simple lower-case mappings as ranges. Run with Python 3.11 (Unicode 14)."""

import pathlib
import unicodedata

assert unicodedata.unidata_version == "14.0.0", unicodedata.unidata_version
pairs = []
for code in range(0x80, 0x110000):
    lower = chr(code).lower()
    target = 0x69 if code == 0x130 else ord(lower) if len(lower) == 1 else code
    if target != code:
        pairs.append((code, target - code))

ranges = []
for code, delta in pairs:
    if ranges:
        first, last, old_delta, step = ranges[-1]
        gap = code - last
        if delta == old_delta and gap in (1, 2) and step in (0, gap):
            ranges[-1] = (first, code, delta, gap)
            continue
    ranges.append((code, code, delta, 0))

lines = [f"{{{a:#x}, {b:#x}, {d}, {s or 1}}}," for a, b, d, s in ranges]
text = "// Written by make_lower_case.py: first, last, delta, step.\n"
for i in range(0, len(lines), 4):
    text += " ".join(lines[i : i + 4]) + "\n"
pathlib.Path(__file__).with_name("lower_case.inc").write_text(text)
