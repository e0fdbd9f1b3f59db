"""Writes unicode_tables.inc: what Python's str knows of Unicode 14. Run with Python 3.11 (Unicode 14)."""

import pathlib
import sys
import unicodedata
from collections.abc import Callable

assert unicodedata.unidata_version == "14.0.0", unicodedata.unidata_version
CODES = [code for code in range(0x80, 0x110000) if not 0xD800 <= code < 0xE000]


def ranges(belongs: Callable[[str], bool]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for code in CODES:
        if belongs(chr(code)):
            if found and found[-1][1] == code - 1:
                found[-1] = (found[-1][0], code)
            else:
                found.append((code, code))
    return found


def is_final_sigma(text: str) -> bool:
    return text.lower().endswith("ς")


def cased(char: str) -> bool:
    return is_final_sigma(char + "Σ")


# Σ at the end of a word is ς: what stands before it, past what case ignores, must have case.
def ignored(char: str) -> bool:
    return is_final_sigma("a" + char + "Σ") and not cased(char)


TABLES: list[tuple[str, Callable[[str], bool]]] = [
    ("kWord", str.isalnum),
    ("kCased", cased),
    ("kCaseIgnored", ignored),
    ("kDigit", str.isdecimal),
]

text = "// Written by make_unicode_tables.py: first and last of each range beyond ASCII.\n"
for name, belongs in TABLES:
    text += f"constexpr Range {name}[] = {{\n"
    line = "   "
    for first, last in ranges(belongs):
        item = f" {{{first:#x}, {last:#x}}},"
        if len(line) + len(item) > 110:
            text += line + "\n"
            line = "   "
        line += item
    text += line + "\n};\n"
pathlib.Path(__file__).with_name("unicode_tables.inc").write_text(text)
print(len(text), file=sys.stderr)
