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


def without_files(item: Any) -> tuple[Any, int]:
    """Return an item of a model's input without its files, and how many there were."""
    if not isinstance(item, Mapping):
        return item, 0
    if item.get("type") == "image_generation_call":
        return {**item, "result": None}, int(bool(item.get("result")))
    plain, files = dict(item), 0
    for field in ("content", "output"):
        parts = plain.get(field)
        if isinstance(parts, list):
            plain[field] = [part for part in parts if not is_file_part(part)]
            files += len(parts) - len(plain[field])
    return plain, files
