"""Split a model's input into turns, and shorten it to a number of characters: pure functions."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from agents import TResponseInputItem

from assistant.models import is_file_part
from assistant.text import CONTEXT_END, CONTEXT_START

Item = dict[str, Any]

# A file costs about this, whatever its size in bytes: see `ATTACHMENT_TOKENS` in assistant/models/meter.py.
FILE_CHARACTERS = 4_000
# No text is cut below this. A shorter piece tells the model nothing.
SHORTEST_TEXT = 200
# The share of the budget that one text may take at first, so that one long answer does not replace the conversation.
_TEXTS_IN_BUDGET = 4
_GAP = "\n[… a part is left out here …]\n"


def turns_of(items: Sequence[TResponseInputItem]) -> list[list[Item]]:
    """Return the items by turn. A turn starts at something that the user wrote.

    A message of the role `user` can join messages of several turns, if these turns have no answer. It is split again.
    """
    turns: list[list[Item]] = []
    for item in cast("Sequence[Item]", items):
        for part in _split(item):
            if not turns or _is_written(part):
                turns.append([])
            turns[-1].append(part)
    return turns


def newest_turn(items: Sequence[TResponseInputItem]) -> list[TResponseInputItem]:
    """Return the items of the newest turn."""
    return cast("list[TResponseInputItem]", turns_of(items)[-1] if items else [])


def size_of(items: Sequence[TResponseInputItem]) -> int:
    """Return the approximate number of characters that a model reads."""
    return sum(map(_size, cast("Sequence[Item]", items)))


def shortened(items: Sequence[TResponseInputItem], characters: int) -> list[TResponseInputItem]:
    """Return the newest turns that fit. Cut long texts in the middle, and leave out the oldest turns.

    The newest turn always stays, even if it is too long.

    Args:
        items: The input.
        characters: The maximum size.
    """
    if size_of(items) <= characters:
        return list(items)
    turns = turns_of(items)
    longest = max(characters // _TEXTS_IN_BUDGET, SHORTEST_TEXT)
    newest = [_cut(item, longest) for item in turns[-1]]
    while sum(map(_size, newest)) > characters and longest > SHORTEST_TEXT:
        longest = max(longest // 2, SHORTEST_TEXT)
        newest = [_cut(item, longest) for item in turns[-1]]
    left = characters - sum(map(_size, newest))
    kept = [newest]
    for turn in reversed(turns[:-1]):
        cut = [_cut(item, longest) for item in turn]
        left -= sum(map(_size, cut))
        if left < 0:
            break
        kept.append(cut)
    return cast("list[TResponseInputItem]", [item for turn in reversed(kept) for item in turn])


# Turns


def _split(item: Item) -> Iterator[Item]:
    """Yield a user's message once for each group of parts that the user wrote, with the context after the group."""
    content = item.get("content")
    if item.get("role") != "user" or not isinstance(content, list):
        yield item
        return
    groups: list[list[Item]] = [[]]
    before = True
    for part, written in _marked(content):
        if written and not before and any(is_written for _, is_written in _marked(groups[-1])):
            groups.append([])
        groups[-1].append(part)
        before = written
    if len(groups) == 1:
        yield item
    else:
        yield from ({**item, "content": group} for group in groups)


def _marked(parts: Sequence[Item]) -> Iterator[tuple[Item, bool]]:
    """Yield each part, and whether the user wrote it. Context is one part, or the parts between two marks."""
    inside = False
    for part in parts:
        text = str(part.get("text") or "")
        inside = inside or text.startswith(CONTEXT_START)
        yield part, not inside
        inside = inside and not text.endswith(CONTEXT_END)


def _is_written(item: Item) -> bool:
    content = item.get("content")
    if item.get("role") != "user" or not content:
        return False
    if isinstance(content, str):
        return not content.startswith(CONTEXT_START)
    return any(written for _, written in _marked(content))


# Texts


def _texts(item: Item) -> Iterator[str]:
    for field in ("content", "output", "arguments"):
        value = item.get(field)
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (text for part in value if (text := _text(part)) is not None)


def _text(part: Any) -> str | None:
    text = part.get("text") if isinstance(part, Mapping) else None
    return text if isinstance(text, str) else None


def _size(item: Item) -> int:
    if item.get("role") is None and "output" not in item and "arguments" not in item:
        # Reasoning, or the call of a hosted tool.
        return len(json.dumps(item, default=str))
    lists = (item[name] for name in ("content", "output") if isinstance(item.get(name), list))
    files = sum(map(is_file_part, itertools.chain.from_iterable(lists)))
    return sum(map(len, _texts(item))) + files * FILE_CHARACTERS


def _cut(item: Item, longest: int) -> Item:
    cut = dict(item)
    for field in ("content", "output"):
        value = item.get(field)
        if isinstance(value, str):
            cut[field] = _cut_text(value, longest)
        elif isinstance(value, list) and item.get("type") != "reasoning":
            cut[field] = [
                part if (text := _text(part)) is None else {**part, "text": _cut_text(text, longest)} for part in value
            ]
    if len(item.get("arguments") or "") > longest:
        # A part of the arguments is not JSON.
        cut["arguments"] = "{}"
    return cut


def _cut_text(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    half = max(longest - len(_GAP), 2) // 2
    return f"{text[:half]}{_GAP}{text[-half:]}"
