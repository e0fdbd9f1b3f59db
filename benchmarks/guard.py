#!/usr/bin/env python3
"""The guard's rails that need no model, and its PII finder beside Presidio's pattern recognisers, in one run.

usage: python3 benchmarks/guard.py --binary build/release/benchmarks/guard_benchmark [--labels FILE] [--text FILE] [--moderation FILE]

Latency comes from the C++ benchmark (cmake -DWHORL_BUILD_BENCHMARKS=ON). Precision and recall are over the labelled
texts of presidio-research (synth_dataset_v2.json): a span is right where it overlaps a label of the same entity. Presidio
runs through its recognisers alone, without a language model and without its context words, which need one; so a second
Whorl row has its context words switched off in the same way, by leaving out what needs them (score_threshold 0.5).

Measured on one core of an AMD EPYC server, other work on the machine, Presidio 2.2.360:

| what | Whorl | Presidio's pattern recognisers | command |
|---|---|---|---|
| PII, 1,500 labelled texts: precision, recall | 0.989, 0.932 | | --labels presidio_synth_v2.json |
| the same without context words | 0.994, 0.924 | 0.808, 0.784 | the same |
| its throughput through Python, with and without context words | 11.8, 18.4 MB/s | 0.21 MB/s | the same |
| all rails on 4 KB of Wikipedia, median | 74 us | | guard_benchmark wiki_demo.txt 4096 2000 |
| on 4 KB of the open web | 91 us | | guard_benchmark c4_demo.jsonl 4096 2000 |
| on 4 KB of the labelled texts, 12 findings, look-alikes | 132 us | | guard_benchmark with their full_text |
| moderation samples that rails block, of 1,158 without a label and 522 with one | | | --moderation FILE |
| ... jailbreak detection patterns | 2 and 0 | | |
| ... injection detection | 2 and 1 | | |
| ... detect secrets on input | 1 and 0 | | |

Text full of other scripts' letters and spelt-out ones takes longer since up to four of its views differ and each is
searched: of the 132 us a third goes into the rules, just under a third into making views, and as much into PII.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.metadata
import json
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common
import whorl

ENTITIES = {
    "EMAIL_ADDRESS": "EmailRecognizer",
    "PHONE_NUMBER": "PhoneRecognizer",
    "CREDIT_CARD": "CreditCardRecognizer",
    "IBAN_CODE": "IbanRecognizer",
    "IP_ADDRESS": "IpRecognizer",
    "US_SSN": "UsSsnRecognizer",
    "US_DRIVER_LICENSE": "UsLicenseRecognizer",
    "DOMAIN_NAME": "UrlRecognizer",
}
Span = tuple[str, int, int]
Finder = Callable[[str], list[Span]]


def whorl_finder(threshold: float) -> Finder:
    options = whorl.FindPiiOptions(entities=list(ENTITIES), score_threshold=threshold)

    def find(text: str) -> list[Span]:
        return [(e.entity, e.begin, e.end) for e in whorl.find_pii(text, options=options)]

    return find


def presidio_finder() -> Finder:
    """ImportError where presidio-analyzer is not installed."""
    import tldextract
    from presidio_analyzer import predefined_recognizers

    # Its list of public suffixes comes with the package; fetching a newer one is not what is measured.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    makers = [(entity, getattr(predefined_recognizers, name)()) for entity, name in ENTITIES.items()]

    def find(text: str) -> list[Span]:
        found = []
        for entity, recognizer in makers:
            for result in recognizer.analyze(text, recognizer.supported_entities, nlp_artifacts=None) or []:
                if result.score >= 0.4:
                    found.append((entity, result.start, result.end))
        return found

    return find


def quality(find: Finder, rows: list[dict[str, Any]]) -> dict[str, float]:
    right = wrong = missed = 0
    for row in rows:
        left = find(row["full_text"])
        for span in row["spans"]:
            if span["entity_type"] not in ENTITIES:
                continue
            begin, end = span["start_position"], span["end_position"]
            hit = next((f for f in left if f[0] == span["entity_type"] and f[1] < end and begin < f[2]), None)
            if hit is None:
                missed += 1
            else:
                right += 1
                left.remove(hit)
        wrong += len(left)
    return {"precision": right / max(right + wrong, 1), "recall": right / max(right + missed, 1)}


def throughput(find: Finder, texts: list[str], rounds: int) -> float:
    size = sum(len(text.encode()) for text in texts)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for text in texts:
            find(text)
        times.append(time.perf_counter() - start)
    return size / statistics.median(times) / 1e6


def latencies(binary: Path, text: Path | None) -> list[dict[str, Any]]:
    command = [str(binary), *([str(text)] if text else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(labels: Path) -> list[dict[str, Any]]:
    rows = json.loads(labels.read_text(encoding="utf-8"))
    texts = [row["full_text"] for row in rows]
    table = []
    for name, make, rounds in (
        ("whorl", lambda: whorl_finder(0.4), 5),
        ("whorl, no context words", lambda: whorl_finder(0.5), 5),
        ("presidio pattern recognisers", presidio_finder, 1),
    ):
        try:
            find = make()
        except ImportError:
            print(f"{name}: skipped, presidio-analyzer is not installed here")
            continue
        if name.startswith("presidio"):
            name += " " + importlib.metadata.version("presidio-analyzer")
        table.append(
            {"finder": name, **quality(find, rows), "megabytes_per_s": throughput(find, texts, rounds)}
        )
    return table


def moderation(samples: Path) -> list[dict[str, Any]]:
    """How often each rail without a model fires on the samples of openai/moderation-api-release.

    Their labels (sexual, hate, violence, self-harm) are the business of a judge. What these rails can be asked is how
    often they block people who attack nothing: rows without any label are innocent, the others are only unpleasant.
    """
    flows = ("jailbreak detection patterns", "injection detection", "detect secrets on input")
    labels = ("S", "H", "V", "HR", "SH", "S3", "H2", "V2")
    with gzip.open(samples, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    table = []
    for flow in flows:
        rails = whorl.Guardrail.from_yaml(f"rails: {{input: {{flows: [{flow}]}}}}")
        counts = {"innocent": [0, 0], "labelled": [0, 0]}
        for row in rows:
            count = counts["labelled" if any(row.get(key) for key in labels) else "innocent"]
            count[0] += not rails.check_input(row["prompt"]).allowed
            count[1] += 1
        table.append({"flow": flow, **{f"{kind}_{what}": n for kind, pair in counts.items()
                                       for what, n in zip(("blocked", "rows"), pair, strict=True)}})  # fmt: skip
    return table


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", type=Path, help="guard_benchmark; without it no latencies")
    arguments.add_argument("--text", type=Path, help="its first 4,096 bytes are checked; default: a sentence")
    arguments.add_argument("--labels", type=Path, help="synth_dataset_v2.json of presidio-research")
    arguments.add_argument("--moderation", type=Path, help="samples-1680.jsonl.gz of moderation-api-release")
    arguments.add_argument("--json", action="store_true", help="one JSON object, nothing else")
    chosen = arguments.parse_args()
    latency = latencies(chosen.binary, chosen.text) if chosen.binary else []
    table = compare(chosen.labels) if chosen.labels else []
    facts = {"machine": common.cpu_name(), "commit": common.commit(), "latency": latency, "pii": table}
    facts["moderation"] = moderation(chosen.moderation) if chosen.moderation else []
    if chosen.json:
        print(json.dumps(facts))
        return
    print(f"{facts['machine']}, commit {facts['commit']}, one thread\n")
    for row in latency:
        print(
            f"{row['rails']:>20}  {row['bytes']} bytes  median {row['median_us']:9.2f} us  p99 {row['p99_us']:9.2f} us"
        )
    print()
    for row in table:
        print(
            f"{row['finder']:<42} precision {row['precision']:.3f}  recall {row['recall']:.3f}  "
            f"{row['megabytes_per_s']:9.2f} MB/s"
        )
    print()
    for row in facts["moderation"]:
        print(
            f"{row['flow']:<42} blocks {row['innocent_blocked']} of {row['innocent_rows']} innocent texts, "
            f"{row['labelled_blocked']} of {row['labelled_rows']} with a label"
        )


if __name__ == "__main__":
    main()
