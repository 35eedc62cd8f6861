"""A strict check of a widget from outside: ChatKit's own component types, without the tolerant `Dynamic…` ones."""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema
from chatkit.widgets import WidgetRoot
from pydantic import TypeAdapter


@cache
def _validator() -> jsonschema.Draft202012Validator:
    schema = _strict(TypeAdapter(WidgetRoot).json_schema(mode="validation"))
    # The SDK leaves the fields of this root open; its children are what any root's are.
    basic = schema["$defs"]["BasicRoot"]
    basic["additionalProperties"] = True
    basic["properties"]["children"] = schema["$defs"]["Card"]["properties"]["children"]
    return jsonschema.Draft202012Validator(schema)


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(each) for each in node if not _is_dynamic(each)]
    if not isinstance(node, dict):
        return node
    strict = {name: _strict(value) for name, value in node.items()}
    if strict.get("type") == "object" and "properties" in strict:
        strict["additionalProperties"] = False
    return strict


def _is_dynamic(node: Any) -> bool:
    return isinstance(node, dict) and "Dynamic" in str(node.get("$ref", ""))


def check_widget(widget: WidgetRoot) -> None:
    """Fail when a component is unknown, lacks a field, or has one that its type does not have."""
    _validator().validate(widget.model_dump(mode="json", by_alias=True, exclude_none=True))
