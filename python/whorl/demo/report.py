"""What the demo leaves behind: report.json and loss.png."""

import json
import math
import platform
from dataclasses import asdict
from pathlib import Path

import whorl
from whorl.demo.data import Prepared
from whorl.demo.settings import AdapterPlan

METRICS = ("function_name_accuracy", "function_name_and_args_accuracy")


def scores(result: whorl.EvaluateResult) -> dict:
    """Both accuracies with standard error and number of rows."""
    return {
        metric: {key: getattr(result.scores[metric], key) for key in ("value", "stderr", "n")}
        for metric in METRICS
    }


def curves(run: whorl.TrainResult) -> dict:
    """Loss by optimizer step, in training and on the validation rows."""
    steps = [p for p in run.history if p.event == "step"]
    checks = [p for p in run.history if p.event == "validation" and not math.isnan(p.validation_loss)]
    return {
        "step": [p.step for p in steps],
        "loss": [p.loss for p in steps],
        "validation_step": [p.step for p in checks],
        "validation_loss": [p.validation_loss for p in checks],
    }


def adapter_entry(plan: AdapterPlan, run: whorl.TrainResult, result: whorl.EvaluateResult) -> dict:
    return {
        "name": plan.name,
        "rank": plan.rank,
        "learning_rate": plan.learning_rate,
        "digest": run.adapter.digest,
        "parameters": run.adapter.parameter_count,
        "validation_loss": run.validation_loss,
        **scores(result),
    }


def data_entry(prepared: Prepared) -> dict:
    return {
        "planted": asdict(prepared.planted),
        "account": prepared.account,
        "train_rows": len(prepared.train),
        "validation_rows": len(prepared.valid),
        "test_rows": len(prepared.test),
        "test_values_in_training": prepared.leaks.values,
        "test_phrasings_in_training": prepared.leaks.phrasings,
        "train_digest": prepared.train.digest,
        "test_digest": prepared.test.digest,
    }


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
