"""The same base, data and settings: Whorl reaches PEFT's validation loss."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import reference_trainer
import torch
import whorl

ROWS, VALID, EPOCHS, BATCH = 240, 100, 2, 8
RANK, ALPHA, RATE = 8, 16.0, 2e-3


def shipped_base():
    """The base inside the installed package, else the one in this checkout."""
    places = [Path(whorl.__file__).parent, Path(__file__).resolve().parents[2] / "python" / "whorl"]
    found = [p.parent for place in places for p in place.rglob("model.safetensors")]
    return found[0] if found else None


@pytest.fixture(scope="module")
def base():
    folder = shipped_base()
    if folder is None:
        pytest.skip("this installation of whorl ships no base model")
    return folder


@pytest.fixture(scope="module")
def banking(shared_data):
    with open(shared_data / "banking77" / "train.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    order = np.random.RandomState(0).permutation(len(rows))[: ROWS + VALID]
    texts = [
        {"prompt": rows[i][0].strip() + "\nintent: ", "completion": rows[i][1].replace("_", " ")}
        for i in order
    ]
    return texts[:ROWS], texts[ROWS:]


def encoded(dataset, model):
    rows = [dataset.encode(model, i) for i in range(len(dataset))]
    return [(list(r.ids), [bool(t) for t in r.trained]) for r in rows]


def dataset_of(rows):
    return whorl.Dataset.from_jsonl("\n".join(json.dumps(r) for r in rows), "banking77")


def test_banking77_reaches_pefts_validation_loss(base, banking, tmp_path):
    train, valid = (dataset_of(part) for part in banking)
    model = whorl.Model.load(base, dtype="float32")
    torch.set_num_threads(1)
    before, theirs, _ = reference_trainer.train(
        base,
        encoded(train, model),
        encoded(valid, model),
        rank=RANK,
        alpha=ALPHA,
        learning_rate=RATE,
        epochs=EPOCHS,
        batch=BATCH,
    )
    options = whorl.TrainOptions(epochs=EPOCHS, batch_size=BATCH, packing=False, lr_scheduler="cosine")
    trainer = whorl.Trainer(
        model, [whorl.LoraOptions(rank=RANK, alpha=ALPHA, learning_rate=RATE)], options=options
    )
    result = trainer.fit(train, valid)[0]
    print(f"validation loss: before {before:.4f}, PEFT {theirs:.4f}, Whorl {result.validation_loss:.4f}")
    assert theirs < 0.9 * before, "the reference learnt nothing: this comparison would mean nothing"
    assert result.validation_loss <= 1.01 * theirs

    # And PEFT, given Whorl's adapter, measures the same loss.
    result.adapter.save(tmp_path / "adapter")
    import peft
    import transformers

    reloaded = peft.PeftModel.from_pretrained(
        transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), tmp_path / "adapter"
    )
    measured = reference_trainer.mean_loss(reloaded, reference_trainer.collate(encoded(valid, model)))
    assert abs(measured - result.validation_loss) <= 1e-4 * measured


def test_packing_changes_the_batches_not_the_learning(base, banking):
    train, valid = (dataset_of(part) for part in banking)
    model = whorl.Model.load(base, dtype="float32")
    adapter = [whorl.LoraOptions(rank=RANK, alpha=ALPHA, learning_rate=RATE)]
    before = whorl.Trainer(model, adapter, max_steps=1, warmup_steps=1)
    start = before.fit(train, valid)[0].validation_loss
    packed = whorl.Trainer(model, adapter, epochs=EPOCHS, batch_size=1, max_length=256)
    assert packed.fit(train, valid)[0].validation_loss < 0.9 * start
