#!/usr/bin/env python3
"""What rounding a base costs: perplexity of Whorl's and llama.cpp's forms of the same weights, on the same windows of the
same text, in one run.

Three models: stories260K (really trained, by others), a small one that Whorl trains here on plain text (widths that are
multiples of 256, so that every kind of llama.cpp fits), and the demo's base on fresh rows of the corpus that it was made
from: on what the assistant says in them, which is all that it was trained to predict. Two of them need ../shared/data (or
WHORL_SHARED_DATA) and are named as left out where it is absent.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import common
import llama_peer
import numpy
import worker

ROOT = Path(__file__).resolve().parent.parent
BASE = ROOT / "python" / "whorl" / "data" / "demo_base"
KINDS = ["Q8_0", "Q6_K", "Q4_0", "Q4_K_M"]
STEPS, LENGTH, ROWS = 100, 256, 8  # of the training


def windows(ids: list[int], count: int, length: int) -> list[list[int]]:
    """`count` windows of `length` tokens, spread evenly; no two share a token."""
    whole = len(ids) // length
    picked = sorted({i * whole // count for i in range(min(count, whole))})
    return [ids[i * length : (i + 1) * length] for i in picked]


# Token ids, and which of them (not the first) are to be predicted.
Piece = tuple[list[int], list[int]]


def whole(windows: list[list[int]]) -> list[Piece]:
    return [(ids, list(range(1, len(ids)))) for ids in windows]


def losses(logits: numpy.ndarray, ids: list[int]) -> numpy.ndarray:
    """-log p of each token but the first, in float64."""
    x = logits[:-1].astype(numpy.float64)
    top = x.max(axis=1, keepdims=True)
    total = numpy.log(numpy.exp(x - top).sum(axis=1)) + top[:, 0]
    return total - x[numpy.arange(len(ids) - 1), ids[1:]]


def losses_of(side: worker.Worker, pieces: list[Piece]) -> numpy.ndarray:
    found = [
        losses(numpy.asarray(side.ask("logits", ids)), ids)[numpy.array(asked) - 1] for ids, asked in pieces
    ]
    return numpy.concatenate(found)


PAIRS = {"int8": "Q8_0", "int4": "Q4_0"}


def paired(found: dict[str, numpy.ndarray]) -> dict[str, dict[str, float]]:
    """Whorl's perplexity over llama.cpp's of the same size as a difference of logarithms, and its standard error:
    token by token, since both sides read the same ones."""
    pairs = {}
    for ours, theirs in PAIRS.items():
        if f"llama.cpp {theirs}" in found:
            difference = found[f"Whorl {ours}"] - found[f"llama.cpp {theirs}"]
            error = difference.std(ddof=1) / numpy.sqrt(len(difference))
            pairs[ours] = {"log_ratio": float(difference.mean()), "standard_error": float(error)}
    return pairs


class Whorl:
    def __init__(self, path: str, options: dict[str, Any]) -> None:
        import whorl

        self.model = whorl.Model.load(path, **options)

    def logits(self, ids: list[int]) -> numpy.ndarray:
        return self.model.logits(ids)

    def encode(self, text: str) -> list[int]:
        return self.model.encode(text, add_special_tokens=False)

    def bytes(self) -> int:
        return self.model.memory_bytes

    def answers(self, rows: list[dict[str, Any]]) -> list[Piece]:
        """Each conversation, and the tokens of its last answer."""
        pieces = []
        for row in rows:
            tools = row.get("tools") or []
            before = self.model.apply_chat_template(row["messages"][:-1], tools, add_generation_prompt=True)
            text = self.model.apply_chat_template(row["messages"], tools, add_generation_prompt=False)
            ids = self.encode(text.rstrip())
            asked = range(len(self.encode(before)), len(ids))
            assert ids[: asked.start] == self.encode(before)
            pieces.append((ids, list(asked)))
        return pieces


def data_folder() -> Path:
    return Path(os.environ.get("WHORL_SHARED_DATA", ROOT.parent / "shared" / "data"))


def stories(folder: Path) -> tuple[Path, str]:
    data = data_folder()
    convert = [sys.executable, ROOT / "scripts" / "convert_llama2c.py"]
    files = [data / "stories260K" / "stories260K.bin", data / "stories260K" / "tok512.bin", folder]
    subprocess.run([str(part) for part in [*convert, *files]], check=True, stdout=subprocess.DEVNULL)
    return folder, (data / "tinyshakespeare.txt").read_text(encoding="utf-8")[-200_000:]


class Learner:
    """Trains on the first nine tenths of the text. In a process of its own, as all sides are."""

    def train(self, folder: str, path: str) -> str:
        import whorl

        text = Path(path).read_text(encoding="utf-8")
        cut = len(text) * 9 // 10
        config = whorl.ModelConfig(
            vocab_size=1536,
            hidden_size=256,
            intermediate_size=768,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            tie_word_embeddings=True,
            initializer_range=0.06,
            max_position_embeddings=512,
            torch_dtype="float32",
            eos_token_ids=[0],
        )
        base = whorl.Model.create(config, seed=1, tokenizer_folder=BASE)
        pieces = [{"text": text[i : i + 700]} for i in range(0, cut, 700)]
        trained = whorl.train_all_weights(
            base,
            whorl.Dataset.from_list(pieces, format="text"),
            max_steps=STEPS,
            batch_size=ROWS,
            max_length=LENGTH,
            on_long_row="truncate",
            learning_rate=2e-3,
            warmup_steps=10,
        )
        trained.model.save(folder, dtype="bfloat16")
        return text[cut:]


def trained(folder: Path) -> tuple[Path, str]:
    learner = worker.Worker(Learner)
    text = learner.ask("train", str(folder), str(data_folder() / "tinyshakespeare.txt"))
    learner.close()
    return folder, text


def demo(_: Path) -> tuple[Path, list[dict[str, Any]]]:
    sys.path.insert(0, str(ROOT / "recipes" / "base"))
    import corpus

    return BASE, corpus.rows(300, seed=2**31)  # the base was made with seed 1


READ_HERE = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"}


def stored_types(path: Path) -> Counter[str]:
    """What the matrices of a GGUF file are: a kind that does not fit a width is another in the file."""
    import gguf

    return Counter(t.tensor_type.name for t in gguf.GGUFReader(path).tensors if len(t.shape) > 1)


def listed(types: Counter[str]) -> str:
    return ", ".join(f"{n} x {name}" for name, n in types.most_common())


def file_of(source: Path, kind: str) -> Path | None:
    """llama.cpp's own rounding, beside the source; None where it refuses."""
    try:
        llama_peer.quantize_file(source, kind, pure=not kind.endswith("_M"))
    except SystemExit:
        return None
    return source.with_name(f"{kind}.gguf")


def forms(model: Path, files: Path) -> Iterator[tuple[str, Any, tuple[Any, ...], str]]:
    """(name, side or None where it reads no such file, its arguments, what is held)"""
    sys.path.insert(0, str(ROOT / "tests" / "golden"))
    import make_gguf_models

    source, threads = files / "source.gguf", len(os.sched_getaffinity(0))
    make_gguf_models.write(model, source)
    for name, options in (
        ("Whorl float32", {"dtype": "float32"}),
        ("Whorl bfloat16", {"dtype": "bfloat16"}),
        ("Whorl int8", {"quantize": "int8"}),
        ("Whorl int4", {"quantize": "int4"}),
    ):
        yield name, Whorl, (str(model), options), ""
    yield (
        "llama.cpp, unrounded",
        llama_peer.Llama,
        (str(source), threads, 1, 512),
        listed(stored_types(source)),
    )
    for kind in KINDS:
        if path := file_of(source, kind):
            types = stored_types(path)
            yield f"llama.cpp {kind}", llama_peer.Llama, (str(path), threads, 1, 512), listed(types)
            readable = set(types) <= READ_HERE
            yield f"Whorl, that {kind} file", Whorl if readable else None, (str(path), {}), listed(types)


def measure(make: Any, chosen: argparse.Namespace) -> dict[str, Any]:
    """Perplexity by form, of one model."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        model, read = make(files / "model")
        side = worker.Worker(Whorl, str(model), {})
        if isinstance(read, str):
            texts = whole(windows(side.ask("encode", read), chosen.windows, chosen.length))
        else:
            texts = side.ask("answers", read)
        side.close()
        found: dict[str, Any] = {"tokens": sum(len(asked) for _, asked in texts), "forms": {}}
        all_losses = {}
        for name, kind, arguments, types in forms(model, files):
            if kind is None:
                found["forms"][name] = {"perplexity": None, "types": types}
                continue
            side = worker.Worker(kind, *arguments)
            all_losses[name] = losses_of(side, texts)
            found["forms"][name] = {"perplexity": float(numpy.exp(all_losses[name].mean())), "types": types}
            if kind is Whorl:
                found["forms"][name]["memory_bytes"] = side.ask("bytes")
            side.close()
        return {**found, "paired": paired(all_losses)}


MODELS = {"stories260K": stories, "trained here, hidden 256": trained, "demo base": demo}


def rows_of(found: dict[str, Any]) -> list[str]:
    lines = ["| perplexity | form | perplexity | over float32 | matrices |", "|---|---|---|---|---|"]
    for model, f in found.items():
        if "left_out" in f:
            lines.append(f"| {model} | left out: {f['left_out']} | | | |")
            continue
        exact = f["forms"]["Whorl float32"]["perplexity"]
        for name, form in f["forms"].items():
            p = form["perplexity"]
            figures = (
                f"{p:.4f} | {100 * (p / exact - 1):+.2f} %"
                if p
                else "left out: holds kinds it does not read | "
            )
            lines.append(f"| {model} | {name} | {figures} | {form['types']} |")
    return lines


def over(found: dict[str, Any], ours: str) -> dict[str, float]:
    """Whorl's perplexity over llama.cpp's, the geometric mean of the models that have both, and its standard error."""
    pairs = [f["paired"][ours] for f in found.values() if ours in f.get("paired", {})]
    if not pairs:
        return {}
    name = f"{ours}_over_{PAIRS[ours].lower()}"
    error = numpy.sqrt(sum(p["standard_error"] ** 2 for p in pairs)) / len(pairs)
    ratio = numpy.exp(numpy.mean([p["log_ratio"] for p in pairs]))
    return {name: float(ratio), f"{name}_error": float(error)}


def verdicts(facts: dict[str, Any]) -> list[str]:
    return [
        f"{ours} over {theirs}, mean of the models: {facts[name]:.5f} ± {facts[name + '_error']:.5f} (standard error)"
        for ours, theirs in PAIRS.items()
        if (name := f"{ours}_over_{theirs.lower()}") in facts
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=96, help="of each text: more make the error smaller")
    parser.add_argument("--length", type=int, default=256, help="tokens of a window; the first has no loss")
    parser.add_argument("--model", choices=MODELS, nargs="+", default=list(MODELS))
    parser.add_argument("--json", action="store_true", help="one JSON object, nothing else")
    chosen = parser.parse_args()
    found: dict[str, Any] = {}
    for name in chosen.model:
        if name != "demo base" and not data_folder().exists():
            found[name] = {"left_out": f"{data_folder()} is not there; set WHORL_SHARED_DATA"}
        else:
            found[name] = measure(MODELS[name], chosen)
    table = rows_of(found)
    facts = {"machine": common.cpu_name(), "commit": common.commit(), "versions": common.versions()}
    facts |= {"windows": chosen.windows, "length": chosen.length}
    facts |= over(found, "int8") | over(found, "int4")
    table += ["", *verdicts(facts)]
    print(json.dumps({**facts, "models": found, "table": table}) if chosen.json else "\n".join(table))


if __name__ == "__main__":
    main()
