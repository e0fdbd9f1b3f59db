"""Bases rounded to int8 and int4: perplexity beside the whole one, adapters trained over them, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import whorl

DEMO_BASE = Path(whorl.__file__).parent / "data" / "demo_base"
ROWS = [
    {
        "messages": [
            {"role": "user", "content": f"Where is order {name} now?"},
            {"role": "assistant", "content": f"Order {name} is on its way to {city}."},
        ]
    }
    for name, city in [("QX-11", "Oslo"), ("TR-22", "Ghent"), ("LM-33", "Turin"), ("AB-44", "Porto")] * 4
]


def perplexity(quantize: str) -> float:
    model = whorl.Model.load(DEMO_BASE, quantize=quantize)
    with whorl.InferenceEngine(model) as engine:
        result = whorl.Evaluator(engine).run(whorl.Dataset.from_list(ROWS), [""], metrics=["perplexity"])[0]
    return result.scores["perplexity"].value


def test_rounded_bases_predict_nearly_as_well() -> None:
    whole, int8, int4 = (perplexity(q) for q in ("none", "int8", "int4"))
    assert abs(int8 / whole - 1) < 0.02, (whole, int8)
    assert abs(int4 / whole - 1) < 0.35, (whole, int4)
    assert int8 != whole and int4 != int8


@pytest.mark.parametrize("quantize", ["int8", "int4"])
def test_an_adapter_trained_over_a_rounded_base_serves_on_both(quantize: str) -> None:
    rounded = whorl.Model.load(DEMO_BASE, quantize=quantize)
    data = whorl.Dataset.from_list(ROWS)
    trainer = whorl.Trainer(
        rounded, [whorl.LoraOptions(name="a", rank=4, learning_rate=0.01)], max_steps=30, batch_size=4
    )
    run = trainer.fit(data)[0]
    question = [{"role": "user", "content": "Where is order TR-22 now?"}]
    for model in (rounded, whorl.Model.load(DEMO_BASE)):
        with whorl.InferenceEngine(model) as engine:
            engine.add_adapter("a", run.adapter)
            told = engine.generate(question, adapter="a", max_new_tokens=40).text
            base = engine.generate(question, max_new_tokens=40).text
        assert "TR-22 is on its way to" in told, (quantize, model.quantize, told)
        assert told != base


def test_what_a_rounded_base_refuses(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="expected quantize 'auto', 'none', 'int8', 'int4' or 'fp8', got 'fp4'"
    ):
        whorl.Model.load(DEMO_BASE, quantize="fp4")
    model = whorl.Model.load(DEMO_BASE, quantize="int4")
    with pytest.raises(ValueError, match="rounded to int4 on loading"):
        model.save(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()
    with pytest.raises(ValueError, match="quantize='none'"):
        whorl.train_all_weights(model, whorl.Dataset.from_list(ROWS), max_steps=1)
