"""`whorl adapters`: the store."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import typer

from .options import STORE, Json, Store, open_store
from .output import console, emit, size, table

app = typer.Typer(help="Publish, promote, roll back, check and move adapters.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The adapter.")]
Version = Annotated[int, typer.Argument(help="1, 2, 3, …")]


def show_versions(title: str, versions: list) -> None:
    rows = [
        [
            v.name,
            v.version,
            "latest" if v.latest else "",
            v.rank,
            size(v.bytes),
            datetime.datetime.fromtimestamp(v.created, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            v.digest[:12],
        ]
        for v in versions
    ]
    table(title, ["name", "version", "", "rank", "bytes", "created", "digest"], rows)


def report(version, json: bool, verb: str) -> None:
    if json:
        emit(version.to_dict())
    else:
        console.print(
            f"{verb} [bold]{version.name}@{version.version}[/] ({size(version.bytes)}, {version.digest[:12]})"
        )


@app.command("list")
def list_adapters(store: Store = STORE, json: Json = False) -> None:
    """Every adapter with its latest version."""
    opened = open_store(store)
    latest = [opened.resolve(name) for name in opened.list()]
    if json:
        emit([v.to_dict() for v in latest])
    else:
        show_versions(str(store), latest)


@app.command()
def versions(name: Name, store: Store = STORE, json: Json = False) -> None:
    """Every version of one adapter."""
    found = open_store(store).versions(name)
    if json:
        emit([v.to_dict() for v in found])
    else:
        show_versions(name, found)


@app.command()
def publish(
    name: Name,
    folder: Annotated[Path, typer.Argument(help="A PEFT folder, or what `whorl train --out` wrote.")],
    promote: Annotated[bool, typer.Option(help="Make it the latest.")] = True,
    metadata: Annotated[list[str] | None, typer.Option(help="key=value, kept with the version.")] = None,
    store: Store = STORE,
    json: Json = False,
) -> None:
    """The next version of an adapter; durable when the command ends."""
    pairs = dict(item.partition("=")[::2] for item in metadata or [])
    version = open_store(store, create=True).publish(name, folder, promote=promote, metadata=pairs)
    report(version, json, "published")


@app.command("import")
def import_adapter(
    folder: Annotated[Path, typer.Argument(help="A PEFT folder.")],
    name: Annotated[str | None, typer.Option(help="Default: the folder's name.")] = None,
    store: Store = STORE,
    json: Json = False,
) -> None:
    """A PEFT folder from elsewhere, kept byte for byte."""
    publish(
        name or folder.resolve().name.lower(), folder, True, [f"imported_from={folder.name}"], store, json
    )


@app.command("export")
def export_adapter(
    name: Name,
    folder: Annotated[Path, typer.Argument(help="Where the PEFT files go.")],
    version: Annotated[int, typer.Option(help="0 = the latest.")] = 0,
    store: Store = STORE,
    json: Json = False,
) -> None:
    """A version as a PEFT folder."""
    opened = open_store(store)
    opened.export_peft(name, folder, version)
    report(opened.resolve(name, version), json, f"wrote {folder}:")


@app.command()
def promote(name: Name, version: Version, store: Store = STORE, json: Json = False) -> None:
    """Makes a version the latest."""
    opened = open_store(store)
    opened.promote(name, version)
    report(opened.resolve(name), json, "latest is")


@app.command()
def rollback(name: Name, store: Store = STORE, json: Json = False) -> None:
    """Makes latest what it was before."""
    report(open_store(store).rollback(name), json, "latest is")


@app.command()
def delete(
    name: Name,
    version: Annotated[int | None, typer.Option(help="Only this one; without it, all versions.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    store: Store = STORE,
    json: Json = False,
) -> None:
    """One version, or the whole adapter."""
    opened = open_store(store)
    what = f"{name}@{version}" if version else f"{name} with {len(opened.versions(name))} versions"
    if not yes and not json:
        typer.confirm(f"Delete {what}?", abort=True)
    if version:
        opened.delete_version(name, version)
    else:
        opened.delete_adapter(name)
    if json:
        emit({"deleted": name, "version": version})
    else:
        console.print(f"deleted {what}", markup=False)


@app.command()
def verify(store: Store = STORE, json: Json = False) -> None:
    """Reads and compares every file; exit status 1 if one is not what was published."""
    found = open_store(store).verify()
    if json:
        emit(found.to_dict())
    else:
        console.print(f"{found.versions} versions, {found.files} files, {size(found.bytes)}: ", end="")
        console.print("all as published" if found.ok else f"{len(found.problems)} problems")
        for problem in found.problems:
            console.print(f"  {problem.path}: {problem.what}", markup=False)
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def gc(store: Store = STORE, json: Json = False) -> None:
    """Removes what no version needs any more."""
    found = open_store(store).collect_garbage()
    if json:
        emit(found.to_dict())
    else:
        console.print(f"removed {found.removed} files and folders, {size(found.bytes)}")
