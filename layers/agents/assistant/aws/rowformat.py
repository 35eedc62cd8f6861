"""Convert rows of plain Python values to DynamoDB's typed form, and back.

boto3's own serialiser is not used, because it turns numbers into `Decimal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def dump(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row in DynamoDB's typed form, without attributes that are None."""
    return {name: _to_attribute(value) for name, value in row.items() if value is not None}


def load(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row in plain Python values. Numbers become `int` or `float`, binary values `bytes`."""
    return {name: _from_attribute(value) for name, value in attributes.items()}


def _to_attribute(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | float():
            return {"N": repr(value)}
        case bytes():
            return {"B": value}
        case Mapping():
            return {"M": {str(name): _to_attribute(inner) for name, inner in value.items()}}
        case frozenset():
            return {"SS": sorted(value)}
        case list() | tuple():
            return {"L": [_to_attribute(inner) for inner in value]}
    raise TypeError(f"A row cannot hold a {type(value).__name__}.")


def _from_attribute(attribute: Mapping[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "N":
            return int(value) if value.lstrip("-").isdigit() else float(value)
        case "B":
            return bytes(value)
        case "NULL":
            return None
        case "M":
            return {name: _from_attribute(inner) for name, inner in value.items()}
        case "SS":
            return frozenset(value)
        case "L":
            return [_from_attribute(inner) for inner in value]
    raise TypeError(f"No row of ours holds a DynamoDB {kind}.")
