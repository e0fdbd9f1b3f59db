"""Small runs of the whole demo on the shipped base: the report's fields, its sums, the gate, and the same again by seed."""

import html.parser
import json
from pathlib import Path

import pytest
import whorl
from rich.console import Console
from whorl import pipeline
from whorl.demo import BASE, Settings, data, run, steps
from whorl.demo.generate import make_rows
from whorl.demo.guarded import CONFIG
from whorl.demo.settings import AdapterPlan
from whorl.demo.story import PIPELINE, tell

# Too little to learn anything: the gate must say so.
TINY = Settings(
    train_rows=80,
    test_rows=20,
    epochs=1,
    adapters=(AdapterPlan("small-r2", 2, 4, 2e-3), AdapterPlan("wide-r4", 4, 8, 2e-3)),
)
# Enough to beat the base on 20 rows.
SMALL = Settings(
    train_rows=300,
    test_rows=20,
    epochs=4,
    adapters=(AdapterPlan("tiny-r2", 2, 4, 2e-3), AdapterPlan("wide-r16", 16, 32, 8e-3)),
)


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    folders = [tmp_path_factory.mktemp(f"demo{i}") for i in range(2)]
    return folders, [run(folder, seed=3, settings=TINY) for folder in folders]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    console = Console(file=(folder / "told.txt").open("w"), width=200)
    told = tell(folder, 3, SMALL, console)
    console.file.close()
    return folder, told


def test_the_running_engine_has_nobody_before_and_the_winner_after(small):
    folder, _ = small
    lines = (folder / "told.txt").read_text().splitlines()
    before, after = (next(line for line in lines if line.startswith(word)) for word in ("before ", "after "))
    assert "there is no adapter 'support'" in before
    assert after.split()[1] == "support@1"


def test_the_report_has_its_fields(small):
    folder, told = small
    report = json.loads((folder / "report.json").read_text())
    assert report == told
    assert {"base", "adapters", "loss_curves", "data", "published", "versions", "seed", "timings"} <= set(
        report
    )
    for entry, plan in zip([report["base"], *report["adapters"]], [None, *SMALL.adapters], strict=True):
        assert (entry["name"], entry["rank"]) == (("base", 0) if plan is None else (plan.name, plan.rank))
        for metric in ("function_name_accuracy", "function_name_and_args_accuracy"):
            assert set(entry[metric]) == {"value", "stderr", "n"}
            assert entry[metric]["n"] == SMALL.test_rows
        assert entry["function_name_and_args_accuracy"]["value"] <= entry["function_name_accuracy"]["value"]
    assert set(report["published"]) == {"name", "version", "digest"}
    for curve in report["loss_curves"].values():
        assert len(curve["step"]) == len(curve["loss"]) > 0
    assert report["seed"] == 3
    assert (folder / "loss.png").read_bytes()[:4] == b"\x89PNG"


def test_the_published_adapter_is_the_winner_and_stands_in_the_store(small):
    folder, report = small
    published = report["published"]
    winner = next(e for e in report["adapters"] if e["name"] == report["gate"]["candidate"])
    assert published["digest"] == winner["digest"]
    stored = whorl.AdapterStore(folder / "store").get(published["name"], published["version"])
    assert stored.digest == published["digest"]


def test_the_gate_lets_nothing_through_that_is_not_better(twice, small):
    _, (tiny, _) = twice
    folders, _ = twice
    assert tiny["published"] is None and not tiny["gate"]["passed"] and "p = " in tiny["gate"]["message"]
    assert whorl.AdapterStore(folders[0] / "store").list() == []
    assert "Rejected" in (folders[0] / "report.html").read_text()
    _, report = small
    assert report["gate"]["passed"] and report["gate"]["p"] <= SMALL.max_p
    assert report["gate"]["wins"] > report["gate"]["losses"]


def test_the_guard_blocks_masks_and_stops_in_mid_sentence(small):
    _, report = small
    assert report["guard_check"]["recall"] == report["guard_check"]["precision"] == 1
    attack, address, payment, large = report["guard"]
    assert attack["status"] == "blocked" and attack["seen"] == "" and attack["released"] == ""
    assert address["seen"] == "My mail is <EMAIL_ADDRESS>. Where is order QX-48213 now?"
    assert payment["status"] == "allowed" and payment["refusal"] == ""
    # What the model did with the large payment is its own; if it wrote the call, it was cut before the amount.
    if large["status"] == "blocked":
        assert large["refusal"] == "A colleague has to look at this first."
        assert "345" not in large["released"]


def test_the_rule_on_payments_stops_where_it_must():
    guard = whorl.Guardrail.from_yaml(CONFIG.read_text())
    call = '<tool_call>{{"name": "refund_payment", "arguments": {{"order_id": "LM-99310", "amount": "{}"}}}}</tool_call>'
    for amount, allowed in (("299.99", True), ("30.00", True), ("300.00", False), ("1345.20", False)):
        assert guard.check_output(call.format(amount)).allowed is allowed, amount


class Page(html.parser.HTMLParser):
    """What a page refers to, and whether its tags close."""

    def __init__(self, text):
        super().__init__()
        self.outside, self.open = [], []
        self.feed(text)

    def handle_startendtag(self, tag, attrs):
        self.outside += [v for k, v in attrs if k in ("src", "href", "data") and v]

    def handle_starttag(self, tag, attrs):
        self.outside += [v for k, v in attrs if k in ("src", "href", "data") and v]
        if tag == "script":
            self.outside.append("script")
        if tag not in ("meta", "br", "circle", "html"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag != "html":
            assert self.open.pop() == tag


def test_the_page_stands_alone_and_tells_it_all(small):
    folder, report = small
    text = (folder / "report.html").read_text()
    page = Page(text)
    assert page.outside == [] and page.open == []
    for said in (
        "Before and after",
        "Guardrails",
        "Lineage",
        "WorkflowTemplate",
        report["published"]["digest"],
    ):
        assert said in text, said
    digests = [line["digest"] for line in report["lineage"] if line["digest"]]
    assert report["data"]["train_digest"] in digests and report["published"]["digest"] in digests


def test_the_same_pipeline_is_an_argo_workflow(small):
    folder, report = small
    assert (folder / "argo.yaml").read_text() == report["argo"]
    assert 'kind: "WorkflowTemplate"' in report["argo"]
    pipeline.load(PIPELINE).validate()


def test_the_same_seed_gives_the_same_scores_and_digests(twice):
    _, (first, second) = twice
    for key in ("base", "adapters", "loss_curves", "data", "published", "gate", "samples"):
        assert first[key] == second[key], key


def test_the_account_adds_up(twice):
    _, (report, _) = twice
    told = report["data"]
    account, planted = told["account"], told["planted"]
    dropped = sum(step["dropped"] for step in account["steps"])
    assert account["read"] == sum(planted.values())
    assert account["kept"] == account["read"] - dropped
    assert account["kept"] == told["train_rows"] + told["validation_rows"]


def curated(tmp_path, rows, dirty=None):
    """The first steps of the demo's own pipeline, on data that was written (and perhaps spoilt) here."""
    files = data.write(tmp_path, 0, rows, 20)
    if dirty:
        dirty(files)
    document = pipeline.load(PIPELINE).to_dict()
    curate = next(step for step in document["steps"] if step["name"] == "curate")
    curate["with"] |= {"data": str(files.train), "base": str(BASE), "shuffle": 0}
    curate["with"]["split"]["seed"] = 0
    result = pipeline.Flow({"name": "clean", "steps": [curate]}).run(progress=False, folder=tmp_path / "runs")
    assert result.state == "succeeded", result.steps[0].message
    return files, result.steps[0].outputs


def test_cleaning_finds_what_was_planted(tmp_path):
    files, outputs = curated(tmp_path, 400)
    account = json.loads(Path(outputs["account"]["path"]).read_text())
    steps_ = {step["step"]: step for step in account["steps"]}
    planted = files.planted
    assert steps_["load"]["dropped"] == planted.broken
    assert steps_["deduplicate"]["dropped"] >= planted.exact_duplicates
    assert steps_["mask_pii"]["changed"] >= planted.pii - planted.exact_duplicates
    assert steps_["limit_length"]["dropped"] == planted.too_long
    text = "\n".join(row.messages[0].content for row in whorl.Dataset.load(outputs["train"]["path"]))
    assert "@example" not in text and "+49" not in text
    found = steps.leaks(*(Path(outputs[k]["path"]) for k in ("train", "valid")), test=files.test)
    assert found == {"values": [], "phrasings": []}


def test_a_dishonest_split_is_caught(tmp_path):
    """The planted fault: a test row in the training file. The demo's own step must see it and fail."""

    def spoil(files):
        with files.train.open("a") as training:
            training.write(json.dumps(make_rows(20, 0, held_out=True)[0]) + "\n")

    files, outputs = curated(tmp_path, 100, spoil)
    with pytest.raises(ValueError, match="the test has leaked into training"):
        steps.leaks(*(Path(outputs[k]["path"]) for k in ("train", "valid")), test=files.test)
