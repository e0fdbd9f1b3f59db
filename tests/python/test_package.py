"""What is installed: import, names, documentation, stubs, processes."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
import whorl
from whorl import _whorl

ROOT = Path(__file__).resolve().parents[2]


def python(code, **how):
    return subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=120, **how
    )


def test_it_is_the_installed_package():
    assert Path(whorl.__file__).is_relative_to(sys.prefix)
    assert whorl.__version__ == whorl.version() == whorl.info()["version"]
    assert (Path(whorl.__file__).parent / "py.typed").is_file()


def test_import_is_quick_and_pulls_in_nothing_heavy():
    code = (
        "import sys, time; begin = time.perf_counter(); import whorl; took = time.perf_counter() - begin;"
        "heavy = {'numpy', 'typer', 'rich', 'matplotlib', 'yaml', 'asyncio', 'pandas'} & set(sys.modules);"
        "print(took); assert not heavy, heavy"
    )
    times = []
    for _ in range(5):
        done = python(code)
        assert done.returncode == 0, done.stderr
        times.append(float(done.stdout))
    assert min(times) < 0.15


def test_every_public_name_is_exported_and_documented():
    bound = {name for name in dir(_whorl) if not name.startswith("_")}
    assert bound <= set(whorl.__all__)
    undocumented = [
        f"{owner}.{name}"
        for owner in sorted(bound)
        if inspect.isclass(getattr(_whorl, owner))
        for name, value in vars(getattr(_whorl, owner)).items()
        if not name.startswith("_") and callable(value) and not value.__doc__
    ]
    assert undocumented == []


def test_stubs_are_those_of_this_build():
    pytest.importorskip("pybind11_stubgen")
    made = subprocess.run(
        [sys.executable, "-P", str(ROOT / "tools" / "make_stubs.py")], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    committed = (Path(whorl.__file__).parent / "_whorl.pyi").read_text()
    assert made.stdout == committed, "run `make stubs` and commit python/whorl/_whorl.pyi"


def test_every_default_stands_in_the_signature():
    for option, value in whorl.TrainOptions().to_dict().items():
        assert f"{option}: " in whorl.Trainer.__init__.__doc__
        shown = f"{option}: {type(value).__name__} = {value!r}"
        if isinstance(value, int | float):
            assert shown in whorl.Trainer.__init__.__doc__


def test_a_forked_process_refuses_instead_of_hanging():
    code = (
        "import os, whorl\n"
        "c = whorl.ModelConfig(vocab_size=16, hidden_size=16, intermediate_size=16, num_hidden_layers=1,"
        " num_attention_heads=2)\n"
        "m = whorl.Model.create(c, seed=1); m.logits([1])\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    try: m.logits([1])\n"
        "    except RuntimeError as error: os._exit(7 if 'spawn' in str(error) else 8)\n"
        "    os._exit(9)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    done = python(code)
    assert done.stdout.strip() == "7", done.stderr


def test_an_engine_left_open_does_not_hold_up_the_end():
    code = (
        "import whorl\n"
        "c = whorl.ModelConfig(vocab_size=16, hidden_size=16, intermediate_size=16, num_hidden_layers=1,"
        " num_attention_heads=2, max_position_embeddings=4096)\n"
        "e = whorl.InferenceEngine(whorl.Model.create(c, seed=1))\n"
        "g = e.submit([1, 2], lambda event: None, max_new_tokens=4000, ignore_eos=True)\n"
        "whorl.set_log_sink(print)"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr


def test_the_library_prints_nothing():
    code = "import whorl\ntry: whorl.Model.load('nothing')\nexcept ValueError: pass"
    done = python(code, env=os.environ | {"WHORL_TEST": "1"})
    assert (done.stdout, done.stderr) == ("", "")
