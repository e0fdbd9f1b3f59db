"""bench.md: every figure beside what it should reach, and the tables of what else was measured. From the results alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Found = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Figure:
    """One line of the table. `key` of a case's results, as a ratio ("x"), a share ("%"), seconds ("s") or tokens/s."""

    name: str
    section: str
    case: str
    key: str
    reach: float
    unit: str = "x"
    at_most: bool = False


COMPILED, EAGER = "PyTorch + PEFT compiled", "eager"
FIGURES = [
    *[
        Figure(f"LoRA training r16, all linears, shape {s}: tokens/s over {what}", "train", s, key, reach)
        for s in ("S", "M")
        for what, key, reach in (
            (COMPILED, "ratio_to_compiled", 1.8),
            (EAGER, "ratio_to_eager", 2.5),
        )
    ],
    *[
        Figure(
            f"the same, shape {s}: of the machine's best large product",
            "train",
            s,
            "share_of_product",
            0.75,
            "%",
        )
        for s in ("S", "M")
    ],
    *[
        Figure(f"the same, shape {s}: peak memory over eager", "train", s, "memory_ratio", 0.6, at_most=True)
        for s in ("S", "M")
    ],
    Figure(
        "sweep, shape S: four adapters over one at the same rows", "sweep", "S", "ratio_to_one_adapter", 0.95
    ),
    Figure("sweep, shape S: over four compiled PEFT runs", "sweep", "S", "ratio_to_peer", 1.8),
    Figure("sweep, shape S, 512 rows an adapter: the same", "sweep", "S, small", "ratio_to_peer", 2.5),
    Figure(
        "sweep, shape M, 512 rows an adapter: four over one",
        "sweep",
        "M, small",
        "ratio_to_one_adapter",
        0.95,
    ),
    Figure("sweep, shape M, 512 rows an adapter: over four runs", "sweep", "M, small", "ratio_to_peer", 2.5),
    Figure("prefill 512, shape M, bf16, over llama.cpp", "serve", "M", "prefill_ratio_to_llama", 1.3),
    Figure("decode, M, bf16: of the read bandwidth", "serve", "M", "share_of_bandwidth", 0.9, "%"),
    Figure("decode, M, bf16, over llama.cpp", "serve", "M", "decode_ratio_to_llama", 1.0),
    Figure("decode, M, int8, over its Q8_0", "serve", "M, int8", "decode_ratio_to_llama", 1.3),
    Figure("decode, M, int4, over its Q4_0", "serve", "M, int4", "decode_ratio_to_llama", 1.3),
    Figure(
        "perplexity of int4 over its Q4_0, mean of the models",
        "perplexity",
        "perplexity",
        "int4_over_q4_0",
        1.0,
        at_most=True,
    ),
    Figure(
        "perplexity of int8 over its Q8_0, mean of the models",
        "perplexity",
        "perplexity",
        "int8_over_q8_0",
        1.0,
        at_most=True,
    ),
    Figure("decode, 1B, bf16: of the read bandwidth", "serve", "1B", "share_of_bandwidth", 0.9, "%"),
    Figure("decode, 1B, bf16, over llama.cpp", "serve", "1B", "decode_ratio_to_llama", 1.0),
    Figure("decode, 1B, int8, over its Q8_0", "serve", "1B, int8", "decode_ratio_to_llama", 1.3),
    Figure("decode, 1B, int4, over its Q4_0", "serve", "1B, int4", "decode_ratio_to_llama", 1.3),
    Figure(
        "decode, 16 streams, M, bf16, over llama.cpp", "serve", "M, 16 streams", "decode_ratio_to_llama", 1.8
    ),
    Figure("the same, int8 over Q8_0", "serve", "M, 16 streams, int8", "decode_ratio_to_llama", 1.8),
    Figure("the same, int4 over Q4_0", "serve", "M, 16 streams, int4", "decode_ratio_to_llama", 1.8),
    Figure(
        "16 streams, 16 adapters r16, M: of the base alone",
        "serve",
        "M, 16 adapters",
        "ratio_to_base",
        0.8,
        "%",
    ),
    Figure(
        "16 streams, one adapter, M: of the base alone", "serve", "M, one adapter", "ratio_to_base", 0.97, "%"
    ),
    *[
        Figure(
            f"start to first token, M{kind}{how}, over llama.cpp",
            "first-token",
            f"M{kind}",
            key,
            1.0,
            at_most=True,
        )
        for kind in ("", ", int8", ", int4")
        for how, key in (
            ("", "first_token_ratio_to_llama"),
            (", weights kept", "kept_first_token_ratio_to_llama"),
        )
    ],
]


def derive(found: Found) -> None:
    """Figures that need two cases: the share of the best product, and memory over the peer's."""
    best = found.get("products", {}).get("products", {}).get("best_product_flops_per_second")
    for figures in found.get("train", {}).values():
        if best and "flops_per_second" in figures:
            figures["share_of_product"] = figures["flops_per_second"] / best
        if figures.get("least_eager_peak_rss_bytes"):
            figures["memory_ratio"] = figures["peak_rss_bytes"] / figures["least_eager_peak_rss_bytes"]


def value_of(figure: Figure, found: Found) -> float | str:
    """The value, or why there is none."""
    results = found.get(figure.section, {}).get(figure.case)
    if results is None:
        return "not measured"
    if "error" in results:
        return "failed"
    value = results.get(figure.key)
    return "not measured" if value is None else value


def met(figure: Figure, value: float) -> bool:
    return value <= figure.reach if figure.at_most else value >= figure.reach


def shown(value: float, unit: str, at_most: bool = False) -> str:
    """Cut, never rounded up: 0.9499 is not 0.95. What is at most is shown to three places: cutting would flatter it."""
    if at_most:
        return f"{value * 100:.3f} %" if unit == "%" else f"{value:.3f} {unit}"
    if unit == "%":
        return f"{int(value * 1000 + 1e-9) / 10:.1f} %"
    if unit == "tokens/s":
        return f"{int(value):,} tokens/s"
    return f"{int(value * 100 + 1e-9) / 100:.2f} x"


def shown_reach(figure: Figure) -> str:
    number = f"{figure.reach * 100:g} %" if figure.unit == "%" else f"{figure.reach:,g} {figure.unit}"
    return ("<= " if figure.at_most else ">= ") + number


def reach_table(found: Found, figures: list[Figure] = FIGURES) -> list[str]:
    lines = ["| figure, one run, same threads | reach | got | met |", "|---|---|---|---|"]
    for figure in figures:
        value = value_of(figure, found)
        if isinstance(value, str):
            got, answer = value, "-"
        else:
            got = shown(value, figure.unit, figure.at_most)
            answer = "yes" if met(figure, value) else "no"
        lines.append(f"| {figure.name} | {shown_reach(figure)} | {got} | {answer} |")
    return lines


def gigabytes(value: float | None) -> str:
    return f"{value / 1e9:.2f} GB" if value else ""


def good(cases: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: f for name, f in cases.items() if "error" not in f}


def settings_table(found: Found) -> list[str]:
    lines = [
        "| training, tokens/s | Whorl or setting of PyTorch + PEFT | tokens/s | warm-up | peak memory | loss checked |"
    ]
    lines.append("|---|---|---|---|---|---|")
    for shape, f in good(found.get("train", {})).items():
        loss = f.get("check_loss")
        lines.append(
            f"| {shape}, {f['batch']} x {f['seq']} | **Whorl**, {f['dtype']} base | {f['tokens_per_second']:,.1f} | | "
            f"{gigabytes(f['peak_rss_bytes'])} | {f'{loss:.4f}' if loss else ''} |"
        )
        kept = {f.get("compiled_setting"): "compiled", f.get("eager_setting"): "eager"}
        for name, s in f.get("settings", {}).items():
            label = f"**{name}** (best {kept[name]})" if name in kept else name
            if name in kept:
                rate = f"{f[f'{kept[name]}_tokens_per_second']:,.1f}"
            elif "tokens_per_second" in s:
                rate = f"{s['tokens_per_second']:,.1f}"
            elif "failed" in s:
                rate = "failed: " + s["failed"]
            elif "not_tried" in s:
                rate = "not tried: " + s["not_tried"]
            else:
                rate = f"< {s['tokens_per_second_below']:,.1f} (ended)"
            warm = f"{s['warm_seconds']:.0f} s" if "warm_seconds" in s else ""
            checked = f"{s['loss']:.4f}" if "loss" in s else ""
            lines.append(
                f"| | {label} | {rate} | {warm} | {gigabytes(s.get('peak_rss_bytes'))} | {checked} |"
            )
    return lines


def sweep_table(found: Found) -> list[str]:
    lines = [
        "| sweep, tokens/s | four in one pass | one at the same rows | four PEFT runs | memory, Whorl / PEFT |"
    ]
    lines.append("|---|---|---|---|---|")
    for name, f in good(found.get("sweep", {})).items():
        lines.append(
            f"| {name}: 4 x {f['batch']} x {f['seq']} | {f['tokens_per_second']:,.1f} | "
            f"{f['one_adapter_tokens_per_second']:,.1f} | {f.get('peer_tokens_per_second', 0):,.1f} ({f.get('peer_setting')}) | "
            f"{gigabytes(f['peak_rss_bytes'])} / {gigabytes(f.get('peer_peak_rss_bytes'))} |"
        )
    return lines


def serve_table(found: Found) -> list[str]:
    head = "| serving, tokens/s | decode | llama.cpp | prefill | llama.cpp | of the read bandwidth | memory, Whorl / llama.cpp | logit error, Whorl / llama.cpp |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for name, f in good(found.get("serve", {})).items():
        theirs = [f"{f[k]:,.1f}" if k in f else "" for k in LLAMA_KEYS]
        errors = f"{f['logit_error']:.4f} / {f['llama_logit_error']:.4f}" if "logit_error" in f else ""
        lines.append(
            f"| {name} | {f['decode_tokens_per_second']:,.1f} | {theirs[0]} | {f['prefill_tokens_per_second']:,.1f} | "
            f"{theirs[1]} | {f['share_of_bandwidth']:.0%} | "
            f"{gigabytes(f['peak_rss_bytes'])} / {gigabytes(f.get('llama_peak_rss_bytes'))} | {errors} |"
        )
    return lines


LLAMA_KEYS = ["llama_decode_tokens_per_second", "llama_prefill_tokens_per_second"]


def first_token_table(found: Found) -> list[str]:
    lines = [
        "| start to first token, shape M | Whorl | with weights_cache, from the second start on | llama.cpp |",
        "|---|---|---|---|",
    ]
    keys = ["first_token_seconds", "kept_first_token_seconds", "llama_first_token_seconds"]
    for name, f in good(found.get("first-token", {})).items():
        # A case that --keep brought from an earlier run may not have all of them.
        cells = (f"{f[key]:.2f} s" if key in f else "not measured" for key in keys)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def perplexity_table(found: Found) -> list[str]:
    return good(found.get("perplexity", {}))["perplexity"]["table"]


def growth_table(found: Found) -> list[str]:
    lines = ["| growth | tokens/s at each point |", "|---|---|"]
    for name, f in good(found.get("growth", {})).items():
        points = ", ".join(f"{p['x']}: {p['tokens_per_second']:,.0f}" for p in f["points"])
        lines.append(f"| {name} | {points} |")
    return lines


def busy_table(found: Found) -> list[str]:
    lines = ["| beside busy processes, as many as threads | quiet | busy | kept |", "|---|---|---|---|"]
    for f in good(found.get("busy", {})).values():
        for side in ("whorl_decode", "llama_decode", "whorl_training", "torch_training"):
            lines.append(
                f"| {side.replace('_', ', ')} | {f[f'{side}_quiet']:,.1f} | {f[f'{side}_busy']:,.1f} | {f[f'{side}_kept']:.0%} |"
            )
    return lines


def profile_table(
    name: str, f: dict[str, Any], product: float, bandwidth: float, most: int = 12
) -> list[str]:
    """The ops that take the most time, beside the roofline: the time that their arithmetic or their bytes would take."""
    lines = [
        f"| {name}: op | time | share | GFLOP/s | of the best product | GB/s | of the read bandwidth |",
        "|---|---|---|---|---|---|---|",
    ]
    ops = sorted(f["ops"], key=lambda op: -op["seconds"])
    for op in ops[:most]:
        rate, speed = op["flops"] / op["seconds"], op["bytes"] / op["seconds"]
        lines.append(
            f"| {op['op']} | {op['seconds'] / f['steps'] * 1e3:,.2f} ms | {op['seconds'] / f['seconds']:.1%} | "
            f"{rate / 1e9:,.1f} | {rate / product:.0%} | {speed / 1e9:,.1f} | {speed / bandwidth:.0%} |"
        )
    inside = sum(op["seconds"] for op in ops)
    left = sum(op["seconds"] for op in ops[most:])
    if left:
        lines.append(f"| other ops | {left / f['steps'] * 1e3:,.2f} ms | {left / f['seconds']:.1%} | | | | |")
    lines.append(
        f"| outside the ops | {(f['seconds'] - inside) / f['steps'] * 1e3:,.2f} ms | {1 - inside / f['seconds']:.1%} | | | | |"
    )
    return lines


def profile_tables(found: Found) -> list[str]:
    limits = found.get("products", {}).get("products", {})
    product = limits.get("best_product_flops_per_second", float("inf"))
    bandwidth = limits.get("read_bandwidth_bytes_per_second", float("inf"))
    lines: list[str] = []
    for name, f in good(found.get("profile", {})).items():
        lines += [*profile_table(name, f, product, bandwidth), ""]
    return lines


def heading(found: Found) -> list[str]:
    """What the figures belong to."""
    facts = next((f for cases in found.values() for f in good(cases).values() if "machine" in f), {})
    commits = sorted({f["commit"] for cases in found.values() for f in good(cases).values() if "commit" in f})
    versions = ", ".join(f"{name} {v}" for name, v in facts.get("versions", {}).items())
    lines = [
        f"{facts.get('machine')}, {facts.get('isa')}, {facts.get('threads')} threads, commit {' and '.join(commits)} (each case's in bench.json).",
        f"{versions}.",
    ]
    limits = found.get("products", {}).get("products", {})
    if "best_product" in limits:
        lines.append(
            f"Best large product: {limits['best_product_flops_per_second'] / 1e9:,.0f} GFLOP/s ({limits['best_product']}); "
            f"memory read: {limits['read_bandwidth_bytes_per_second'] / 1e9:.1f} GB/s."
        )
    return lines


def failures(found: Found) -> list[str]:
    return [
        f"- {section}, {name}: {f['error'].strip().splitlines()[-1]}"
        for section, cases in found.items()
        for name, f in cases.items()
        if "error" in f
    ]


def document(found: Found) -> list[str]:
    derive(found)
    lines = [*heading(found), "", *reach_table(found), ""]
    tables = {
        "train": settings_table,
        "sweep": sweep_table,
        "serve": serve_table,
        "first-token": first_token_table,
        "perplexity": perplexity_table,
        "growth": growth_table,
        "busy": busy_table,
        "profile": profile_tables,
    }
    for section, table in tables.items():
        if good(found.get(section, {})):
            lines += [*table(found), ""]
    if failed := failures(found):
        lines += ["Not measured:", "", *failed, ""]
    return lines
