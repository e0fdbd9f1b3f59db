"""Text metrics against sacrebleu and rouge-score on the same texts, in one run and on one thread.

usage: python benchmarks/metrics.py [--rows 300] [--words 100]
Skips, with a sentence, what is not installed (see tests/parity/requirements.txt). Every metric's values are
compared before its speed is: a ratio of two different things is none.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import whorl

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "parity"))
from metric_cases import WORDS, disturbed


def seconds(work: Callable[[], object], least: float = 0.3) -> float:
    """The quickest of as many runs as fit, at least one."""
    best, begin = float("inf"), time.perf_counter()
    while True:
        start = time.perf_counter()
        work()
        now = time.perf_counter()
        best = min(best, now - start)
        if now - begin > least:
            return best


def texts(rows: int, words: int) -> tuple[list[str], list[str]]:
    rng = random.Random(1)
    references = [
        [rng.choice(WORDS) for _ in range(rng.randint(words // 2, words * 3 // 2))] for _ in range(rows)
    ]
    return [" ".join(disturbed(rng, r)) for r in references], [" ".join(r) for r in references]


def report(name: str, rows: int, theirs: Callable[[], list[float]], ours: Callable[[], list[float]]) -> None:
    if theirs() != ours():
        raise SystemExit(f"{name}: the values differ, so the speeds cannot be compared")
    their_time, our_time = seconds(theirs), seconds(ours)
    print(f"{name:22} {rows / their_time:10.0f} {rows / our_time:12.0f} {their_time / our_time:8.0f} x")


def corpus_metrics(hypotheses: list[str], references: list[str]) -> None:
    try:
        from sacrebleu.metrics import BLEU, CHRF, TER
    except ImportError:
        print("BLEU, chrF, TER: skipped, sacrebleu is not installed")
        return
    logging.getLogger("sacrebleu").setLevel(logging.ERROR)
    theirs = {"bleu": BLEU, "chrf": CHRF, "chrf++": lambda: CHRF(word_order=2), "ter": TER}
    for name, make in theirs.items():
        metric = whorl.CorpusMetric.named(name)
        per_row = [[r] for r in references]

        def reference(make: Callable = make) -> list[float]:
            made = make()
            # sacrebleu keeps tokenized texts between calls; a run of one's own does not find them there.
            tokenizer = getattr(made, "tokenizer", None)
            for cached in (tokenizer, getattr(tokenizer, "_post_tokenizer", None)):
                clear = getattr(vars(type(cached)).get("__call__"), "cache_clear", None)
                if clear:
                    clear()
            return [made.corpus_score(hypotheses, [references]).score]

        report(
            name,
            len(hypotheses),
            reference,
            lambda metric=metric, rows=per_row: [metric.corpus(hypotheses, rows)],
        )


def rouge(hypotheses: list[str], references: list[str]) -> None:
    try:
        from rouge_score import rouge_scorer
    except ImportError:
        print("ROUGE: skipped, rouge-score is not installed")
        return
    types = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    for stem in (False, True):
        scorer = rouge_scorer.RougeScorer(types, use_stemmer=stem)

        def theirs(scorer: rouge_scorer.RougeScorer = scorer) -> list[float]:
            scores = [scorer.score(r, h) for h, r in zip(hypotheses, references, strict=True)]
            return [s[t].fmeasure for s in scores for t in types]

        def ours(stem: bool = stem) -> list[float]:
            options = whorl.RougeOptions(types=types, use_stemmer=stem)
            scores = [whorl.rouge(r, h, options=options) for h, r in zip(hypotheses, references, strict=True)]
            return [s[t].fmeasure for s in scores for t in types]

        report("ROUGE, stemmed" if stem else "ROUGE", len(hypotheses), theirs, ours)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--words", type=int, default=100, help="of a text, on average")
    arguments = parser.parse_args()
    hypotheses, references = texts(arguments.rows, arguments.words)
    print(f"{arguments.rows} rows of about {arguments.words} words, rows per second:")
    print(f"{'':22} {'reference':>10} {'whorl':>12} {'ratio':>10}")
    corpus_metrics(hypotheses, references)
    rouge(hypotheses, references)


if __name__ == "__main__":
    main()
