"""Writes tests/golden/eval/*.json: what the reference implementations say of odd cases.

usage: python make_metric_vectors.py OUTPUT_FOLDER     in an environment with requirements.txt
BFCL's checker is asked where bfcl-eval is importable, or its folder is named by BFCL_ROOT; its vectors are left as
they are otherwise.
"""

from __future__ import annotations

import json
import math
import random
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import sklearn.metrics as skm
from metric_cases import PAIRS, STEM_WORDS, limit_pairs, random_pairs
from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.metrics.base import Metric
from sacrebleu.significance import _paired_ar_test, _paired_bs_test
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa

CORPUS_METRICS: dict[str, tuple[str, dict[str, Any]]] = {
    "bleu": ("bleu", {}),
    "bleu_effective": ("bleu", {"effective_order": True}),
    "bleu_lower_floor": ("bleu", {"lowercase": True, "smooth_method": "floor"}),
    "bleu_add_k": ("bleu", {"smooth_method": "add-k", "effective_order": True}),
    "bleu_no_smoothing": ("bleu", {"smooth_method": "none", "tokenize": "none"}),
    "bleu_char": ("bleu", {"tokenize": "char", "max_ngram_order": 6}),
    "chrf": ("chrf", {}),
    "chrf++": ("chrf", {"word_order": 2}),
    "chrf_eps_white_lower": (
        "chrf",
        {"eps_smoothing": True, "whitespace": True, "lowercase": True, "beta": 3},
    ),
    "ter": ("ter", {}),
    "ter_cased": ("ter", {"case_sensitive": True}),
    "ter_normalized": ("ter", {"normalized": True}),
    "ter_asian": ("ter", {"normalized": True, "asian_support": True, "no_punct": True}),
    "ter_no_punct": ("ter", {"no_punct": True}),
}
CLASSES = {"bleu": BLEU, "chrf": CHRF, "ter": TER}


def make(name: str) -> Metric:
    kind, options = CORPUS_METRICS[name]
    return CLASSES[kind](**options)


def signature(metric: Metric) -> str:
    return "|".join(part for part in str(metric.get_signature()).split("|") if not part.startswith("version"))


def by_reference(pairs: list[tuple[str, list[str]]]) -> list[list[str | None]]:
    most = max(len(references) for _, references in pairs)
    return [[r[i] if i < len(r) else None for _, r in pairs] for i in range(most)]


def corpus_vectors() -> dict[str, Any]:
    pairs = PAIRS + limit_pairs() + random_pairs(7, 60, 40) + random_pairs(8, 6, 150)
    out: dict[str, Any] = {"pairs": pairs, "metrics": {}}
    groups = {
        "all": pairs,
        "perfect": [(r[0], [r[0]]) for _, r in random_pairs(9, 20, 25)],
        "empty": PAIRS[:3],
    }
    out["groups"] = groups
    for name in CORPUS_METRICS:
        kind, options = CORPUS_METRICS[name]
        sentences = []
        for hypothesis, references in pairs:
            metric = make(name)
            sentences.append(metric.sentence_score(hypothesis, references).score)
        metric = make(name)
        metric.sentence_score("a", ["b"])
        entry = {"kind": kind, "options": options, "sentences": sentences, "signature": signature(metric)}
        entry["corpora"] = {
            key: make(name).corpus_score([h for h, _ in rows], by_reference(rows)).score
            for key, rows in groups.items()
        }
        out["metrics"][name] = entry
    return out


def rouge_vectors() -> dict[str, Any]:
    pairs = PAIRS + random_pairs(17, 40, 40)
    types = ["rouge1", "rouge2", "rouge3", "rougeL", "rougeLsum"]
    out: dict[str, Any] = {"types": types, "pairs": pairs, "plain": [], "stemmed": []}
    for key, stem in (("plain", False), ("stemmed", True)):
        scorer = rouge_scorer.RougeScorer(types, use_stemmer=stem)
        for hypothesis, references in pairs:
            scores = scorer.score_multi(references, hypothesis)
            out[key].append({t: list(scores[t]) for t in types})
    stemmer = PorterStemmer()
    out["stems"] = {word: stemmer.stem(word) for word in STEM_WORDS}
    return out


def f1_of(gold: list[str], got: list[str], average: str, positive: str) -> list[float]:
    p, r, f, _ = skm.precision_recall_fscore_support(
        gold, got, average=average, pos_label=positive, zero_division=0
    )
    return [float(p), float(r), float(f)]


def label_vectors() -> list[dict[str, Any]]:
    rng = random.Random(3)
    cases = [
        (["1", "0", "1", "1"], ["1", "1", "0", "1"]),
        (["0", "0"], ["0", "0"]),
        (["1"], ["0"]),
        (["1", "1"], ["1", "1"]),
        (["a", "b", "c"], ["a", "c", "d"]),
    ]
    for classes, rows in ((2, 30), (3, 50), (11, 400), (150, 700)):
        gold = [str(rng.randrange(classes)) for _ in range(rows)]
        got = [g if rng.random() < 0.6 else str(rng.randrange(classes)) for g in gold]
        cases.append((gold, got))
    out = []
    for gold, got in cases:
        entry: dict[str, Any] = {"gold": gold, "got": got, "accuracy": float(skm.accuracy_score(gold, got))}
        entry["mcc"] = float(skm.matthews_corrcoef(gold, got))
        for average in ("macro", "micro", "weighted"):
            entry[average] = f1_of(gold, got, average, "1")
        if len(set(gold) | set(got)) <= 2 and "1" in set(gold) | set(got):
            entry["binary"] = f1_of(gold, got, "binary", "1")
        out.append(entry)
    return out


def calibration_of(confidences: list[float], correct: list[int], bins: int) -> dict[str, Any]:
    """Guo et al. 2017, written down with numpy."""
    c, y = np.array(confidences), np.array(correct, dtype=float)
    edges = np.linspace(0, 1, bins + 1)
    index = np.clip(np.searchsorted(edges, c, side="left") - 1, 0, bins - 1)
    gaps, counts = np.zeros(bins), np.zeros(bins)
    for b in range(bins):
        chosen = index == b
        counts[b] = chosen.sum()
        if counts[b]:
            gaps[b] = abs(y[chosen].mean() - c[chosen].mean())
    return {
        "bins": bins,
        "counts": counts.astype(int).tolist(),
        "ece": float((gaps * counts).sum() / len(c)),
        "mce": float(gaps.max()),
        "brier": float(np.mean((c - y) ** 2)),
    }


def probability_vectors() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    logits = rng.normal(size=(40, 5)) * 3
    gold = rng.integers(5, size=40)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    brier = float(np.mean(np.sum((probabilities - np.eye(5)[gold]) ** 2, axis=1)))
    confidences = [0.0, 1.0, 0.1, 0.2, 0.3, 0.6, 0.7] + rng.random(93).tolist()
    correct = [int(x) for x in rng.random(100) < np.array(confidences)]
    passes = [
        (5, 0, 1),
        (5, 5, 5),
        (5, 2, 1),
        (10, 3, 5),
        (200, 7, 100),
        (200, 1, 1),
        (1000, 13, 10),
        (20, 10, 11),
    ]
    passes += [(10000, 3, 100), (100000, 250, 40), (3, 1, 3)]
    texts = ["", " a  b\n", "one two", "é 中\u00a0文\u2003x", "tail "]
    lls = [-1.5, -7.25, -3.125, -20.0, -0.1]
    units = [(3, len(__import__("re").split(r"\s+", t)), len(t.encode())) for t in texts]
    total = sum(lls)
    per = [math.exp(-(total / sum(u[i] for u in units))) for i in range(3)]
    return {
        "logits": logits.tolist(),
        "gold": gold.tolist(),
        "probabilities": probabilities.tolist(),
        "brier": brier,
        "confidences": confidences,
        "correct": correct,
        "calibration": [calibration_of(confidences, correct, bins) for bins in (1, 10, 15)],
        "pass_at_k": [[n, c, k, 1 - math.comb(n - c, k) / math.comb(n, k)] for n, c, k in passes],
        "texts": texts,
        "log_likelihoods": lls,
        "units": units,
        "perplexity": [*per, -(total / sum(u[2] for u in units)) / math.log(2)],
    }


def lm_eval_stderr(values: list[float], statistic: Any, iterations: int) -> float:
    """The bootstrap of lm-evaluation-harness: chunks of 1,000, each with a generator of its own."""
    chunk, drawn = min(1000, iterations), []
    for i in range(iterations // chunk):
        rng = random.Random(i)
        drawn += [statistic(rng.choices(values, k=len(values))) for _ in range(chunk)]
    mean = sum(drawn) / len(drawn)
    return math.sqrt(sum((x - mean) ** 2 for x in drawn) / (len(drawn) - 1))


def corpus_statistics() -> dict[str, Any]:
    pairs = [(h, r[:1]) for h, r in random_pairs(21, 50, 25)]
    hypotheses = [h for h, _ in pairs]
    rivals = [h for _, (h, *_) in random_pairs(21, 50, 25)]
    rivals = [h if i % 3 else r for i, (h, r) in enumerate(zip(rivals, hypotheses, strict=True))]
    references = [[r[0] for _, r in pairs]]
    out: dict[str, Any] = {
        "hypotheses": hypotheses,
        "rivals": rivals,
        "references": references[0],
        "metrics": {},
    }
    for name in ("bleu", "chrf", "chrf++", "ter"):
        score = make(name).corpus_score(hypotheses, references, n_bootstrap=1000)
        metric = make(name)
        base = metric._extract_corpus_statistics(hypotheses, references)
        info = {name: (base, metric._aggregate_and_compute(base))}
        arrays = {name: (np.array(base), info[name][1])}
        _, boot = _paired_bs_test(info, "r", rivals, references, {name: make(name)}, 1000, -1, 12345)
        _, swap = _paired_ar_test(arrays, "r", rivals, references, {name: make(name)}, 2000, -1, 12345)
        out["metrics"][name] = {
            "score": float(score.score),
            "mean": float(score._mean),
            "half_width": float(score._ci),
            "paired": [
                float(boot[name].score),
                boot[name].p_value,
                float(boot[name].mean),
                float(boot[name].ci),
            ],
            "swapped": [float(swap[name].score), swap[name].p_value],
        }
    return out


def statistics_vectors() -> dict[str, Any]:
    rng = np.random.default_rng(11)
    values = rng.normal(size=37).tolist()
    clusters = [f"c{int(x)}" for x in rng.integers(9, size=37)]
    v, total = np.array(values), 0.0
    for c in set(clusters):
        total += float((v - v.mean())[np.array(clusters) == c].sum()) ** 2
    groups = len(set(clusters))
    clustered = math.sqrt(groups / ((groups - 1) * 37**2) * total)
    t95 = float(stats.t.ppf(0.975, groups - 1))
    first = [str(x) for x in rng.integers(3, size=80)]
    second = [a if rng.random() < 0.7 else str(rng.integers(3)) for a in first]
    table = [
        [sum(a == str(i) and b == str(j) for a, b in zip(first, second, strict=True)) for j in range(3)]
        for i in range(3)
    ]
    kappa = cohens_kappa(np.array(table))
    x, y = rng.integers(2, size=60), rng.integers(2, size=60)
    real_x, real_y = rng.normal(size=14), rng.normal(size=14) + 0.4
    flips = stats.permutation_test(
        (real_y - real_x,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=False
    )
    generators: dict[str, Any] = {}
    for seed in (0, 1, 12345, 2**40 + 7):
        g = np.random.default_rng(seed)
        generators[str(seed)] = {
            "choice": g.choice(1000, size=7).tolist(),
            "odd": g.choice(3_000_000_001, size=5).tolist(),
            "bits": g.integers(2, size=70, dtype=bool).astype(int).tolist(),
            "after": g.choice(7, size=5).tolist(),
            "python": [random.Random(seed).choices(range(97), k=8)][0],
        }
    return {
        "values": values,
        "clusters": clusters,
        "clustered": [float(v.mean()), clustered, t95 * clustered],
        "lm_eval_mean": lm_eval_stderr(values, lambda s: sum(s) / len(s), 2000),
        "lm_eval_median": lm_eval_stderr(values, lambda s: sorted(s)[len(s) // 2], 500),
        "kappa": {
            "first": first,
            "second": second,
            "value": [
                float(kappa.kappa),
                float(kappa.std_kappa),
                float(kappa.kappa_low),
                float(kappa.kappa_upp),
            ],
        },
        "mcnemar": [
            [b, c, float(stats.binomtest(min(b, c), b + c).pvalue)]
            for b, c in ((0, 5), (3, 9), (10, 10), (40, 71), (1000, 1111), (1, 0))
        ],
        "sign": [
            [b, c, float(stats.binomtest(b, b + c, alternative="greater").pvalue)]
            for b, c in ((5, 0), (9, 3), (10, 10), (3, 9), (700, 650))
        ],
        "binary": {
            "x": x.tolist(),
            "y": y.tolist(),
            "difference": float(np.mean(y - x)),
            "stderr": float(stats.sem(y - x)),
            "correlation": float(np.corrcoef(x, y)[0, 1]),
        },
        "real": {"x": real_x.tolist(), "y": real_y.tolist(), "p": float(flips.pvalue)},
        "quantiles": [
            [p, float(stats.norm.ppf(p))] for p in (1e-10, 0.001, 0.025, 0.2, 0.5, 0.8, 0.95, 0.975, 0.9999)
        ],
        "generators": generators,
        "corpus": corpus_statistics(),
    }


def squad_vectors() -> list[dict[str, Any]]:
    """SQuAD 1.1's published script, by its rules: lower, punctuation, articles, white space."""
    import re
    import string
    from collections import Counter

    def normal(text: str) -> list[str]:
        kept = "".join(c for c in text.lower() if c not in set(string.punctuation))
        return re.sub(r"\b(a|an|the)\b", " ", kept).split()

    def f1(gold: str, got: str) -> float:
        a, b = normal(got), normal(gold)
        same = sum((Counter(a) & Counter(b)).values())
        if same == 0:
            return 0
        p, r = 1.0 * same / len(a), 1.0 * same / len(b)
        return (2 * p * r) / (p + r)

    cases = [(h, r) for h, r in PAIRS]
    cases += [
        ("the-cat", ["cat", "thecat"]),
        ("A an THE", [""]),
        ("_the_ the_ à the", ["the_ à"]),
        ("the\u0301 cat", ["cat"]),
    ]
    cases += [("½the ²a", ["½the"]), ("Theodore the theme", ["theodore theme"])]
    return [
        {
            "got": got,
            "answers": answers,
            "exact": max(float(normal(got) == normal(a)) for a in answers),
            "f1": max(f1(a, got) for a in answers),
        }
        for got, answers in cases
    ]


def exact_match_vectors() -> list[dict[str, Any]]:
    import re
    import string

    options: list[dict[str, Any]] = [
        {},
        {"ignore_case": True},
        {"ignore_case": True, "ignore_punctuation": True},
        {"ignore_numbers": True},
        {"regexes_to_ignore": [",", "\\$", "(?s).*#### ", "\\.$"]},
        {"regexes_to_ignore": [r"\s+", r"(?<=x)\d", r"^the\b"], "ignore_case": True},
    ]
    pairs = [
        ("so 3*4\n#### 1,200.", "$1200"),
        ("1200.\n", "1200\n"),
        ("5.\n\n", "5\n\n"),
        ("x12 y", "x2y"),
        (" a", "a"),
    ]
    pairs += [
        ("THE Cat", "Cat"),
        ("ΟΔΟΣ", "οδος"),
        ("a1b2", "ab"),
        ("it's", "its"),
        ("٣", ""),
        ("the\u00a0cat", "\u2003cat"),
    ]
    pairs += [(r[0], h) for h, r in PAIRS]

    def reduced(text: str, o: dict[str, Any]) -> str:
        for pattern in o.get("regexes_to_ignore", []):
            text = re.sub(pattern, "", text)
        if o.get("ignore_case"):
            text = text.lower()
        if o.get("ignore_punctuation"):
            text = text.translate(str.maketrans("", "", string.punctuation))
        if o.get("ignore_numbers"):
            text = text.translate(str.maketrans("", "", string.digits))
        return text

    return [
        {"options": o, "expected": a, "got": b, "score": float(reduced(a, o) == reduced(b, o))}
        for o in options
        for a, b in pairs
    ]


def schema_vectors() -> list[dict[str, Any]]:
    from schema_cases import CASES

    out = []
    for schema, values in CASES:
        checker = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)(schema)
        out.append({"schema": schema, "values": [[json.dumps(v), checker.is_valid(v)] for v in values]})
    return out


def write(folder: Path, name: str, value: Any) -> None:
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    (folder / f"{name}.json").write_text(text + "\n")
    print(f"{name}.json: {len(text)} bytes")


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, "corpus", corpus_vectors())
    write(folder, "rouge", rouge_vectors())
    write(folder, "labels", label_vectors())
    write(folder, "probabilities", probability_vectors())
    write(folder, "squad", squad_vectors())
    write(folder, "exact_match", exact_match_vectors())
    write(folder, "schema", schema_vectors())
    write(folder, "statistics", statistics_vectors())
    packages = (
        "sacrebleu",
        "rouge_score",
        "nltk",
        "scikit-learn",
        "scipy",
        "numpy",
        "jsonschema",
        "statsmodels",
    )
    write(
        folder, "versions", {"python": sys.version.split()[0], **{name: version(name) for name in packages}}
    )
    try:
        from bfcl_vectors import vectors
    except ImportError as error:
        print(f"bfcl.json is left as it is: {error}")
    else:
        write(folder, "bfcl", vectors())


if __name__ == "__main__":
    main()
