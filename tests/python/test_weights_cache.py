"""weights_cache: what is kept is what is computed with, by Python and by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import whorl

DEMO_BASE = Path(whorl.__file__).parent / "data" / "demo_base"
ROWS = whorl.Dataset.from_list(
    [{"prompt": f"Where is order {i}?", "completion": f"Order {i} is in Oslo."} for i in range(12)]
)


def trained(model: whorl.Model) -> list[float]:
    trainer = whorl.Trainer(model, [whorl.LoraOptions(name="a", rank=4)], max_steps=3, batch_size=4)
    return [p.loss for p in trainer.fit(ROWS)[0].history if p.event == "step"]


@pytest.mark.parametrize("quantize", ["none", "int8", "int4"])
def test_a_mapped_model_trains_and_answers_as_the_one_that_was_read(tmp_path: Path, quantize: str) -> None:
    plain = whorl.Model.load(DEMO_BASE, quantize=quantize)
    whorl.Model.load(DEMO_BASE, quantize=quantize, weights_cache=tmp_path)
    (file,) = tmp_path.iterdir()
    written = file.stat().st_mtime_ns
    mapped = whorl.Model.load(DEMO_BASE, quantize=quantize, weights_cache=str(tmp_path))
    assert file.stat().st_mtime_ns == written
    assert file.name in Path("/proc/self/maps").read_text()
    assert mapped.digest == plain.digest
    assert trained(mapped) == trained(plain)
    question = [{"role": "user", "content": "Where is order 7?"}]
    texts = []
    for model in (plain, mapped):
        with whorl.InferenceEngine(model) as engine:
            texts.append(engine.generate(question, max_new_tokens=12, temperature=0).text)
    assert texts[0] == texts[1]


def test_all_weights_of_a_mapped_model_can_be_trained_and_leave_it_as_it_was(tmp_path: Path) -> None:
    whorl.Model.load(DEMO_BASE, weights_cache=tmp_path)
    mapped = whorl.Model.load(DEMO_BASE, weights_cache=tmp_path)
    before = mapped.logits([1, 2, 3])
    result = whorl.train_all_weights(mapped, ROWS, max_steps=1, learning_rate=1e-2)
    assert (result.model.logits([1, 2, 3]) != before).any()
    assert (mapped.logits([1, 2, 3]) == before).all()
    mapped.save(tmp_path / "saved")
    assert whorl.Model.load(tmp_path / "saved").digest == mapped.digest


def test_the_command_line_keeps_them_too(tmp_path: Path) -> None:
    def generate(*options: str, **environment: str) -> str:
        command = [
            sys.executable,
            "-P",
            "-m",
            "whorl",
            "generate",
            "Where?",
            "--json",
            "--max-new-tokens",
            "8",
        ]
        done = subprocess.run(
            [*command, *options],
            capture_output=True,
            text=True,
            timeout=240,
            env={**os.environ, **environment},
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["text"]

    plain = generate()
    assert generate("--weights-cache", str(tmp_path / "kept")) == plain
    assert len(list((tmp_path / "kept").iterdir())) == 1
    assert generate(WHORL_WEIGHTS_CACHE=str(tmp_path / "kept")) == plain
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ValueError, match="expected weights_cache to be a folder, got the file"):
        whorl.Model.load(DEMO_BASE, weights_cache=tmp_path / "file")
    with pytest.raises(ValueError, match="weights_cache is for models that are loaded"):
        whorl.Model.create(whorl.Model.load(DEMO_BASE).config, seed=1, weights_cache=tmp_path)
