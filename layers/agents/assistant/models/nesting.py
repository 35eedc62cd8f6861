"""Bound the nesting of values that a model or a server sends: Python's JSON and copies fail on very deep ones."""

from __future__ import annotations

import re
from typing import Any

# Tools' arguments have a few levels. `copy.deepcopy` fails at about 300, and pydantic's JSON parser at 200.
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
    """Tell whether a parsed JSON value is nested too deeply."""
    level = [value]
    for _ in range(MAX_NESTING + 1):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True
