"""The plots beside bench.md: how far each figure is from what it should reach, how cost grows, and each op under the roofline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tables

GOOD, BAD, LINE = "#2f7d5b", "#b5482e", "#33507a"
CURVES = {
    "sequence": ("training, shape S", "tokens of a sequence (4,096 rows a step)"),
    "batch": ("training, shape S, sequences of 128", "sequences a step"),
    "rank": ("training, shape S, 4 x 512", "rank of the adapter"),
    "train_threads": ("training, shape S, 4 x 512", "threads"),
    "streams": ("decoding, shape M, bf16", "streams"),
    "adapters": ("decoding, shape M, 64 streams", "adapters (rank 16)"),
    "decode_threads": ("decoding, shape M, one stream", "threads"),
}


def draw(found: tables.Found, out: Path) -> None:
    """Writes reach.png, growth.png and profile.png, each where there is something to show."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    tables.derive(found)
    reach(plt, found, out / "reach.png")
    growth(plt, found, out / "growth.png")
    profiles(plt, found, out / "profile.png")


def reach(plt: Any, found: tables.Found, path: Path) -> None:
    """Bars of what was got over what should be reached (turned over where less is better): 1 is the aim."""
    rows = []
    for figure in tables.FIGURES:
        value = tables.value_of(figure, found)
        if not isinstance(value, str) and value > 0:
            share = figure.reach / value if figure.at_most else value / figure.reach
            text = f"{tables.shown(value, figure.unit)}  ({tables.shown_reach(figure)})"
            rows.append((figure.name, share, text, tables.met(figure, value)))
    if not rows:
        return
    plot, axes = plt.subplots(figsize=(11, 1.2 + 0.32 * len(rows)), layout="constrained")
    at = range(len(rows))
    axes.barh(at, [r[1] for r in rows], color=[GOOD if r[3] else BAD for r in rows], height=0.68)
    axes.axvline(1, color="black", linewidth=1)
    for i, (_, share, text, _) in enumerate(rows):
        # On white, so that the line does not cross the words.
        ground = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.text(share + 0.02, i, text, va="center", fontsize=8, bbox=ground)
    axes.set_yticks(at, [r[0] for r in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, max(r[1] for r in rows) * 1.25)
    axes.set_xlabel("got / reach (memory and time: reach / got); the line is what should be reached")
    axes.set_title("Whorl beside its peers, one run, same threads", loc="left")
    plot.savefig(path, dpi=130)
    plt.close(plot)


def growth(plt: Any, found: tables.Found, path: Path) -> None:
    curves = [(name, f) for name, f in tables.good(found.get("growth", {})).items() if f["points"]]
    if not curves:
        return
    columns = min(3, len(curves))
    lines = -(-len(curves) // columns)
    plot, all_axes = plt.subplots(
        lines, columns, figsize=(4.2 * columns, 3.1 * lines), layout="constrained", squeeze=False
    )
    for axes in all_axes.flat[len(curves) :]:
        axes.set_visible(False)
    for axes, (name, f) in zip(all_axes.flat, curves):
        one_curve(axes, name, f["points"])
    plot.suptitle("How cost grows: tokens per second", x=0.01, ha="left")
    plot.savefig(path, dpi=130)
    plt.close(plot)


def one_curve(axes: Any, name: str, points: list[dict[str, float]]) -> None:
    """Points stand at equal distances: each is (mostly) twice the one before."""
    title, label = CURVES[name]
    rates = [p["tokens_per_second"] for p in points]
    axes.plot(range(len(points)), rates, marker="o", color=LINE)
    for i, rate in enumerate(rates):
        axes.annotate(
            f"{rate:,.0f}", (i, rate), textcoords="offset points", xytext=(0, 7), ha="center", fontsize=8
        )
    axes.set_xticks(range(len(points)), [f"{p['x']:,}" for p in points])
    axes.set_xlim(-0.4, len(points) - 0.6)
    axes.set_ylim(0, max(rates) * 1.2)
    axes.set_xlabel(label)
    axes.set_ylabel("tokens/s")
    axes.set_title(title, fontsize=9, loc="left")
    axes.grid(axis="y", alpha=0.3)


def profiles(plt: Any, found: tables.Found, path: Path) -> None:
    """For each profile the ops' time, and beside it the time that the roofline would allow."""
    limits = found.get("products", {}).get("products", {})
    profiled = tables.good(found.get("profile", {}))
    if not profiled or "best_product_flops_per_second" not in limits:
        return
    product, bandwidth = limits["best_product_flops_per_second"], limits["read_bandwidth_bytes_per_second"]
    plot, all_axes = plt.subplots(
        len(profiled), 1, figsize=(10, 3.2 * len(profiled)), layout="constrained", squeeze=False
    )
    for axes, (name, f) in zip(all_axes.flat, profiled.items()):
        one_profile(axes, name, f, product, bandwidth)
    plot.suptitle("Where the time of a step goes, beside the roofline", x=0.01, ha="left")
    plot.savefig(path, dpi=130)
    plt.close(plot)


def one_profile(axes: Any, name: str, f: dict[str, Any], product: float, bandwidth: float) -> None:
    ops = sorted(f["ops"], key=lambda op: -op["seconds"])[:10]
    steps = f["steps"]
    took = [op["seconds"] / steps * 1e3 for op in ops]
    allowed = [max(op["flops"] / product, op["bytes"] / bandwidth) / steps * 1e3 for op in ops]
    at = range(len(ops))
    axes.barh([i - 0.19 for i in at], took, height=0.36, color=LINE, label="took")
    axes.barh([i + 0.19 for i in at], allowed, height=0.36, color="#c9b26b", label="roofline")
    for i in at:
        axes.text(
            took[i], i - 0.19, f" {allowed[i] / took[i]:.0%} of the roofline", va="center", fontsize=7.5
        )
    axes.set_yticks(at, [op["op"] for op in ops])
    axes.invert_yaxis()
    axes.set_xlim(0, max(took) * 1.22)
    axes.set_xlabel("ms a step")
    whole = f["seconds"] / steps * 1e3
    axes.set_title(
        f"{name}: {whole:,.1f} ms a step, {f['tokens_per_second']:,.1f} tokens/s", fontsize=9, loc="left"
    )
    axes.legend(loc="lower right", frameon=False)
