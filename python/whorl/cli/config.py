"""`--config`: a training run as one JSON or YAML file, checked key by key."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

# What the command adds to the fields of TrainOptions.
RUN_KEYS = {
    "base": "demo",
    "data": None,
    "valid": None,
    "valid_fraction": 0.1,
    "format": "auto",
    "on_bad_row": "error",
    "threads": 0,
    "quantize": "auto",
    "weights_cache": "",
    "device": "cpu",
    "out": None,
    "store": None,
    "publish": None,
    "adapters": None,
}


def refuse_unknown(where: str, given: dict[str, Any], known: list[str]) -> None:
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.5)
            raise ValueError(
                f"[{where}] unknown key '{key}'" + (f"; did you mean '{near[0]}'?" if near else "")
            )


def no_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"key '{key}' is given twice")
        made[key] = value
    return made


def parse(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    try:
        if path.suffix in {".yaml", ".yml"}:
            import yaml

            found = yaml.safe_load(text)
        else:
            found = json.loads(text, object_pairs_hook=no_repeated_keys)
    except Exception as error:
        raise ValueError(f"[{path}] {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"[{path}] expected keys and values at the top, got {type(found).__name__}")
    return found


def read(path: Path) -> dict[str, Any]:
    """The file's keys; relative paths in it are relative to it."""
    import whorl

    found = parse(path)
    train_keys = list(whorl.TrainOptions().to_dict())
    refuse_unknown(str(path), found, [*RUN_KEYS, *train_keys])
    adapters = found.get("adapters")
    if adapters is not None:
        if not isinstance(adapters, list) or not all(isinstance(a, dict) for a in adapters):
            raise ValueError(
                f"[{path}] 'adapters' expected a list of objects, each with the fields of LoraOptions"
            )
        for i, adapter in enumerate(adapters):
            refuse_unknown(f"{path}: adapters[{i}]", adapter, list(whorl.LoraOptions().to_dict()))
    for key in ("base", "data", "valid", "out", "store", "checkpoint_dir", "metrics_file"):
        value = found.get(key)
        if isinstance(value, str) and value and not (key == "base" and value == "demo"):
            found[key] = str(path.parent / value)
    return found


def split_keys(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what the command does, fields of TrainOptions)"""
    run = {key: settings.get(key, default) for key, default in RUN_KEYS.items()}
    return run, {key: value for key, value in settings.items() if key not in RUN_KEYS}
