"""The parts of the GPU's benchmark that need no GPU: what is measured, what is said of it, and what is not said of a trial."""

import itertools
import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest
import whorl

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import attention
import cases
import common
import decode
import few_rows
import gpu
import gpu_cases
import gpu_tables
import random_weights
import shapes

CASES = {(c.section, c.name): c for c in gpu_cases.CASES}


def measured(shape="8B", device="cuda", **figures):
    return {"shape": shape, "device": device, "device_name": "g", "commit": "c", "machine": "m"} | figures


def row_of(found, name):
    lines = [line for line in gpu_tables.document(found) if line.startswith(f"| {name} |")]
    assert len(lines) == 1
    return [cell.strip() for cell in lines[0].strip("|").split("|")][1:]


def test_a_token_of_llama_3_8b_costs_what_is_counted_elsewhere():
    # 4 x (6.979 B + head 0.525 B), attention over 4096 tokens 3.22, adapters 0.25 GFLOP.
    assert shapes.training_flops("8B", 4096, 16) == pytest.approx(33.49e9, rel=1e-3)


@pytest.mark.parametrize(("shape", "parameters"), [("8B", 8_030_261_248), ("1B", 1_235_814_400)])
def test_models_have_the_parameters_of_their_namesakes(shape, parameters):
    assert sum(math.prod(size) for size in random_weights.tensor_shapes(shape).values()) == parameters


def test_a_shape_that_is_no_llama_is_refused():
    with pytest.raises(SystemExit, match="expected the shape of a Llama, got M"):
        random_weights.tensor_shapes("M")


def write_tiny(folder):
    """What random_weights.write leaves, with numbers drawn by numpy: ones for vectors."""
    draw = numpy.random.default_rng(1)
    sizes = random_weights.tensor_shapes("tiny")
    with (folder / "model.safetensors").open("wb") as file:
        file.write(random_weights.header(sizes))
        for size in sizes.values():
            drawn = draw.normal(0, 0.02, size) if len(size) > 1 else numpy.ones(size)
            file.write((drawn.astype(numpy.float32).view(numpy.uint32) >> 16).astype(numpy.uint16).tobytes())
    (folder / "config.json").write_text(json.dumps(random_weights.config("tiny", 128)))
    common.word_tokenizer(folder, 256)


def test_what_is_written_for_both_sides_is_a_model(tmp_path):
    write_tiny(tmp_path)
    model = whorl.Model.load(tmp_path)
    assert model.config.torch_dtype == "bfloat16"
    assert model.config.max_position_embeddings == 128
    assert numpy.isfinite(model.logits([2, 3, 4])).all()


def test_every_figure_names_a_case_that_is_measured():
    assert len(CASES) == len(gpu_cases.CASES)
    assert {(f.section, f.case) for f in gpu_cases.FIGURES} <= set(CASES)


def test_every_run_that_a_figure_is_about_is_decoded():
    runs = {shape: decode.all_runs(runs_of(CASES["decode", shape])) for shape in ("1B", "8B")}
    for f in gpu_cases.FIGURES:
        if f.section == "decode" and not f.key.startswith("published"):
            assert f.key.split("_")[0] in runs[f.case]


def runs_of(case):
    arguments = list(case.arguments)
    begin = arguments.index("--runs") + 1
    end = next(i for i in range(begin, len(arguments)) if arguments[i].startswith("--"))
    return arguments[begin:end]


def test_runs_with_adapters_bring_the_base_to_compare_with():
    assert decode.all_runs(["32+8", "1"]) == {"32": (32, 0), "32+8": (32, 8), "1": (1, 0)}
    for wrong in ("0", "8+9", "x", "4+", "4+x"):
        with pytest.raises(SystemExit, match="expected a run like"):
            decode.parse_run(wrong)


def test_overhead_is_of_time_and_shares_are_of_one_streams_steps():
    runs = {"2": (2, 0), "2+1": (2, 1)}
    found = decode.figures_of(runs, {"2": [100.0], "2+1": [80.0]}, weights=10, bandwidth=1000.0)
    assert found["2+1_overhead"] == pytest.approx(0.25)
    assert found["2_share_of_bandwidth"] == pytest.approx(0.5)


def test_settings_of_few_rows_are_compared_with_the_first_round_by_round():
    rates = {("1", 0): [10.0, 20.0, 10.0], ("1", 16): [15.0, 22.0, 11.0]}
    found = few_rows.figures_of(rates, [0, 16])
    assert found["1_16_tokens_per_second"] == 15.0
    assert found["1_16_ratio"] == pytest.approx(1.1)
    assert found["1_0_ratio"] == 1.0
    table = gpu_tables.few_rows_table(
        {"few rows": {"1B": measured("1B", runs=["1"], few_rows=[0, 16], **found)}}
    )
    assert table[-1] == "| 1B, 1 | 16 | 15.0 | 1.10 |"


def test_attention_is_compared_with_the_first_setting_round_by_round():
    rates = {"bfloat16": [10.0, 20.0, 10.0], "cudnn": [15.0, 22.0, 11.0]}
    found = attention.figures_of(rates)
    assert found["cudnn_tokens_per_second"] == 15.0
    assert found["cudnn_ratio"] == pytest.approx(1.1)
    assert found["bfloat16_ratio"] == 1.0
    found |= {"attention": list(rates), "worst_difference": 0.004, "batch": 4, "seq": 512}
    table = gpu_tables.attention_table({"attention": {"1B": measured("1B", **found)}})
    assert table[-1] == "| 1B, 4 x 512, cudnn | 15 | 1.10 | 4.0e-03 |"


def test_settings_of_attention_that_differ_are_not_timed():
    same = {"bfloat16": [(2.0, 1.0)], "cudnn": [(2.01, 1.1)]}
    assert attention.check(same)["worst_difference"] == pytest.approx(0.1)
    for other in ((2.1, 1.0), (2.0, 1.3), (math.nan, 1.0)):
        with pytest.raises(SystemExit, match="cudnn"):
            attention.check({**same, "cudnn": [other]})


def test_log_probabilities_are_those_of_a_distribution():
    logits = numpy.array([[1000.0, 0.0], [0.0, math.log(3)]], dtype=numpy.float32)
    assert decode.log_probabilities(logits, [0, 1]) == pytest.approx([0.0, math.log(0.75)])


def test_a_reach_is_met_in_its_own_direction_and_unit():
    speed, added = (
        "LoRA training r16, all linears, 8B, seq 4096",
        "decode, 8B, one stream: what one r16 adapter adds",
    )
    for rate, overhead, fast, small in ((14500.9, 0.03, "yes", "yes"), (14499.9, 0.0301, "no", "no")):
        found = {
            "train": {"8B": measured(tokens_per_second=rate, batch=1, seq=4096)},
            "decode": {"8B": measured(**{"1+1_overhead": overhead})},
        }
        assert row_of(found, speed) == [">= 14,500 tokens/s", f"{int(rate):,} tokens/s", fast]
        assert row_of(found, added) == ["<= 3 %", f"{overhead * 100:.3f} %", small]


def test_the_faster_of_two_settings_is_what_whorl_is_compared_with():
    train = measured("1B", tokens_per_second=1.0, batch=1, seq=1, ratio_to_compiled=1.6, ratio_to_eager=1.4)
    name = "the same, 1B, packed 2048, over the faster of compiled and eager"
    assert row_of({"train": {"1B": train}}, name) == [">= 1.5 x", "1.40 x", "no"]


@pytest.mark.parametrize("other", [{"shape": "tiny"}, {"device": "cpu"}, {"device": "cuda_emulated"}])
def test_a_trial_is_not_taken_for_a_figure(other):
    found = {"decode": {"8B": measured(**other, published_answer_seconds=0.1)}}
    name = "8B: publish an adapter, then its first answer"
    assert row_of(found, name) == ["<= 1 s", "not measured", "-"]
    assert any(line.startswith("Only tried") and "decode, 8B" in line for line in gpu_tables.document(found))
    found = {"decode": {"8B": measured(published_answer_seconds=0.1)}}
    assert row_of(found, name) == ["<= 1 s", "0.100 s", "yes"]


def test_several_runs_make_one_table():
    old, new, failed = {"x": 1}, {"x": 2}, {"error": "why"}
    merged = gpu_tables.merge([{"train": {"8B": old, "1B": failed}}, {"train": {"8B": failed, "1B": new}}])
    assert merged == {"train": {"8B": old, "1B": new}}
    assert gpu_tables.merge([{"train": {"8B": old}}, {"train": {"8B": new}}]) == {"train": {"8B": new}}
    assert gpu_tables.merge([{}, {"train": {"8B": failed}}]) == {"train": {"8B": failed}}


def test_a_trial_is_small_in_every_case():
    for case in gpu_cases.CASES:
        arguments = gpu.smaller(case, "tiny").arguments
        assert not {"8B", "1B", "4096", "2048"} & set(arguments)
        assert ("tiny" in arguments) == (case.script != "limits.py")


def chosen(out, limit):
    return SimpleNamespace(
        out=out,
        models=out / "models",
        device="cuda",
        shape=None,
        only=["limits", "train"],
        case=["limits", "1B"],
        limit=limit,
        resume=False,
    )


def test_what_does_not_fit_into_the_time_is_not_begun(tmp_path, monkeypatch, capsys):
    asked = []

    def measure(case, arguments):
        asked.append(case)
        return measured("1B") if case.section == "train" else {"error": "why"}

    monkeypatch.setattr(gpu.run, "measure", measure)
    found = {}
    gpu.measure_all(found, chosen(tmp_path, 100))
    assert [c.section for c in asked] == ["limits"]
    assert "train, 1B: not begun" in capsys.readouterr().err
    assert found == {"limits": {"limits": found["limits"]["limits"]}}
    assert found["limits"]["limits"]["command"] == "limits.py --device cuda"
    monkeypatch.setattr(gpu_tables, "document", lambda _: [])
    gpu.measure_all(found, chosen(tmp_path, 300))
    assert asked[-1].section == "train" and asked[-1].limit <= 300
    assert gpu.read([tmp_path / "gpu.json"]) == found


def test_cases_of_the_host_keep_their_limits():
    assert all(c.limit == 300 + 4 * c.seconds for c in cases.CASES)


def test_a_trial_on_the_cpu_asks_for_what_a_cpu_has(tmp_path):
    for case in gpu_cases.CASES:
        on_gpu, trial = chosen(tmp_path, 1000), chosen(tmp_path, 1000)
        trial.device = "cpu"
        assert "bfloat16" not in after(gpu.command(case, trial), "--activation-dtype")
        assert after(gpu.command(case, on_gpu), "--activation-dtype") == after(
            case.arguments, "--activation-dtype"
        )


def after(arguments, option):
    return [value for name, value in itertools.pairwise(arguments) if name == option]
