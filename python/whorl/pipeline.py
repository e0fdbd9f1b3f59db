"""Pipelines from decorated functions or plain data, run here or sent to a cluster, with one meaning.

>>> from whorl import pipeline
>>> @pipeline.step(outputs=["words"], retry={"limit": 2})
... def count(text: str, least: int = 1) -> dict:
...     return {"words": len([w for w in text.split() if len(w) >= least])}
>>> @pipeline.flow
... def counting(text: str = "where is my order", least: int = 2):
...     counted = count(text=text, least=least)
...     pipeline.command("show", ["echo", f"{counted['words']} words"])
>>> counting.run(least=3).output("count", "words")
4

Inside a flow, calling a step adds it to the pipeline; its parameters and what a step returns are references, which may be
passed on whole (they keep their type) or put into an f-string. A step that is given another's output waits for it.
`foreach` repeats a step over a list, a grid or a parameter of type list; `item` stands for the item.

A step with an output of type `Path` among its arguments gets the file or folder. On a cluster a function must be one that can
be imported ("module:function"); what lives in a notebook runs here only.
"""

from __future__ import annotations

import contextvars
import dataclasses
import enum
import functools
import hashlib
import importlib
import inspect
import json
import os
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_open_flow: contextvars.ContextVar[_Builder | None] = contextvars.ContextVar("whorl_flow", default=None)

_TYPES = {str: "string", int: "int", float: "float", bool: "bool", list: "list"}
_STEP_FIELDS = (
    "needs",
    "foreach",
    "when",
    "retry",
    "timeout_seconds",
    "failure_policy",
    "resources",
    "cache",
    "description",
)


class Reference(str):
    """Stands for a value that is known when the pipeline runs: text of the form "${…}", good for f-strings."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        """A field of an item: item["rank"]."""
        if isinstance(key, str):
            return Reference(self[:-1] + "." + key + "}")
        return str.__getitem__(self, key)


item = Reference("${item}")
"""The item of a step with `foreach`; item["rank"] is a field of it."""
run_state = Reference("${run.state}")
"""In exit steps: "succeeded", "failed" or "cancelled"."""
run_id = Reference("${run.id}")
"""In exit steps."""


class Outputs(Mapping):
    """What a step of a flow leaves behind, by name."""

    def __init__(self, name: str, names: Sequence[str]) -> None:
        self.name = name
        self._names = list(names)

    def __getitem__(self, key: str) -> Reference:
        if key not in self._names:
            raise KeyError(
                f"step '{self.name}' has no output '{key}', only {', '.join(self._names) or 'none'}"
            )
        return Reference(f"${{steps.{self.name}.outputs.{key}}}")

    def __iter__(self):
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Outputs({self.name!r}, {self._names})"


@dataclasses.dataclass
class _Builder:
    """The pipeline that a flow's body is writing."""

    document: dict[str, Any]
    functions: dict[str, StepFunction] = dataclasses.field(default_factory=dict)

    def add(self, step: dict[str, Any]) -> None:
        names = {known["name"] for known in self.document["steps"]}
        wanted, count = step["name"], 1
        while step["name"] in names:
            count += 1
            step["name"] = f"{wanted}-{count}"
        self.document["steps"].append(step)


def _current(what: str) -> _Builder:
    builder = _open_flow.get()
    if builder is None:
        raise RuntimeError(
            f"[pipeline] {what} is called outside of a flow; decorate a function with @pipeline.flow"
        )
    return builder


def _plain(value: Any) -> Any:
    """Arguments as JSON holds them."""
    if isinstance(value, Reference):
        return str(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Outputs):
        if len(value) == 1:
            return str(next(iter(value.values())))
        raise TypeError(
            f"[pipeline] step '{value.name}' has outputs {', '.join(value)}; name one: result['{next(iter(value), '…')}']"
        )
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def _dashed(name: str) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "step"


def _condition(condition: Any) -> dict[str, Any]:
    if isinstance(condition, Mapping):
        return {key: _plain(value) for key, value in condition.items()}
    left, op, right = condition
    return {"left": _plain(left), "op": op, "right": _plain(right)}


def _fields(options: dict[str, Any]) -> dict[str, Any]:
    """The fields that every kind of step has."""
    made = {key: options[key] for key in _STEP_FIELDS if options.get(key) is not None}
    if "needs" in made:
        needs = made["needs"] if isinstance(made["needs"], list | tuple) else [made["needs"]]
        made["needs"] = [need.name if isinstance(need, Outputs) else str(need) for need in needs]
    if "when" in made:
        when = made["when"]
        one = isinstance(when, Mapping) or (
            isinstance(when, tuple) and len(when) == 3 and isinstance(when[1], str)
        )
        made["when"] = [_condition(each) for each in ([when] if one else when)]
    for key in ("foreach", "retry", "resources"):
        if key in made:
            made[key] = _plain(made[key])
    return made


def _check_fields(where: str, options: dict[str, Any]) -> None:
    for key in options:
        if key not in _STEP_FIELDS:
            import difflib

            near = difflib.get_close_matches(key, _STEP_FIELDS, 1)
            raise TypeError(f"[{where}] no field '{key}'" + (f"; did you mean '{near[0]}'?" if near else ""))


def add(name: str, kind: str, with_: Mapping[str, Any] | None = None, **fields: Any) -> Outputs:
    """A step of any kind: add("publish", "publish", {"adapter": best["best"], …}, needs=gate)."""
    import whorl

    builder = _current(f"add({name!r})")
    outputs = fields.pop("outputs", None)
    _check_fields("pipeline.add", fields)
    step: dict[str, Any] = {"name": name, "kind": kind, "with": _plain(dict(with_ or {}))} | _fields(fields)
    if outputs:
        step["outputs"] = _declared(outputs)
    builder.add(step)
    kinds = whorl.Pipeline.kinds()
    kinds = json.loads(kinds) if isinstance(kinds, str) else kinds
    own = list(kinds.get(kind, {}).get("outputs", {}))
    return Outputs(step["name"], own + list(step.get("outputs", {})))


def command(name: str, command: Sequence[Any] | str, **fields: Any) -> Outputs:
    """A program, without a shell; `inputs`, `environment`, `folder` and declared `outputs` besides a step's fields."""
    own = {key: fields.pop(key) for key in ("inputs", "environment", "folder") if key in fields}
    return add(name, "command", {"command": command, **own}, **fields)


def _declared(outputs: Any) -> dict[str, Any]:
    """["score"] are values that the function returns; {"page": "page.html"} are files that it writes."""
    if isinstance(outputs, str):
        outputs = [outputs]
    if isinstance(outputs, Mapping):
        return {key: _plain(value) for key, value in outputs.items()}
    return {key: {"type": "json"} for key in outputs}


class StepFunction:
    """A function that is a step: called inside a flow it adds itself, called elsewhere it is the function."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.outputs = _declared(options.pop("outputs", None) or ["result"])
        self.name = options.pop("name", None) or _dashed(function.__name__)
        self.version = options.pop("version", None)
        _check_fields("pipeline.step", options)
        self.options = options
        self.signature = inspect.signature(function)
        self.context = next((p for p in self.signature.parameters if p == "context"), None)
        self.hints = _hints(function)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if _open_flow.get() is None:
            return self.function(*arguments, **keywords)
        return self._add({}, arguments, keywords)

    def with_(self, **fields: Any) -> Callable[..., Outputs]:
        """The same step with other fields: train.with_(foreach={"grid": {…}}, name="sweep")(rank=item["rank"])."""
        return lambda *arguments, **keywords: self._add(fields, arguments, keywords)

    def _add(self, fields: dict[str, Any], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Outputs:
        builder = _current(f"step '{self.name}'")
        fields = dict(fields)
        name = fields.pop("name", self.name)
        _check_fields("pipeline.step", fields)
        if self.context:
            keywords = {**keywords, self.context: None}
        given = dict(self.signature.bind(*arguments, **keywords).arguments)
        given.pop(self.context, None)
        values, inputs = {}, {}
        for key, value in given.items():
            (inputs if self.hints.get(key) is Path else values)[key] = _plain(value)
        with_: dict[str, Any] = {"function": self.address, "arguments": values}
        if inputs:
            with_["inputs"] = inputs
        step = {"name": name, "kind": "python", "with": with_, "outputs": self.outputs}
        builder.add(step | _fields(self.options | fields))
        builder.functions[self.address] = self
        return Outputs(builder.document["steps"][-1]["name"], list(self.outputs))

    @functools.cached_property
    def address(self) -> str:
        """ "module:function" where that finds this step again, otherwise its bare name."""
        module, name = self.function.__module__, self.function.__qualname__
        if module != "__main__" and "<" not in name:
            try:
                if _find(importlib.import_module(module), name) is self:
                    return f"{module}:{name}"
            except (ImportError, AttributeError):
                pass
        return _dashed(name.rsplit(".", 1)[-1])

    @functools.cached_property
    def code_version(self) -> str:
        """Part of the cache key: of the function's own text, not of what it calls. Say `version` for the rest."""
        if self.version is not None:
            return str(self.version)
        try:
            text = inspect.getsource(self.function)
        except (OSError, TypeError):
            text = repr(self.function.__code__.co_code) + repr(self.function.__code__.co_consts)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def call(self, context: Any) -> dict[str, Any]:
        """What a run calls: arguments and inputs from the context, a dict of the value outputs back."""
        values = context.arguments
        values = json.loads(values) if isinstance(values, str) else dict(values)
        for key, path in dict(context.inputs).items():
            values[key] = Path(path)
        if self.context:
            values[self.context] = context
        result = self.function(**values)
        wanted = [key for key, output in self.outputs.items() if _is_value(output)]
        if isinstance(result, Mapping) and set(wanted) <= set(result):
            return dict(result)
        if len(wanted) == 1:
            return {wanted[0]: result}
        if not wanted and result is None:
            return {}
        raise ValueError(
            f"[pipeline] step '{self.name}' is to return a dict with {', '.join(wanted)}, got {result!r:.80}"
        )


def _is_value(output: Any) -> bool:
    return isinstance(output, Mapping) and not output.get("path")


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        return {}


def _find(owner: Any, dotted: str) -> Any:
    for part in dotted.split("."):
        owner = getattr(owner, part)
    return owner


def step(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Makes a function a step of kind python. `outputs`: names of values that it returns (default "result"), or
    {"name": "file"} for files that it writes into context.folder; and any field of a step (retry, foreach, when, …).
    A parameter called `context` gets the run's context, one annotated `Path` a file or folder."""
    if function is not None:
        return StepFunction(function, options)
    return lambda decorated: StepFunction(decorated, options)


# ---- flows ----------------------------------------------------------------------------------------------


def _parameter(flow: str, parameter: inspect.Parameter, hint: Any) -> dict[str, Any]:
    """One parameter of a flow, from its annotation and default."""
    made: dict[str, Any] = {}
    if typing.get_origin(hint) is typing.Annotated:
        hint, *notes = typing.get_args(hint)
        made["description"] = next((note for note in notes if isinstance(note, str)), "")
    choices: list[Any] = []
    if typing.get_origin(hint) is typing.Literal:
        choices = list(typing.get_args(hint))
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        choices = [member.value for member in hint]
    default = None if parameter.default is inspect.Parameter.empty else _plain(parameter.default)
    kind = type(choices[0]) if choices else typing.get_origin(hint) or hint
    if kind in (inspect.Parameter.empty, Any):
        kind = type(default) if default is not None else str
    kind = {Path: str, tuple: list, Sequence: list, types.NoneType: str}.get(kind, kind)
    if kind not in _TYPES:
        raise TypeError(
            f"[pipeline.flow] {flow}: parameter '{parameter.name}' expected str, int, float, bool, list, Literal or an Enum, got {hint!r}"
        )
    made["type"] = _TYPES[kind]
    if parameter.default is not inspect.Parameter.empty:
        made["default"] = default
    if choices:
        made["choices"] = choices
    return made


class Flow:
    """A pipeline and the functions that its python steps call."""

    def __init__(
        self, document: Mapping[str, Any] | str, functions: Mapping[str, StepFunction] | None = None
    ) -> None:
        import whorl

        text = document if isinstance(document, str) else json.dumps(_plain(document))
        self.pipeline = whorl.Pipeline.from_json(text)
        self.functions = dict(functions or {})
        for address, function in self.functions.items():
            self.pipeline.function(address, function.call, function.code_version)
        self._register_importable()

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> Flow:
        """A .yaml, .yml or .json file; its python steps name functions as "module:function"."""
        import whorl

        made = cls.__new__(cls)
        made.pipeline = whorl.Pipeline.load(os.fspath(file))
        made.functions = {}
        made._register_importable()
        return made

    def _register_importable(self) -> None:
        for entry in self.to_dict().get("steps", []):
            address = entry.get("with", {}).get("function", "") if entry["kind"] == "python" else ""
            if isinstance(address, str) and ":" in address and address not in self.functions:
                made = imported(address)
                self.functions[address] = made
                self.pipeline.function(address, made.call, made.code_version)

    @property
    def name(self) -> str:
        return self.to_dict()["name"]

    def to_dict(self) -> dict[str, Any]:
        return json.loads(self.pipeline.to_json())

    def to_json(self) -> str:
        """Canonical: the same pipeline gives the same bytes."""
        return self.pipeline.to_json()

    def validate(self) -> Flow:
        """ValueError with every problem, one a line, each naming step and field."""
        self.pipeline.validate()
        return self

    def run(self, *, progress: bool | Callable[[Any], Any] = True, **parameters: Any) -> Any:
        """Runs here. Keywords are the pipeline's parameters and the options of a run (folder, run_id, resume, cache,
        budget). `progress`: True shows a live tree in the terminal or the notebook; a function gets every event and
        stops the run by returning False."""
        from ._pipeline_view import watching

        known = set(self.to_dict().get("parameters", {}))
        options = {key: value for key, value in parameters.items() if key not in known}
        given = {key: _plain(value) for key, value in parameters.items() if key in known}
        with watching(self.to_dict(), progress) as callback:
            return self.pipeline.run(callback, parameters=given, **options)

    def to_argo(self, **options: Any) -> list[Any]:
        import whorl

        return whorl.to_argo(self.pipeline, **options)

    def to_kubernetes(self, step: str, item: int = -1, **options: Any) -> Any:
        import whorl

        return whorl.to_kubernetes(self.pipeline, step, item, **options)

    def to_gitops(self, **options: Any) -> list[Any]:
        import whorl

        return whorl.to_gitops(self.pipeline, **options)

    def write(self, folder: str | os.PathLike[str], **options: Any) -> list[Path]:
        """The GitOps tree, written; the files' paths."""
        import whorl

        made = self.to_gitops(**options)
        whorl.write_manifests(made, folder)
        return [Path(folder) / manifest.path for manifest in made]

    def _repr_html_(self) -> str:
        from ._pipeline_view import Tree

        return Tree(self.to_dict()).html()

    def __repr__(self) -> str:
        steps = self.to_dict().get("steps", [])
        return f"Flow({self.name!r}, {len(steps)} steps)"


def imported(address: str) -> StepFunction:
    """The function that "module:function" names, as a step."""
    module, _, name = address.partition(":")
    try:
        found = _find(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"[pipeline] function '{address}' cannot be imported: {error}") from error
    return found if isinstance(found, StepFunction) else StepFunction(found, {})


def flow(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Makes a function a pipeline. Its parameters, by annotation and default, become the pipeline's: str, int, float,
    bool, list, Literal or Enum (choices), Annotated[…, "description"]. Options: name, description, on_exit, budget."""
    if function is None:
        return lambda decorated: flow(decorated, **options)
    name = options.pop("name", None) or _dashed(function.__name__)
    document: dict[str, Any] = {"name": name, "steps": []}
    document["description"] = options.pop("description", None) or inspect.cleandoc(function.__doc__ or "")
    hints = _hints(function)
    given = {}
    for parameter in inspect.signature(function).parameters.values():
        hint = hints.get(parameter.name, parameter.annotation)
        document.setdefault("parameters", {})[parameter.name] = _parameter(name, parameter, hint)
        given[parameter.name] = Reference(f"${{parameters.{parameter.name}}}")
    builder = _Builder(document)
    token = _open_flow.set(builder)
    try:
        function(**given)
    finally:
        _open_flow.reset(token)
    for key in ("on_exit", "budget"):
        if key in options:
            document[key] = _plain(options.pop(key))
    if options:
        raise TypeError(
            f"[pipeline.flow] no option '{next(iter(options))}'; name, description, on_exit and budget are"
        )
    if not document["description"]:
        del document["description"]
    return Flow(document, builder.functions)


load = Flow.load
__all__ = [
    "Flow",
    "Outputs",
    "Reference",
    "StepFunction",
    "add",
    "command",
    "flow",
    "imported",
    "item",
    "load",
    "run_id",
    "run_state",
    "step",
]
