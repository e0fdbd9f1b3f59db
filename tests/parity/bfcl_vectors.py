"""What the Berkeley leaderboard's own AST check says of cases made up here. Needs bfcl-eval (see BFCL_ROOT)."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import types
from pathlib import Path
from typing import Any


def load_checker() -> Any:
    """ast_checker.py alone: the package around it imports every model's client."""
    root = Path(os.environ["BFCL_ROOT"]) if "BFCL_ROOT" in os.environ else None
    if root is None:
        spec = importlib.util.find_spec("bfcl_eval")
        if spec is None or not spec.submodule_search_locations:
            raise ImportError("bfcl_eval is not installed and BFCL_ROOT is not set")
        root = Path(next(iter(spec.submodule_search_locations))).parent
    sys.path.insert(0, str(root))
    config = types.ModuleType("bfcl_eval.constants.model_config")

    class Model:
        def __init__(self, underscore_to_dot: bool) -> None:
            self.underscore_to_dot = underscore_to_dot

    config.MODEL_CONFIG_MAPPING = {"plain": Model(False), "dots": Model(True)}
    sys.modules["bfcl_eval.constants.model_config"] = config
    for name in ("java", "js"):
        module = types.ModuleType(f"bfcl_eval.eval_checker.ast_eval.type_convertor.{name}_type_converter")
        setattr(module, f"{name}_type_converter", lambda *_: None)
        sys.modules[module.__name__] = module
    from bfcl_eval.eval_checker.ast_eval import ast_checker

    return ast_checker


def function(name: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"name": name, "parameters": {"type": "dict", "properties": properties, "required": required}}


def kind(name: str, items: str | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"type": name}
    if items:
        made["items"] = {"type": items}
    return made


VALUES: list[tuple[dict[str, Any], list[Any], list[Any]]] = [
    (kind("integer"), [5], [5, 5.0, True, "5", 6, None, [5]]),
    (kind("integer"), [1, ""], [1, True, 2, "", "x"]),
    (kind("float"), [5.0, 7], [5, 5.0, 7, 7.0, True, "5.0", 5.5]),
    (kind("float"), [5], [5, 5.0, 6]),
    (kind("boolean"), [True], [True, False, 1, "true"]),
    (kind("boolean"), ["flag_variable"], ["flag_variable", True, "other"]),
    (
        kind("string"),
        ["San Francisco, CA", "SF"],
        ["san francisco ca", "SF", "S.F", "s*f", "LA", "San-Francisco_CA", 3],
    ),
    (kind("string"), ["it's"], ['it"s', "its", "IT'S"]),
    (kind("string"), ["", "ΟΔΟΣ"], ["οδος", "", " ", "."]),
    (kind("string"), [""], ["", "anything", 1]),
    (kind("string"), [7], [7, "7", 8]),
    (kind("any"), ["x"], ["x", 1]),
    (kind("array", "integer"), [[1, 2]], [[1, 2], [2, 1], [1, 2.0], [1, True], [True, 2], [], "12", [1]]),
    (kind("array", "integer"), [[1, 2], ""], [[], [1, 2], [3], ["a"], [1]]),
    (kind("array", "string"), [["A b", "c"]], [["ab", "C"], ["a", "b"], ["ab"], [1, "c"], []]),
    (kind("array", "float"), [[1.5, 2.0]], [[1.5, 2.0], [1.5, 2], [1, 2]]),
    (kind("array", "string"), [[]], [[], ["a"]]),
    (kind("array", "any"), [["x"]], [["x"], ["X "], [1]]),
    (kind("tuple", "integer"), [[1, 2]], [[1, 2], [2, 1]]),
    (kind("array", "array"), [[[1, 2], [3]]], [[[1, 2], [3]], [[1, 2]], [[1, 2], [4]], [1]]),
    (kind("array", "array"), [[["A", "b"]]], [[["A", "b"]], [["a", "b"]]]),
    (kind("array", "integer"), ["data"], ["data", [1], "other"]),
    (
        kind("array", "dict"),
        [[{"a": [1], "b": ["x", ""]}]],
        [[{"a": 1}], [{"a": 1, "b": "X"}], [{"a": 2}], [{"c": 1}], [], [{}]],
    ),
    (
        kind("array", "dict"),
        [[{"a": [1]}, {"a": [2]}], ""],
        [[{"a": 1}, {"a": 2}], [{"a": 2}, {"a": 1}], [{"a": 1}], []],
    ),
    (
        kind("dict"),
        [{"a": [1, 2], "b": ["X y", ""]}],
        [{"a": 1}, {"a": 2, "b": "xy"}, {"b": "xy"}, {"a": 1, "c": 1}, {"a": True}, {}, "a"],
    ),
    (
        kind("dict"),
        [{"a": [1]}, {"a": [2], "b": [3]}],
        [{"a": 1}, {"a": 2, "b": 3}, {"a": 2}, {"a": 1, "b": 3}],
    ),
    (kind("dict"), ["", {"a": [1.0]}], [{"a": 1}, {"a": 1.0}, {}]),
    (kind("dict"), [{"a": [{"n": 1}]}], [{"a": {"n": 1}}, {"a": {"n": 2}}]),
    (kind("dict"), [{"a": [["x", "Y"]]}], [{"a": ["x", "Y"]}, {"a": ["x", "y"]}]),
]


def value_cases() -> list[dict[str, Any]]:
    out = []
    for schema, answers, values in VALUES:
        f = function("f", {"p": schema}, [])
        out += [case("simple", [f], [{"f": {"p": v}}], [{"f": {"p": answers}}]) for v in values]
    return out


def case(
    category: str, functions: list[Any], got: list[Any], answers: list[Any], dots: bool = False
) -> dict[str, Any]:
    return {"category": category, "functions": functions, "got": got, "answers": answers, "dots": dots}


def call_cases() -> list[dict[str, Any]]:
    area = function("area", {"base": kind("integer"), "unit": kind("string")}, ["base"])
    dotted = function("math.add", {"x": kind("integer")}, ["x"])
    both = [area, dotted]
    one = [{"area": {"base": [10], "unit": ["cm", ""]}}]
    out = [
        case("simple", [area], [{"area": got}], one)
        for got in (
            {"base": 10},
            {"base": 10, "unit": "CM"},
            {"unit": "cm"},
            {"base": 10, "x": 1},
            {},
            {"base": "10"},
        )
    ]
    out += [
        case("simple", [area], got, one)
        for got in ([], [{"volume": {"base": 10}}], [{"area": {"base": 10}}] * 2)
    ]
    must = [{"area": {"base": [10], "unit": ["cm"]}}]
    out += [case("simple", [area], [{"area": {"base": 10}}], must)]
    out += [case("simple", [area], [{"area": {"base": 10, "unit": "cm"}}], [{"area": {"base": [10]}}])]
    for dots in (False, True):
        for name in ("math.add", "math_add"):
            out.append(case("multiple", both, [{name: {"x": 1}}], [{"math.add": {"x": [1]}}], dots))
    out += [
        case("multiple", both, got, one) for got in ([{"math.add": {"x": 1}}], [{"area": {"base": 10}}], [])
    ]
    two = [{"area": {"base": [1, 2]}}, {"area": {"base": [1]}}]
    calls = [{"area": {"base": 1}}, {"area": {"base": 2}}]
    out += [
        case("parallel", both, calls, two),  # greedy: the first takes what the second needs
        case("parallel", both, calls[::-1], two),
        case("parallel", both, calls, two[::-1]),
        case("parallel", both, calls[:1], two),
        case("parallel", both, [*calls, calls[0]], two),
        case(
            "parallel", both, [{"math.add": {"x": 3}}, calls[0]], [*one[:0], two[1], {"math.add": {"x": [3]}}]
        ),
        case("parallel", both, [{"math.add": {"x": 4}}, calls[0]], [two[1], {"math.add": {"x": [3]}}]),
        case("parallel", both, [], []),
    ]
    return out


def vectors() -> list[dict[str, Any]]:
    checker = load_checker()
    out = []
    for c in value_cases() + call_cases():
        model = "dots" if c["dots"] else "plain"
        result = checker.ast_checker(
            c["functions"], c["got"], c["answers"], checker.Language.PYTHON, c["category"], model
        )
        calls = [
            {"name": name, "arguments": json.dumps(args)} for call in c["got"] for name, args in call.items()
        ]
        error_type = "" if result["valid"] else result["error_type"]
        out.append({**c, "got": calls, "valid": result["valid"], "error_type": error_type})
    return out
