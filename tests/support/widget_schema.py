"""A strict check of a widget from outside: ChatKit's own component types, without the tolerant `Dynamic…` ones."""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema
from chatkit.widgets import DynamicWidgetRoot, WidgetRoot
from pydantic import TypeAdapter


@cache
def _schema() -> dict[str, Any]:
    schema = TypeAdapter(WidgetRoot).json_schema(mode="validation")
    strict = _strict(schema)
    assert isinstance(strict, dict)
    return strict


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


def check_widget(widget: DynamicWidgetRoot) -> None:
    """Fail when a component is unknown, lacks a field, or has one that its type does not have."""
    jsonschema.validate(widget.model_dump(mode="json", by_alias=True, exclude_none=True), _schema())
