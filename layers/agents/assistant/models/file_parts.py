"""The parts of a model's input that are files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TYPES = frozenset({"input_image", "input_file", "input_audio"})


def is_file_part(part: Any) -> bool:
    """Tell whether a part of a message or of a tool's result is a picture or another file."""
    return isinstance(part, Mapping) and part.get("type") in _TYPES


def has_files(items: Any) -> bool:
    """Tell whether a model's input has a file."""
    if isinstance(items, str):
        return False
    contents = (item.get(field) for item in items for field in ("content", "output"))
    return any(is_file_part(part) for each in contents if isinstance(each, list) for part in each)
