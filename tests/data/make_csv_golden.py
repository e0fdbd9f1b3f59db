"""Writes csv_golden.jsonl: random tables as Python's csv module writes and reads them."""

import csv
import io
import json
import pathlib
import random

random.seed(7)
PIECES = ["a", "b ", ",", '"', "\n", "\r\n", "é", "中", "", " ", "'", "\t", "1.50", ";", '""']
lines = []
for _ in range(150):
    columns = [f"c{i}" for i in range(random.randint(1, 4))]
    table = [
        ["".join(random.choices(PIECES, k=random.randint(0, 5))) for _ in columns]
        for _ in range(random.randint(1, 5))
    ]
    # A row of nothing but one empty cell is a blank line, which readers skip.
    table = [row if any(row) else [*row[:-1], "x"] for row in table]
    out = io.StringIO(newline="")
    quoting = random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    writer = csv.writer(out, quoting=quoting, lineterminator=random.choice(["\r\n", "\n"]))
    writer.writerow(columns)
    writer.writerows(table)
    read = list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    assert [[row[c] for c in columns] for row in read] == table
    lines.append(json.dumps({"text": out.getvalue(), "rows": read}, ensure_ascii=False))
pathlib.Path(__file__).with_name("csv_golden.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
