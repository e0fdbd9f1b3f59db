"""The metrics against the packages that papers quote, live, on real texts and on disturbed ones."""

from __future__ import annotations

import json
import logging

import pytest
import whorl
from metric_cases import PAIRS, STEM_WORDS, disturbed, limit_pairs, random_pairs

sacrebleu_metrics = pytest.importorskip("sacrebleu.metrics", reason="needs requirements.txt")
rouge_scorer = pytest.importorskip("rouge_score.rouge_scorer", reason="needs requirements.txt")
porter = pytest.importorskip("nltk.stem.porter", reason="needs requirements.txt")
logging.getLogger("sacrebleu").setLevel(logging.ERROR)


def real_texts(shared_data, count: int) -> list[str]:
    """Answers of GSM8K and whatever other long texts there are, as they stand."""
    texts: list[str] = []
    for path in sorted(shared_data.glob("gsm8k/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines()[:count]:
            texts += [value for value in json.loads(line).values() if isinstance(value, str)]
    if not texts:
        pytest.skip("gsm8k is not in the shared data folder")
    return texts[:count]


@pytest.fixture(scope="module")
def pairs(shared_data):
    import random

    rng = random.Random(5)
    made = random_pairs(31, 150, 60) + PAIRS + limit_pairs()
    for text in real_texts(shared_data, 200):
        # Line by line disturbed, so that line feeds and double spaces stay.
        lines = [" ".join(disturbed(rng, line.split(" "))) for line in text.split("\n")]
        made.append(("\n".join(lines), [text]))
    return made


# sacrebleu's TER takes seconds for ten texts.
def chosen(name, pairs):
    return pairs[::5] if name == "ter" else pairs


REFERENCES = {
    "bleu": lambda: sacrebleu_metrics.BLEU(),
    "chrf": lambda: sacrebleu_metrics.CHRF(),
    "chrf++": lambda: sacrebleu_metrics.CHRF(word_order=2),
    "ter": lambda: sacrebleu_metrics.TER(),
}


@pytest.mark.parametrize("name", list(REFERENCES))
def test_sentences_are_sacrebleus_to_the_bit(name, pairs):
    ours, theirs = whorl.CorpusMetric.named(name), REFERENCES[name]()
    for hypothesis, references in chosen(name, pairs):
        assert ours.sentence(hypothesis, references) == theirs.sentence_score(hypothesis, references).score, (
            hypothesis
        )


@pytest.mark.parametrize("name", list(REFERENCES))
def test_corpora_and_their_intervals_are_sacrebleus_to_the_bit(name, pairs):
    pairs = chosen(name, pairs)
    hypotheses, references = [h for h, _ in pairs], [r[0] for _, r in pairs]
    theirs = REFERENCES[name]().corpus_score(hypotheses, [references], n_bootstrap=300)
    ours = whorl.CorpusMetric.named(name)
    counts = [ours.counts(h, [r]) for h, r in zip(hypotheses, references, strict=True)]
    result = whorl.bootstrap_corpus(ours, counts, resamples=300)
    assert result.score.value == theirs.score == ours.corpus(hypotheses, [[r] for r in references])
    assert (result.mean, result.half_width) == (float(theirs._mean), float(theirs._ci))


@pytest.mark.parametrize("stem", [False, True])
def test_rouge_is_rouge_scores_to_the_bit(stem, pairs):
    types = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    scorer = rouge_scorer.RougeScorer(types, use_stemmer=stem)
    for hypothesis, references in pairs:
        theirs = scorer.score_multi(references, hypothesis)
        ours = whorl.rouge(references, hypothesis, types=types, use_stemmer=stem)
        for kind in types:
            score = ours[kind]
            assert (score.precision, score.recall, score.fmeasure) == tuple(theirs[kind]), (kind, hypothesis)


def test_stems_are_nltks(pairs):
    stemmer = porter.PorterStemmer()
    words = set(STEM_WORDS) | {w for h, _ in pairs for w in h.split() if w.isascii()}
    assert {w: whorl.porter_stem(w) for w in words} == {w: stemmer.stem(w) for w in words}
