"""Schemas with values that tell right validators from wrong ones."""

from __future__ import annotations

from typing import Any

TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"next": {"$ref": "#/$defs/node"}, "v": {"type": "integer"}},
            "required": ["v"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}

CASES: list[tuple[Any, list[Any]]] = [
    (True, [1, None, {}]),
    (False, [1, None]),
    ({}, [1, "a", []]),
    ({"type": "integer"}, [1, 1.0, 1.5, True, "1", None, -3]),
    ({"type": "number"}, [1, 1.5, True, "1"]),
    ({"type": ["integer", "null"]}, [1, None, "x", 1.5]),
    ({"type": "boolean"}, [True, 1, 0, "true"]),
    ({"enum": ["a", 1, None, [1], {"k": 1}]}, ["a", 1, 1.0, True, None, [1], [True], {"k": 1}, "b"]),
    ({"const": 1}, [1, 1.0, True, 2]),
    ({"const": False}, [False, 0]),
    ({"multipleOf": 0.01}, [0.07, 4.02, 0.075]),
    ({"multipleOf": 3}, [9, 10, 9.0]),
    ({"minimum": 1, "exclusiveMaximum": 3}, [1, 2.999, 3, 0.5, "x"]),
    ({"minLength": 2, "maxLength": 3}, ["é", "éé", "👩‍👩", "abcd", 5]),
    ({"pattern": "^a.c$"}, ["abc", "xabc", "a\nc", 3]),
    ({"pattern": "\\d+"}, ["a1", "none"]),
    (
        {"items": {"type": "string"}, "minItems": 1, "maxItems": 2},
        [["a"], [], ["a", 1], ["a", "b", "c"], "a"],
    ),
    ({"uniqueItems": True}, [[1, 2], [1, 1], [1, True], [{"a": 1, "b": 2}, {"b": 2, "a": 1}], [[1], [1]]]),
    (
        {"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
        [[1, "a"], [1], ["a"], [1, "a", 2]],
    ),
    (
        {"contains": {"type": "integer"}, "minContains": 2, "maxContains": 3},
        [[1, 2], [1], [1, 2, 3, 4], ["a"]],
    ),
    (
        {"properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False},
        [{"a": 1}, {}, {"a": "1"}, {"a": 1, "b": 2}, [{"a": 1}], "a"],
    ),
    (
        {"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": {"type": "integer"}},
        [{"x-a": "s"}, {"x-a": 1}, {"b": 1}, {"b": "s"}],
    ),
    ({"propertyNames": {"maxLength": 2}}, [{"ab": 1}, {"abc": 1}]),
    ({"minProperties": 1, "maxProperties": 2}, [{}, {"a": 1}, {"a": 1, "b": 2, "c": 3}]),
    ({"dependentRequired": {"card": ["address"]}}, [{"card": 1}, {"card": 1, "address": 2}, {}]),
    ({"dependentSchemas": {"a": {"required": ["b"]}}}, [{"a": 1}, {"a": 1, "b": 1}, {"c": 1}]),
    ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, [3, 2, "x"]),
    ({"anyOf": [{"type": "integer"}, {"minLength": 2}]}, [1, "ab", "a", 1.5]),
    ({"oneOf": [{"multipleOf": 2}, {"multipleOf": 3}]}, [2, 3, 6, 5]),
    ({"not": {"type": "string"}}, [1, "a"]),
    (
        {"if": {"properties": {"k": {"const": 1}}}, "then": {"required": ["a"]}, "else": {"required": ["b"]}},
        [{"k": 1, "a": 1}, {"k": 1}, {"k": 2, "b": 1}, {"k": 2}],
    ),
    ({"allOf": [{"properties": {"a": True}}], "unevaluatedProperties": False}, [{"a": 1}, {"b": 1}]),
    ({"prefixItems": [True], "unevaluatedItems": {"type": "string"}}, [[1, "a"], [1, 2]]),
    (TREE, [{"v": 1}, {"v": 1, "next": {"v": 2}}, {"v": 1, "next": {"v": "x"}}, {"v": 1, "other": 2}]),
    ({"$defs": {"s": {"$anchor": "short", "maxLength": 2}}, "items": {"$ref": "#short"}}, [["ab"], ["abc"]]),
    (
        {"definitions": {"a b/c": {"type": "integer"}}, "items": {"$ref": "#/definitions/a%20b~1c"}},
        [[1], ["x"]],
    ),
    ({"format": "email"}, ["not an address"]),
    (
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "items": [{"type": "integer"}],
            "additionalItems": False,
        },
        [[1], ["a"], [1, 2]],
    ),
    ({"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 3, "exclusiveMinimum": True}, [3, 4]),
]
