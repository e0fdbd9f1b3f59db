"""Every command and where it lives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import adapters, chat, data, evaluate, generate, guard, info, pipeline, train

app = typer.Typer(
    help="Fine-tune, store and serve LoRA adapters in one process.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def tell_version(wanted: bool) -> None:
    if wanted:
        import whorl

        print(f"whorl {whorl.__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="The version, and nothing else.", callback=tell_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where report.html, report.json and loss.png go.")] = Path(
        "whorl-demo"
    ),
    seed: Annotated[int, typer.Option(help="The same seed gives the same scores and digests.")] = 0,
    write_data: Annotated[
        Path | None, typer.Option(help="Only write train.jsonl and test.jsonl there.")
    ] = None,
) -> None:
    """The whole flywheel, on real code, in about two minutes."""
    from whorl import demo as story

    if write_data is not None:
        story.write_data(write_data, seed=seed)
        return
    story.run(out=out, seed=seed)


app.add_typer(data.app, name="data")
app.add_typer(pipeline.app, name="pipeline")
app.command("train")(train.train)
app.add_typer(adapters.app, name="adapters")
app.command("generate")(generate.generate)
app.command("chat")(chat.chat)
app.command("eval")(evaluate.evaluate)
app.add_typer(guard.app, name="guard")
app.command("info")(info.info)
