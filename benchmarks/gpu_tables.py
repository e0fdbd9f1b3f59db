"""gpu.md: every figure beside what it should reach, and what else was measured. From the results alone."""

from __future__ import annotations

from typing import Any

import gpu_cases
import tables
from tables import Found, gigabytes, good


def derive(found: Found) -> None:
    """Figures that need two cases or two settings: the share of the best product, the ratio to the faster setting."""
    best = found.get("limits", {}).get("limits", {}).get("best_product_flops_per_second")
    for section in ("train", "sweep"):
        for f in found.get(section, {}).values():
            if best and "flops_per_second" in f:
                f["share_of_product"] = f["flops_per_second"] / best
    for f in found.get("train", {}).values():
        ratios = [f[key] for key in ("ratio_to_compiled", "ratio_to_eager") if key in f]
        if ratios:
            f["ratio_to_faster"] = min(ratios)


def merge(documents: list[Found]) -> Found:
    """All cases of several runs. Of the same case a later one counts, but a failure takes nothing's place that was measured."""
    found: Found = {}
    for document in documents:
        for section, results in document.items():
            kept = found.setdefault(section, {})
            for name, figures in results.items():
                if "error" not in figures or "error" in kept.get(name, {"error": ""}):
                    kept[name] = figures
    return found


def is_of_the_table(name: str, figures: dict[str, Any]) -> bool:
    """Measured on a GPU, over the shape that the case is called after: not tried over another one, or on the host."""
    device = figures.get("device", "")
    return device.split(":")[0] == "cuda" and name in ("limits", figures.get("shape"))


def of_the_table(found: Found) -> Found:
    """What failed stays, so that it is said."""
    return {
        section: {n: f for n, f in results.items() if "error" in f or is_of_the_table(n, f)}
        for section, results in found.items()
    }


def tried(found: Found) -> list[str]:
    names = [f"{s}, {n}" for s, r in found.items() for n, f in good(r).items() if not is_of_the_table(n, f)]
    if not names:
        return []
    return [
        f"Only tried, over another shape or without a GPU, so that no speed below counts: {'; '.join(names)}.",
        "",
    ]


def heading(found: Found) -> list[str]:
    """What the figures belong to."""
    all_ = [f for results in found.values() for f in good(results).values()]
    devices = sorted({f["device_name"] for f in all_ if "device_name" in f})
    commits = sorted({f["commit"] for f in all_ if "commit" in f})
    versions = ", ".join(f"{name} {v}" for name, v in (all_[0].get("versions", {}) if all_ else {}).items())
    lines = [
        f"{' and '.join(devices) or 'Nothing measured'}, commit {' and '.join(commits)} (each case's in gpu.json).",
        f"{versions}.",
    ]
    limits = found.get("limits", {}).get("limits", {})
    if "best_product" in limits:
        lines.append(
            f"Best large product: {limits['best_product_flops_per_second'] / 1e12:,.1f} TFLOP/s ({limits['best_product']}); "
            f"memory: {limits['sum_bytes_per_second'] / 1e9:,.0f} GB/s read, {limits['copy_bytes_per_second'] / 1e9:,.0f} copied."
        )
    return lines


def rate_of(name: str, f: dict[str, Any], setting: dict[str, Any]) -> str:
    """Of a setting of PyTorch: by the alternate rounds, by its trial, or why there is none."""
    for kind in ("compiled", "eager"):
        if f.get(f"{kind}_setting") == name:
            return f"{f[f'{kind}_tokens_per_second']:,.0f}"
    if "tokens_per_second" in setting:
        return f"{setting['tokens_per_second']:,.0f} (one step)"
    if "tokens_per_second_below" in setting:
        return f"< {setting['tokens_per_second_below']:,.0f} (ended)"
    return "not tried: " + setting["not_tried"] if "not_tried" in setting else setting.get("failed", "failed")


def train_table(found: Found) -> list[str]:
    lines = [
        "| training | Whorl or setting of PyTorch + PEFT | tokens/s | of the best product | memory of the device | loss checked |",
        "|---|---|---|---|---|---|",
    ]
    for name, f in good(found.get("train", {})).items():
        share = f"{f['share_of_product']:.1%}" if "share_of_product" in f else ""
        loss = f"{f['check_loss']:.4f}" if "check_loss" in f else ""
        lines.append(
            f"| {name}, {f['batch']} x {f['seq']} | **Whorl** | {f['tokens_per_second']:,.0f} | {share} | "
            f"{gigabytes(f.get('device_bytes'))} | {loss} |"
        )
        for setting, s in f.get("settings", {}).items():
            checked = f"{s['loss']:.4f}" if "loss" in s else ""
            lines.append(
                f"| | {setting} | {rate_of(setting, f, s)} | | {gigabytes(s.get('device_bytes'))} | {checked} |"
            )
    return lines


def sweep_table(found: Found) -> list[str]:
    lines = ["| sweep, tokens/s | in one pass | one adapter at the same rows |", "|---|---|---|"]
    for name, f in good(found.get("sweep", {})).items():
        lines.append(
            f"| {name}: {f['adapters']} x {f['batch']} x {f['seq']} | {f['tokens_per_second']:,.0f} | "
            f"{f['one_adapter_tokens_per_second']:,.0f} |"
        )
    return lines


def decode_table(found: Found) -> list[str]:
    lines = [
        "| decode: streams + adapters | tokens/s | of the bandwidth | what adapters add | transformers | its cache |",
        "|---|---|---|---|---|---|",
    ]
    for name, f in good(found.get("decode", {})).items():
        for run in (key.removesuffix("_rounds") for key in f if key.endswith("_rounds")):
            if not run.replace("+", "").isdigit():
                continue
            share, adds = f.get(f"{run}_share_of_bandwidth"), f.get(f"{run}_overhead")
            theirs = f.get(f"{run}_transformers_tokens_per_second")
            lines.append(
                f"| {name}, {run} | {f[f'{run}_tokens_per_second']:,.1f} | {'' if share is None else f'{share:.1%}'} | "
                f"{'' if adds is None else f'{adds:.1%}'} | {'' if theirs is None else f'{theirs:,.1f}'} | "
                f"{f.get(f'{run}_transformers_cache', '')} |"
            )
    return lines


def few_rows_table(found: Found) -> list[str]:
    """Of WHORL_CUDA_FEW_ROWS."""
    lines = [
        "| streams + adapters | own kernel up to so many rows | tokens/s | over the first |",
        "|---|---|---|---|",
    ]
    for name, f in good(found.get("few rows", {})).items():
        for run in f["runs"]:
            for rows in f["few_rows"]:
                key = f"{run}_{rows}"
                lines.append(
                    f"| {name}, {run} | {rows} | {f[f'{key}_tokens_per_second']:,.1f} | {f[f'{key}_ratio']:.2f} |"
                )
    return lines


def attention_table(found: Found) -> list[str]:
    """Of WHORL_CUDA_ATTENTION."""
    lines = [
        "| training, attention by | tokens/s of whole steps | over the first | loss and norm differ by |",
        "|---|---|---|---|",
    ]
    for name, f in good(found.get("attention", {})).items():
        for word in f["attention"]:
            lines.append(
                f"| {name}, {f['batch']} x {f['seq']}, {word} | {f[f'{word}_tokens_per_second']:,.0f} | "
                f"{f[f'{word}_ratio']:.2f} | {f['worst_difference']:.1e} |"
            )
    return lines


def checks_table(found: Found) -> list[str]:
    """What was checked beside what was timed."""
    keys = [
        "logit_error",
        "transformers_logit_error",
        "adapter_logit_error",
        "adapter_effect",
        "logprob_error",
    ]
    lines = ["| decode, against float32 | " + " | ".join(keys) + " |", "|---" * (len(keys) + 1) + "|"]
    for name, f in good(found.get("decode", {})).items():
        lines.append(f"| {name} | " + " | ".join(f"{f[key]:.4f}" if key in f else "" for key in keys) + " |")
    return lines


def commands(found: Found) -> list[str]:
    return [
        f"- {section}, {name}: `{f['command']}` ({f.get('case_seconds', 0):,.0f} s)"
        for section, results in found.items()
        for name, f in results.items()
        if "command" in f
    ]


def document(found: Found) -> list[str]:
    derive(found)
    reached = tables.reach_table(of_the_table(found), gpu_cases.FIGURES)
    lines = [*heading(found), "", *tried(found), *reached, ""]
    for section, made in (
        ("train", [train_table]),
        ("sweep", [sweep_table]),
        ("decode", [decode_table, checks_table]),
        ("few rows", [few_rows_table]),
        ("attention", [attention_table]),
    ):
        if good(found.get(section, {})):
            for table in made:
                lines += [*table(found), ""]
    if failed := tables.failures(found):
        lines += ["Not measured:", "", *failed, ""]
    return [*lines, "Commands:", "", *commands(found)]
