"""What the demo leaves behind as data: report.json and loss.png."""

import json
import platform
from pathlib import Path
from typing import Any

import whorl
from whorl.demo.settings import Settings

METRICS = ("function_name_accuracy", "function_name_and_args_accuracy")


def _read(artifact: dict) -> Any:
    return json.loads(Path(artifact["path"]).read_text(encoding="utf-8"))


def scores(result: dict) -> dict:
    """Both accuracies with standard error and number of rows."""
    return {
        metric: {key: result["scores"][metric][key] for key in ("value", "stderr", "n")} for metric in METRICS
    }


def entries(settings: Settings, sweep: list[dict], scored: dict) -> list[dict]:
    """The base and each adapter, as report.json tells them. From the outputs of `sweep` and `score`."""
    by_name = {result["adapter"]: result for result in _read(scored["scores"])["results"]}
    made = [{"name": "base", "rank": 0, **scores(by_name[""])}]
    for plan, trained in zip(settings.adapters, sweep, strict=True):
        adapter = whorl.Adapter.load(trained["adapter"]["path"])
        made.append(
            {
                "name": plan.name,
                "rank": plan.rank,
                "learning_rate": plan.learning_rate,
                "digest": trained["digest"],
                "parameters": adapter.parameter_count,
                "validation_loss": trained["validation_loss"],
                **scores(by_name[plan.name]),
            }
        )
    return made


def curves(trained: dict) -> dict:
    """Loss by optimizer step, in training and on the validation rows."""
    lines = Path(trained["metrics"]["path"]).read_text(encoding="utf-8").splitlines()
    history = [json.loads(line) for line in lines]
    steps = [p for p in history if p["event"] == "step"]
    checks = [p for p in history if p["event"] == "validation" and p["validation_loss"] is not None]
    return {
        "step": [p["step"] for p in steps],
        "loss": [p["loss"] for p in steps],
        "validation_step": [p["step"] for p in checks],
        "validation_loss": [p["validation_loss"] for p in checks],
    }


def data_entry(outputs: dict[str, dict]) -> dict:
    """The account of the rows, from the outputs of `export`, `curate` and `leaks`."""
    train, valid, test = (
        whorl.Dataset.load(outputs[step][key]["path"])
        for step, key in (("curate", "train"), ("curate", "valid"), ("export", "test"))
    )
    account = _read(outputs["curate"]["account"])
    return {
        "planted": outputs["export"]["planted"],
        "account": {key: value for key, value in account.items() if key != "changes"},
        "train_rows": len(train),
        "validation_rows": len(valid),
        "test_rows": len(test),
        "test_values_in_training": outputs["leaks"]["values"],
        "test_phrasings_in_training": outputs["leaks"]["phrasings"],
        "train_digest": train.digest,
        "test_digest": test.digest,
    }


def samples(scored: dict, best: str, most: int = 6) -> list[dict]:
    """What the base and the best adapter answered to the first rows of the test."""
    by_name = {result["adapter"]: result["rows"] for result in _read(scored["scores"])["results"]}
    return [
        {
            "customer": before["prompt"],
            "expected": before["expected"],
            "before": before["got"],
            "after": after["got"],
            "after_right": after["scores"][METRICS[1]] == 1,
        }
        for before, after in zip(by_name[""][:most], by_name[best][:most], strict=True)
    ]


def lineage(base: whorl.Model, told: dict) -> list[dict]:
    """From the data to the published adapter: each line names what it was made of, by digest."""
    best = next((entry for entry in told["adapters"] if entry["name"] == told["gate"]["candidate"]), None)
    made = [
        {"what": "base", "digest": base.digest, "from": []},
        {"what": "training rows", "digest": told["data"]["train_digest"], "from": ["raw export"]},
        {"what": "test rows", "digest": told["data"]["test_digest"], "from": ["raw export"]},
    ]
    if best:
        score = best[METRICS[1]]
        made.append(
            {"what": f"adapter {best['name']}", "digest": best["digest"], "from": ["base", "training rows"]}
        )
        made.append(
            {
                "what": f"score {score['value']:.3f} ± {score['stderr']:.3f} (n {score['n']})",
                "digest": "",
                "from": [f"adapter {best['name']}", "test rows"],
            }
        )
    if told["published"]:
        published = told["published"]
        made.append(
            {
                "what": f"published {published['name']}@{published['version']}",
                "digest": published["digest"],
                "from": [f"adapter {best['name']}", "the gate"],
            }
        )
    return made


def versions(base: whorl.Model) -> dict:
    return {
        "whorl": whorl.__version__,
        "python": platform.python_version(),
        "base": base.digest,
        "device": base.device,
    }


def write_json(report: dict, path: Path) -> None:
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def draw_losses(loss_curves: dict[str, dict], path: Path) -> None:
    """One colour an adapter; thin is training, dots are validation."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for i, (name, curve) in enumerate(loss_curves.items()):
        axes.plot(curve["step"], curve["loss"], color=f"C{i}", linewidth=1, alpha=0.6, label=name)
        axes.plot(curve["validation_step"], curve["validation_loss"], "o-", color=f"C{i}", markersize=4)
    axes.set(
        xlabel="optimizer step",
        ylabel="loss per trained token",
        yscale="log",
        title="Three adapters, one pass",
    )
    axes.legend(title="line: training, dots: validation")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
