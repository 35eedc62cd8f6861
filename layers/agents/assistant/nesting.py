"""Bound the nesting of values of models, servers and tools: Python's JSON and copies fail on very deep ones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

# Tools' arguments have a few levels. `copy.deepcopy` fails at about 300, and pydantic's JSON parser at 200. To write an
# object of more than 250 levels, pydantic needs minutes.
MAX_NESTING = 100

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def is_deep_text(text: str) -> bool:
    """Tell whether a JSON text is nested too deeply. The text need not be valid."""
    if text.count("[") + text.count("{") <= MAX_NESTING:
        return False
    depth = 0
    for token in _TOKEN.finditer(text):
        match token[0]:
            case "[" | "{":
                depth += 1
                if depth > MAX_NESTING:
                    return True
            case "]" | "}":
                depth -= 1
            case _:
                pass
    return False


def is_deep(value: Any) -> bool:
    """Tell whether a parsed JSON value or an object of pydantic's is nested too deeply."""
    level = [value]
    for _ in range(MAX_NESTING + 1):
        level = [inner for each in level for inner in _inner(each)]
        if not level:
            return False
    return True


def _inner(value: Any) -> Iterable[Any]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
        case BaseModel():
            return [each for _, each in value]
        case _:
            return ()
