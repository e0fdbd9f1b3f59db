"""`whorl train`: one or many adapters in one pass."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from . import config as config_file
from . import ranks
from .options import Json, WeightsCache, load_base
from .output import bytes_of, console, emit, errors, number, size, table

# Flags that are an adapter's; and those that are paths or names, as the configuration file has them.
LORA_FLAGS = {"name", "rank", "alpha", "dropout", "learning_rate", "target_modules"}
MEMORY_PARTS = (
    *("weight", "activation", "loss", "working", "optimizer"),
    *("adapter", "validation", "data", "transient"),
)
RECOMPUTED = {1: "gate and up", 2: "gate, up, q, k and v", 3: "everything"}
PATHS = {"base", "data", "valid", "out", "publish", "store", "weights_cache"}


def lora_from_flags(settings: dict[str, Any], flags: dict[str, Any]) -> list[dict[str, Any]]:
    """The file's adapters with the flags on top, or one adapter made of the flags."""
    adapters = settings.get("adapters") or [{}]
    return [adapter | flags for adapter in adapters]


def load_data(run: dict[str, Any], seed: int):
    import whorl

    if not run["data"]:
        raise ValueError("[train] no training data: name a file with --data, or 'data' in the configuration")
    load = {"format": run["format"], "on_bad_row": run["on_bad_row"]}
    data = whorl.Dataset.load(run["data"], **load)
    if run["valid"]:
        return data, whorl.Dataset.load(run["valid"], **load)
    if not run["valid_fraction"]:
        return data, None
    return data.split(1 - run["valid_fraction"], seed=seed)


class Board:
    """A line per adapter: step, loss, validation loss, tokens per second, time left."""

    def __init__(self, quiet: bool) -> None:
        from rich.live import Live

        self.latest: dict[str, Any] = {}
        self.live = None if quiet else Live(console=console, refresh_per_second=4)

    def __enter__(self) -> Board:
        if self.live:
            self.live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self.live:
            self.live.update(self.draw())
            self.live.__exit__(*error)

    def __call__(self, progress: Any) -> None:
        self.latest[progress.name] = progress
        if self.live:
            self.live.update(self.draw())

    def draw(self) -> Any:
        from rich.table import Table

        made = Table(header_style="bold")
        for column in ("adapter", "step", "epoch", "loss", "valid", "learning rate", "tokens/s", "left"):
            made.add_column(column, justify="left" if column == "adapter" else "right")
        for name, p in self.latest.items():
            left = (
                f"{int(p.seconds_left) // 60}:{int(p.seconds_left) % 60:02d}" if p.seconds_left >= 0 else ""
            )
            made.add_row(
                name,
                f"{p.step}/{p.total_steps}",
                f"{p.epoch:.2f}",
                number(p.loss),
                number(p.validation_loss),
                f"{p.learning_rate:.1e}",
                f"{p.tokens_per_second:,.0f}",
                left,
            )
        return made


def keep(results: list, run: dict[str, Any]) -> list[dict[str, Any]]:
    """Writes and publishes what was trained."""
    kept = []
    for result in results:
        entry: dict[str, Any] = {
            "name": result.name,
            "rank": result.adapter.rank,
            "digest": result.adapter.digest,
            "loss": result.history[-1].loss if result.history else None,
            "validation_loss": result.validation_loss,
            "stopped_early": result.stopped_early,
        }
        if run["out"]:
            folder = Path(run["out"]) / result.name if len(results) > 1 else Path(run["out"])
            result.adapter.save(folder)
            entry["folder"] = str(folder)
        kept.append(entry)
    if run["publish"]:
        publish_best(results, kept, run)
    return kept


def publish_best(results: list, kept: list[dict[str, Any]], run: dict[str, Any]) -> None:
    """The lowest validation loss; one that is not known comes last."""
    import whorl

    losses = [entry["validation_loss"] for entry in kept]
    best = min(range(len(results)), key=lambda i: (losses[i] != losses[i], losses[i]))
    version = whorl.AdapterStore(run["store"] or "store").publish(run["publish"], results[best].adapter)
    kept[best]["published"] = version.to_dict()


def train(
    config: Annotated[Path | None, typer.Option(help="JSON or YAML; flags win over it.")] = None,
    base: Annotated[str | None, typer.Option(help='A Hugging Face folder, or "demo".')] = None,
    data: Annotated[Path | None, typer.Option(help="Training rows.")] = None,
    valid: Annotated[Path | None, typer.Option(help="Validation rows.")] = None,
    valid_fraction: Annotated[float | None, typer.Option(help="Without --valid: of --data. [0.1]")] = None,
    out: Annotated[Path | None, typer.Option(help="Adapters go here as PEFT folders.")] = None,
    publish: Annotated[str | None, typer.Option(help="Publish the best of the run under this name.")] = None,
    store: Annotated[Path | None, typer.Option(help="The store for --publish.", envvar="WHORL_STORE")] = None,
    name: Annotated[str | None, typer.Option(help="Of the adapter.")] = None,
    rank: Annotated[int | None, typer.Option(help="[8]")] = None,
    alpha: Annotated[float | None, typer.Option(help="[16]")] = None,
    dropout: Annotated[float | None, typer.Option(help="[0]")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="[2e-4]")] = None,
    target_modules: Annotated[list[str] | None, typer.Option(help="Names or endings. [all-linear]")] = None,
    epochs: Annotated[float | None, typer.Option(help="[1]")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Optimizer steps instead of epochs.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Packed rows a micro-batch. [8]")] = None,
    gradient_accumulation_steps: Annotated[int | None, typer.Option(help="[1]")] = None,
    max_length: Annotated[int | None, typer.Option(help="Tokens of a packed row.")] = None,
    eval_steps: Annotated[int | None, typer.Option(help="Validate every so many steps.")] = None,
    on_long_row: Annotated[str | None, typer.Option(help="error, drop or truncate.")] = None,
    seed: Annotated[int | None, typer.Option(help="[0]")] = None,
    checkpoint_dir: Annotated[Path | None, typer.Option(help="Where a stopped run can go on from.")] = None,
    save_steps: Annotated[int | None, typer.Option(help="Checkpoint every so many steps.")] = None,
    resume: Annotated[bool | None, typer.Option("--resume", help="Go on from --checkpoint-dir.")] = None,
    metrics_file: Annotated[Path | None, typer.Option(help="One JSON object a line.")] = None,
    memory_budget: Annotated[
        str | None, typer.Option(help="Of the run beside the base, as 2GB or 500MB: slower, the same bits.")
    ] = None,
    activation_dtype: Annotated[
        str | None, typer.Option(help="On a GPU bfloat16 halves what activations take. [float32]")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="0 = all.")] = None,
    quantize: Annotated[
        str | None, typer.Option(help="Train over a base rounded to int8, int4 or (on a GPU) fp8.")
    ] = None,
    weights_cache: WeightsCache = None,
    device: Annotated[
        str | None, typer.Option(help='"cpu", "cuda", "cuda:1" or "auto". [cpu]', envvar="WHORL_DEVICE")
    ] = None,
    nproc: Annotated[
        int | None, typer.Option(help="Processes that share the run, on this machine. [1]")
    ] = None,
    distributed: Annotated[
        bool | None,
        typer.Option("--distributed", help="Be one of the processes that torchrun, Slurm or a Job started."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    json: Json = False,
) -> None:
    """LoRA fine-tuning. With several adapters in --config all are trained in one pass."""
    settings, adapters = settings_from(dict(locals()))
    if nproc is None or nproc == 1:
        execute(settings, adapters, dry_run, json)
        return
    if settings.get("distributed"):
        raise ValueError("[train] --nproc starts the processes itself: leave --distributed out")
    ranks.launch(nproc, settings, adapters, dry_run=dry_run, json=json)


def settings_from(flags: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the run is to do: the file's keys with the flags on top; and the adapters."""
    settings = config_file.read(flags["config"]) if flags["config"] else {}
    set_flags = {name: value for name, value in flags.items() if value is not None and value != []}
    adapters = lora_from_flags(settings, {key: set_flags[key] for key in LORA_FLAGS if key in set_flags})
    budget = set_flags.pop("memory_budget", settings.get("memory_budget_bytes"))
    if isinstance(budget, str):
        settings["memory_budget_bytes"] = bytes_of(budget, "[train] the memory budget")
    for key in set_flags.keys() - LORA_FLAGS - {"config", "nproc", "dry_run", "json"}:
        settings[key] = str(set_flags[key]) if key in PATHS else set_flags[key]
    return settings, adapters


def speaks_for_all(distributed: bool) -> bool:
    """Of several processes that train together, one writes to the terminal and keeps the adapters."""
    if distributed:
        return os.environ.get("RANK", "0") == "0"
    if os.environ.get("RANK") and os.environ.get("WORLD_SIZE", "1") != "1":
        errors.print(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but this process trains alone: add --distributed",
            style="yellow",
        )
    return True


def device_of(device: str, distributed: bool) -> str:
    """Processes of one machine that share a run take a GPU each, in their order there."""
    local = os.environ.get("LOCAL_RANK", "")
    return f"cuda:{int(local)}" if distributed and device == "cuda" and local.isdigit() else device


def execute(settings: dict[str, Any], adapters: list[dict[str, Any]], dry_run: bool, json: bool) -> None:
    import whorl

    run, options = config_file.split_keys(settings)
    first = speaks_for_all(bool(options.get("distributed")))
    train_rows, valid_rows = load_data(run, options.get("seed", 0))
    device = device_of(run["device"], bool(options.get("distributed")))
    model = load_base(run["base"], run["threads"], run["quantize"], run["weights_cache"], device)
    trainer = whorl.Trainer(model, adapters, **options)
    base_bytes = model.memory_bytes
    plan = trainer.plan(train_rows, valid_rows)
    if dry_run and json and first:
        emit(plan.to_dict())
        return
    if not json and first:
        show_plan(plan, base_bytes)
    if dry_run:
        return
    with Board(quiet=json or not first) as board:
        results = trainer.fit(train_rows, valid_rows, board)
    refuse_half_a_run(results)
    if not first:
        return
    kept = keep(results, run)
    if json:
        emit({"plan": plan.to_dict(), "adapters": kept})
        return
    show_kept(kept)
    if not run["out"] and not run["publish"]:
        console.print("nothing was kept: add --out FOLDER or --publish NAME", style="yellow")


def refuse_half_a_run(results: list) -> None:
    """In a distributed run any process may have stopped all."""
    if any(r.history and r.history[-1].event == "stopped" and not r.stopped_early for r in results):
        raise RuntimeError(
            "[train] another process stopped the run before its end, nothing was kept; with --checkpoint-dir, "
            "--resume goes on"
        )


def show_kept(kept: list[dict[str, Any]]) -> None:
    rows = [
        [
            k["name"],
            k["rank"],
            number(k["loss"]),
            number(k["validation_loss"]),
            k.get("folder", ""),
            f"{k['published']['name']}@{k['published']['version']}" if "published" in k else "",
        ]
        for k in kept
    ]
    table("trained", ["adapter", "rank", "loss", "validation loss", "folder", "published"], rows)


def show_plan(plan: Any, base_bytes: int) -> None:
    console.print(
        f"{plan.rows} rows → {plan.packed_rows} packed rows, {plan.tokens:,} tokens an epoch "
        f"({plan.trained_tokens:,} trained, {plan.packing_fill:.0%} full), {plan.steps} steps, "
        f"{plan.trainable_parameters:,} parameters"
    )
    parts = {name: getattr(plan, f"{name}_bytes") for name in MEMORY_PARTS}
    listed = ", ".join(f"{name} {size(count)}" for name, count in parts.items() if count)
    if plan.ranks > 1:
        console.print(f"{plan.ranks} processes share each step; the memory is that of each")
    console.print(f"memory: base {size(base_bytes)} + at most {size(plan.memory_bytes)} ({listed})")
    if levels := plan.recompute_levels:
        counts = ", ".join(f"{levels.count(i)} {what}" for i, what in RECOMPUTED.items() if i in levels)
        console.print(
            f"computed again, {plan.recomputed_flops_ratio:.1%} more operations: in layers {counts}"
        )
    if plan.dropped_rows or plan.truncated_rows:
        console.print(f"{plan.dropped_rows} rows dropped, {plan.truncated_rows} truncated", style="yellow")
