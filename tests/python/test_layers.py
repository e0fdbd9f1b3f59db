"""The layer check passes here, and catches each kind of planted violation."""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("check_layers", ROOT / "tests" / "check_layers.py")
check_layers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_layers)


def test_the_tree_keeps_its_layers():
    assert check_layers.check(ROOT) == []


@pytest.fixture
def copy(tmp_path):
    for folder in ("src", "include", "python/src"):
        shutil.copytree(
            ROOT / folder,
            tmp_path / folder,
            ignore=lambda d, names: [n for n in names if n in ("rust", "target")],
        )
    return tmp_path


PLANTED = {
    "upwards": ("src/tensor/tensor.cc", '#include "model/transformer.h"', "tensor may not include model"),
    "sideways": ("src/train/planted.cc", '#include "serve/scheduler.h"', "train may not include serve"),
    "behind the door": ("src/model/planted.cc", '#include "cpu/kernels.h"', "nobody includes cpu"),
    "upper floor": ("src/eval/planted.cc", '#include "model/transformer.h"', "eval is the upper floor"),
    "below the front door": ("src/cpu/planted.cc", '#include "whorl/model.h"', "below the front door"),
    "third party": ("src/model/planted.cc", "#include <openssl/evp.h>", "belongs to base"),
    "slow header": ("src/model/planted.h", "#include <nlohmann/json.hpp>", "use <nlohmann/json_fwd.hpp>"),
    "public third party": ("include/whorl/types.h", "#include <nlohmann/json_fwd.hpp>", "standard library"),
    "public #if": ("include/whorl/types.h", "#ifdef WHORL_CUDA", "no #if"),
    "binding": ("python/src/model.cc", '#include "model/transformer.h"', "include/whorl only"),
    "room without a place": ("src/planted/planted.cc", "", "no such room"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_caught(copy, name):
    path, line, expected = PLANTED[name]
    target = copy / path
    target.parent.mkdir(exist_ok=True)
    before = target.read_text() if target.exists() else ""
    target.write_text(line + os.linesep + before)
    problems = check_layers.check(copy)
    assert len(problems) == 1, problems
    assert expected in problems[0]
    assert path.split("/")[1] in problems[0]


def test_a_cycle_in_the_table_is_caught():
    assert check_layers.cycle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert check_layers.cycle_in({"a": {"b"}, "b": set()}) == []
