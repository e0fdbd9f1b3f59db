"""What an API server says to an object under fieldValidation=Strict: defaults, explicit nulls, structure with every
object closed, then the rules of the schema's own language, written out here by hand."""

import copy
import os
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = Path(os.environ.get("WHORL_SHARED_DATA", ROOT.parent / "shared" / "data")) / "schemas"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# metadata is every object's, and no CRD says what it holds.
METADATA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "maxLength": 253},
        "namespace": {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63},
        "labels": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 63}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
TYPES = "container script dag steps resource suspend containerSet data http plugin".split()
PLACES = "s3 git http artifactory hdfs raw oss gcs azure plugin".split()


def closed(schema):
    """The same schema without room for unknown fields."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {}
    for key, value in schema.items():
        if key == "properties":
            made[key] = {name: closed(part) for name, part in value.items()}
        elif key in ("default", "enum", "required", "description"):
            made[key] = value
        else:
            made[key] = closed(value)
    if made.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    open_anyway = made.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in made
    if made.get("type") == "object" and "properties" in made and not open_anyway:
        made["additionalProperties"] = False
    return made


class Kind:
    def __init__(self, file):
        crd = yaml.load(file.read_text(), Loader=LOADER)
        version = next(v for v in crd["spec"]["versions"] if v.get("storage"))
        self.open = version["schema"]["openAPIV3Schema"]
        self.schema = closed(self.open)
        self.schema["properties"]["metadata"] = METADATA
        self.kind = crd["spec"]["names"]["kind"]
        self.api = f"{crd['spec']['group']}/{version['name']}"
        self.validator = jsonschema.Draft202012Validator(self.schema)

    def problems(self, thing):
        """Sentences; none for an object that a server would take."""
        if thing.get("kind") != self.kind or thing.get("apiVersion") != self.api:
            return [f"expected {self.api} {self.kind}"]
        thing = with_defaults(copy.deepcopy(thing), self.schema)
        found = [f"{where}: explicit null" for where in nulls(thing, "")]
        found += [f"{error.json_path}: {error.message[:200]}" for error in self.validator.iter_errors(thing)]
        return found or [problem for where, node in nodes(thing, "$") for problem in rules(where, node)]


def with_defaults(thing, schema):
    if isinstance(thing, dict):
        for name, part in schema.get("properties", {}).items():
            if isinstance(part, dict) and "default" in part:
                thing.setdefault(name, copy.deepcopy(part["default"]))
        extra = schema.get("additionalProperties")
        for name, value in thing.items():
            part = schema.get("properties", {}).get(name, extra)
            if isinstance(part, dict):
                with_defaults(value, part)
    elif isinstance(thing, list) and isinstance(schema.get("items"), dict):
        for value in thing:
            with_defaults(value, schema["items"])
    return thing


def nodes(thing, where):
    yield where, thing
    inner = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else []
    for key, value in inner:
        yield from nodes(value, f"{where}.{key}")


def nulls(thing, where):
    return [place for place, node in nodes(thing, where) if node is None]


def rules(where, node):
    """The ten rules of the Workflow kinds."""
    if not isinstance(node, dict):
        return
    if where.endswith(".templates"):
        return
    name = node.get("name", "")
    if ".dag.tasks." in where and re.search(r"\.tasks\.\d+$", where):
        if "depends" in node and ("dependencies" in node or "continueOn" in node):
            yield f"{where}: depends excludes dependencies and continueOn"
        if ("depends" in node or "dependencies" in node) and re.match(r"\d", name):
            yield f"{where}: a leading digit"
        sequence = node.get("withSequence", {})
        if "count" in sequence and "end" in sequence:
            yield f"{where}: count and end"
    if re.search(r"\.templates\.\d+$", where):
        if sum(kind in node for kind in TYPES) > 1:
            yield f"{where}: several types"
        if ("dag" in node or "steps" in node) and (node.get("timeout") or "activeDeadlineSeconds" in node):
            yield f"{where}: a time limit on a DAG"
        resource = node.get("resource", {})
        if "manifest" in resource and "manifestFrom" in resource:
            yield f"{where}: manifest and manifestFrom"
    if re.search(r"\.artifacts\.\d+$", where) and sum(place in node for place in PLACES) > 1:
        yield f"{where}: several places"
    if where.endswith(".gauge") and node.get("realtime") and "resourcesDuration." in node.get("value", ""):
        yield f"{where}: resourcesDuration in a real-time gauge"


def load(*parts):
    file = SCHEMAS.joinpath(*parts)
    if not file.exists():
        pytest.skip(f"the schema {file.name} is not on this machine")
    return Kind(file)
