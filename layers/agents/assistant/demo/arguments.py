"""Make arguments that satisfy a JSON schema, for the demo model's calls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

# A guardrail's boolean is true for a good message if its name asks for something good.
_GOOD = re.compile(r"allow|ok|safe|valid|relevant|on_topic")
_ATTACK = re.compile(r"ignore (all |your |the )*(previous )?instructions|jailbreak", re.IGNORECASE)


def fit_arguments(schema: Schema, values: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Return arguments for a tool.

    Args:
        schema: The tool's parameters, as a JSON schema of type object.
        values: Known values by parameter name or by its last word: `id` fits `task_id` too.
        text: The user's message, the source of required values that are not known.
    """
    definitions = schema.get("$defs", {})
    required = set(schema.get("required", ()))
    arguments: dict[str, Any] = {}
    for name, part in schema.get("properties", {}).items():
        known = values.get(name, values.get(name.rsplit("_", 1)[-1]))
        if known is not None:
            arguments[name] = _coerced(known, part, definitions)
        elif name in required:
            arguments[name] = _value(name, part, definitions, text)
    return arguments


def instance_of(schema: Schema, text: str) -> Any:
    """Return a value that satisfies a schema, with the user's text in string fields."""
    return _value("", schema, schema.get("$defs", {}), text)


def _resolved(part: Schema, definitions: Schema) -> Schema:
    """Follow a reference. Of alternatives, return the first that is not null."""
    if "$ref" in part:
        return _resolved(definitions[part["$ref"].rsplit("/", 1)[-1]], definitions)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in part:
            options = [option for option in part[key] if option.get("type") != "null"]
            return _resolved(options[0], definitions) if options else {"type": "null"}
    return part


def _coerced(value: Any, part: Schema, definitions: Schema) -> Any:
    kind = _resolved(part, definitions).get("type")
    if kind == "integer" and isinstance(value, str):
        digits = re.search(r"\d+", value)
        return int(digits[0]) if digits else 0
    return str(value) if kind == "string" else value


def _value(name: str, part: Schema, definitions: Schema, text: str) -> Any:
    part = _resolved(part, definitions)
    if "default" in part:
        return part["default"]
    if "const" in part:
        return part["const"]
    if part.get("enum"):
        mentioned = [option for option in part["enum"] if str(option).lower() in text.lower()]
        return (mentioned or part["enum"])[0]
    match part.get("type"):
        case "string":
            return text
        case "integer":
            digits = re.search(r"\d+", text)
            return int(digits[0]) if digits else 1
        case "number":
            number = re.search(r"\d+(\.\d+)?", text)
            return float(number[0]) if number else 1.0
        case "boolean":
            return bool(_GOOD.search(name)) != bool(_ATTACK.search(text))
        case "array":
            return []
        case "object":
            return {
                key: _value(key, each, definitions, text)
                for key, each in part.get("properties", {}).items()
                if key in part.get("required", part["properties"])
            }
        case _:
            return None
