"""fit(): results, callbacks, exceptions, the keyboard, the lock."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import whorl


def trainer(model, **options):
    return whorl.Trainer(model, whorl.LoraOptions(name="a", rank=2), max_length=32, **options)


def test_results(trained, model, tmp_path):
    assert [r.name for r in trained] == ["r2", "r4"]
    assert [r.adapter.rank for r in trained] == [2, 4]
    history = [p for p in trained[1].history if p.event == "step"]
    assert history[-1].loss < history[0].loss
    trained[1].adapter.save(tmp_path / "peft")
    again = whorl.Adapter.load(tmp_path / "peft")
    assert again == trained[1].adapter
    assert again.tensor(next(iter(again.tensor_shapes()))).dtype == "float32"
    assert (model.logits([3, 4], again) != model.logits([3, 4])).any()


def test_an_adapter_alone_is_the_same(trained, model, data):
    alone = whorl.Trainer(
        model, whorl.LoraOptions(name="r4", rank=4, learning_rate=1e-2), max_steps=6, max_length=32, seed=3
    ).fit(data)
    assert alone[0].adapter.digest == trained[1].adapter.digest


def test_the_callback_can_stop(model, data):
    seen = []

    def callback(progress):
        seen.append(progress.step)
        return progress.step < 2

    trainer(model, max_steps=50).fit(data, callback=callback)
    assert max(seen) == 2


def test_an_exception_of_the_callback_comes_out(model, data):
    seen = []

    def callback(progress):
        seen.append(progress.step)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        trainer(model, max_steps=50).fit(data, callback=callback)
    assert len(seen) == 1


def test_the_keyboard_stops_training(model, data):
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        trainer(model, max_steps=100_000).fit(data)
    assert time.monotonic() - begin < 20


def test_other_threads_run_meanwhile(model, data):
    ticks = []
    done = threading.Event()

    def tick():
        while not done.wait(0.005):
            ticks.append(1)

    thread = threading.Thread(target=tick)
    thread.start()
    trainer(model, max_steps=200).fit(data)
    done.set()
    thread.join()
    assert len(ticks) > 5


def test_plan_and_errors(model, data):
    plan = trainer(model, max_steps=4).plan(data)
    assert plan.rows == len(data)
    assert 0 < plan.trained_tokens < plan.tokens
    with pytest.raises(ValueError, match="no_such"):
        whorl.Trainer(model, whorl.LoraOptions(target_modules=["no_such"])).fit(data)
    with pytest.raises(ValueError, match="train"):
        whorl.Dataset.from_list([{"messages": [{"role": "user", "content": "hello", "train": False}]}])


def test_all_weights(model, data):
    result = whorl.train_all_weights(model, data, max_steps=5, max_length=32, learning_rate=1e-2)
    assert result.history[-1].loss < result.history[0].loss
    assert result.model.digest != model.digest
    with pytest.raises(TypeError, match="did you mean 'learning_rate'"):
        whorl.train_all_weights(model, data, learning_rat=1)


def test_a_checkpoint_goes_on(model, data, tmp_path):
    whole = trainer(model, max_steps=6).fit(data)[0]
    options = {"max_steps": 6, "checkpoint_dir": tmp_path / "c", "metrics_file": tmp_path / "m.jsonl"}
    trainer(model, **options).fit(data, callback=lambda p: p.step < 3)
    resumed = trainer(model, **options, resume=True).fit(data)[0]
    assert resumed.adapter.digest == whole.adapter.digest
    assert (tmp_path / "m.jsonl").read_text().count("\n") >= 6


def test_log_sink():
    code = "import whorl; whorl.set_log_sink(lambda l, m: None); whorl.set_log_sink(None)"
    assert subprocess.run([sys.executable, "-P", "-c", code]).returncode == 0
