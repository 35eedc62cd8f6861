"""Choose what the next request leaves out after a refusal, and say what an accepted request left out.

| the failure | left out, step by step |
|---|---|
| the provider refuses the request | files; tool calls; lists of text parts; older turns |
| the request is too long | half of it; files; files and half of it, then three quarters and so on |
| a content filter refuses it | files; older turns; older turns and files |
| it fails otherwise, and files may be the cause | files, once, for this turn only |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from agents import TResponseInputItem

from assistant.agent.left_out import LeftOut, Texts, file_name, files_of, has_long_results, has_tool_items
from assistant.agent.shortened import SHORTEST_TEXT, size_of, turns_of
from assistant.errors import (
    AssistantError,
    ModelContentFilteredError,
    ModelRefusedRequestError,
    RequestTooLongError,
)

# Requests of one model call that may be refused. Each costs the user a round trip.
MAX_REFUSALS = 8
_HALVINGS = 4

NO_DETAILS = "The model did not accept details of earlier steps. The answer was written without them."
NO_OLDER = "The model did not accept the earlier part of this conversation. The answer was written without it."
SHORTENED = "This conversation is longer than the model can read. The model read a shortened form of it."

Items = Sequence[TResponseInputItem]
Ladder = Callable[[LeftOut, Items], Iterator[LeftOut]]


def ladder_of(error: AssistantError) -> Ladder | None:
    """Return the steps after an error, or None if a smaller request cannot help."""
    match error:
        case RequestTooLongError():
            return _shorter
        case ModelRefusedRequestError():
            return _simpler
        case ModelContentFilteredError():
            return _tamer
        case _ if error.files_in_doubt:
            return _without_files
        case _:
            return None


def _without_files(base: LeftOut, items: Items) -> Iterator[LeftOut]:
    new = [digest for digest in files_of(items) if digest not in base.files]
    if new:
        yield replace(base, files=(*base.files, *new))


def _simpler(base: LeftOut, items: Items) -> Iterator[LeftOut]:
    found = base
    for found in _without_files(base, items):
        yield found
    if not found.tools and has_tool_items(items):
        found = replace(found, tools=True)
        yield found
    if not found.plain and any(isinstance(item.get("content"), list) for item in items):
        found = replace(found, plain=True)
        yield found
    if _has_older(found, items):
        yield replace(found, older=True)


def _shorter(base: LeftOut, items: Items) -> Iterator[LeftOut]:
    size = size_of(items) if base.characters is None else min(size_of(items), base.characters)
    budgets = [size >> times for times in range(1, _HALVINGS + 1) if size >> times >= SHORTEST_TEXT]
    found = base
    if budgets and any(_without_files(base, items)):
        yield replace(base, characters=budgets[0])
    for found in _without_files(base, items):
        yield found
    for budget in budgets:
        yield replace(found, characters=budget)


def _tamer(base: LeftOut, items: Items) -> Iterator[LeftOut]:
    yield from _without_files(base, items)
    if _has_older(base, items):
        newest = replace(base, older=True)
        yield newest
        yield from _without_files(newest, items)


def _has_older(base: LeftOut, items: Items) -> bool:
    return not base.older and len(turns_of(items)) > 1


def told(before: LeftOut, now: LeftOut, items: Items, texts: Texts) -> list[str]:
    """Return the sentences that tell the user what an accepted request left out, beyond what was left out before."""
    lost: list[str] = []
    read: list[str] = []
    for digest, part in files_of(items).items():
        if digest in now.files and digest not in before.files:
            (lost if texts.get(digest) is None else read).append(file_name(part))
    sentences: list[str] = []
    if lost:
        sentences.append(f"The model did not accept {_listed(lost)}. The answer was written without it.")
    if read:
        sentences.append(f"The model read only the text of {_listed(read)}.")
    if now.tools and not before.tools and has_long_results(items):
        sentences.append(NO_DETAILS)
    if now.older and not before.older:
        sentences.append(NO_OLDER)
    if now.characters is not None and now.characters != before.characters:
        sentences.append(SHORTENED)
    return sentences


def _listed(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(names))
