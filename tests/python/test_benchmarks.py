"""What a benchmark can get wrong in silence: the cost of a token, the direction of a ratio, a figure that only rounds to its aim."""

import json
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import cases
import run
import shapes
import tables
import worker


def test_a_token_of_shape_m_costs_what_the_formula_says():
    # 24 layers: q and o 896 x 896, k and v 896 x 128, gate, up and down 896 x 4864; the head 896 x 151936.
    weights = 24 * (2 * 896 * 896 + 2 * 896 * 128 + 3 * 896 * 4864)
    low_rank = 24 * 6 * 16 * (2 * 1792 + 2 * 1024 + 3 * 5760)
    head, attention = 4 * 896 * 151936, 24 * 6 * 512 * 896
    assert shapes.training_flops("M", 512, 16) == 4 * weights + low_rank + head + attention
    assert shapes.training_flops("M", 512, 16) == pytest.approx(2.1e9, rel=0.01)
    assert shapes.matrix_parameters("M") == weights + 896 * 151936


def test_longer_sequences_and_higher_ranks_cost_more():
    base = shapes.training_flops("S", 512, 16)
    assert shapes.training_flops("S", 1024, 16) - base == 8 * 6 * 512 * 512
    assert shapes.training_flops("S", 512, 32) - base == 8 * 6 * 16 * sum(
        k + n for k, n in shapes.linears("S")
    )


def results(**figures):
    return {"machine": "m", "isa": "i", "threads": 2, "commit": "c", "versions": {"torch": "1"}} | figures


def row_of(found, name):
    lines = [line for line in tables.reach_table(found) if line.startswith(f"| {name} |")]
    assert len(lines) == 1
    return [cell.strip() for cell in lines[0].strip("|").split("|")]


def test_at_least_and_at_most_point_in_opposite_directions():
    speed, memory = "decode, M, bf16, over llama.cpp", "start to first token, M, over llama.cpp"
    for value, fast, small in ((1.5, "yes", "no"), (0.5, "no", "yes"), (1.0, "yes", "yes")):
        found = {
            "serve": {"M": results(decode_ratio_to_llama=value)},
            "first-token": {"M": results(first_token_ratio_to_llama=value)},
        }
        assert row_of(found, speed)[3] == fast
        assert row_of(found, memory)[3] == small


def test_what_misses_its_aim_does_not_look_as_if_it_were_met():
    name = "sweep, shape S: four adapters over one at the same rows"
    found = {"sweep": {"S": results(ratio_to_one_adapter=0.9499)}}
    assert row_of(found, name)[1:] == [">= 0.95 x", "0.94 x", "no"]
    memory = {"first-token": {"M": results(first_token_ratio_to_llama=1.004)}}
    assert row_of(memory, "start to first token, M, over llama.cpp")[1:] == ["<= 1 x", "1.004 x", "no"]


def test_a_case_that_failed_or_was_left_out_is_said():
    found = {"serve": {"M": {"error": "line\nwhy"}}}
    assert row_of(found, "decode, M, bf16, over llama.cpp")[2:] == ["failed", "-"]
    assert row_of(found, "prefill 512, shape M, bf16, over llama.cpp")[2:] == ["failed", "-"]
    assert row_of({}, "decode, M, bf16, over llama.cpp")[2:] == ["not measured", "-"]
    assert "- serve, M: why" in tables.document(found)


def test_shares_are_of_the_best_product_and_of_the_least_eager_memory():
    train = results(flops_per_second=6e11, peak_rss_bytes=3e9, least_eager_peak_rss_bytes=6e9)
    found = {"train": {"S": train}, "products": {"products": results(best_product_flops_per_second=8e11)}}
    tables.derive(found)
    assert train["share_of_product"] == 0.75
    assert train["memory_ratio"] == 0.5


def test_every_figure_names_a_case_that_is_measured():
    known = {(c.section, c.name) for c in cases.CASES}
    assert len(known) == len(cases.CASES)
    assert {(f.section, f.case) for f in tables.FIGURES} <= known


def test_results_of_another_commit_are_measured_again(tmp_path, monkeypatch):
    monkeypatch.setattr(run.common, "commit", lambda: "new")
    monkeypatch.setattr(run.common, "cpu_name", lambda: "m")
    kept, old = {"commit": "new", "machine": "m"}, {"commit": "old", "machine": "m"}
    run.keep(tmp_path / "bench.json", {"serve": {"M": kept, "S": old}, "train": {"S": {"error": "why"}}})
    assert run.load(tmp_path / "bench.json", True) == {"serve": {"M": kept}}
    assert json.loads((tmp_path / "bench.json").read_text())["serve"]["S"] == old


def test_a_side_that_takes_too_long_is_ended():
    side = worker.Worker(threading.Event)  # nobody sets it
    with pytest.raises(worker.TooSlow, match="Event gave no answer"):
        side.ask("wait", limit=0.1)
    assert not side.process.is_alive()
    assert side.peak > 1 << 20
