"""A tiny run of the whole demo on the shipped base: the report's fields, its sums, and the same again by seed."""

import json

import pytest
import whorl
from whorl.demo import BASE, Settings, data, run
from whorl.demo.generate import make_rows
from whorl.demo.settings import AdapterPlan

TINY = Settings(
    train_rows=80,
    test_rows=20,
    epochs=1,
    adapters=(AdapterPlan("small-r2", 2, 4, 2e-3), AdapterPlan("wide-r4", 4, 8, 2e-3)),
)


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    folders = [tmp_path_factory.mktemp(f"demo{i}") for i in range(2)]
    return folders, [run(folder, seed=3, settings=TINY) for folder in folders]


def test_the_report_has_its_fields(twice):
    folders, reports = twice
    report = json.loads((folders[0] / "report.json").read_text())
    assert report == reports[0]
    assert {"base", "adapters", "loss_curves", "data", "published", "versions", "seed", "timings"} <= set(
        report
    )
    for entry, plan in zip([report["base"], *report["adapters"]], [None, *TINY.adapters], strict=True):
        assert (entry["name"], entry["rank"]) == (("base", 0) if plan is None else (plan.name, plan.rank))
        for metric in ("function_name_accuracy", "function_name_and_args_accuracy"):
            assert set(entry[metric]) == {"value", "stderr", "n"}
            assert entry[metric]["n"] == TINY.test_rows
        assert entry["function_name_and_args_accuracy"]["value"] <= entry["function_name_accuracy"]["value"]
    assert set(report["published"]) == {"name", "version", "digest"}
    for curve in report["loss_curves"].values():
        assert len(curve["step"]) == len(curve["loss"]) > 0
    assert report["seed"] == 3
    assert (folders[0] / "loss.png").read_bytes()[:4] == b"\x89PNG"


def test_the_published_adapter_is_the_winner_and_stands_in_the_store(twice):
    folders, (report, _) = twice
    published = report["published"]
    assert published["digest"] in {entry["digest"] for entry in report["adapters"]}
    stored = whorl.AdapterStore(folders[0] / "store").get(published["name"], published["version"])
    assert stored.digest == published["digest"]


def test_the_same_seed_gives_the_same_scores_and_digests(twice):
    _, (first, second) = twice
    for key in ("base", "adapters", "loss_curves", "data", "published"):
        assert first[key] == second[key], key


def test_the_account_adds_up(twice):
    _, (report, _) = twice
    told = report["data"]
    account, planted = told["account"], told["planted"]
    dropped = sum(step["dropped"] for step in account["steps"])
    assert account["read"] == sum(planted.values())
    assert account["kept"] == account["read"] - dropped
    assert account["kept"] == told["train_rows"] + told["validation_rows"]


def test_cleaning_finds_what_was_planted(tmp_path):
    model = whorl.Model.load(BASE)
    files = data.write(tmp_path, 0, 400, 20)
    cleaned = data.prepare(files, model, 0)
    steps = {step["step"]: step for step in cleaned.account["steps"]}
    planted = files.planted
    assert steps["load"]["dropped"] == planted.broken
    assert steps["deduplicate"]["dropped"] >= planted.exact_duplicates
    assert steps["mask_pii"]["changed"] >= planted.pii - planted.exact_duplicates
    assert steps["limit_length"]["dropped"] == planted.too_long
    text = "\n".join(row.messages[0].content for row in cleaned.train)
    assert "@example" not in text and "+49" not in text


def test_a_dishonest_split_is_caught(tmp_path):
    """The planted fault: test rows in the training file. The same check that the demo prints must see them."""
    model = whorl.Model.load(BASE)
    files = data.write(tmp_path, 0, 100, 20)
    with files.train.open("a") as training:
        training.write(json.dumps(make_rows(20, 0, held_out=True)[0]) + "\n")
    found = data.prepare(files, model, 0).leaks
    assert found.values or found.phrasings
