"""Remove from a thread's model input the parts that a provider has refused: files, tool calls or older turns.

The thread's metadata lists the refused parts, so later turns leave them out from the start. A file is identified by
a digest of its bytes. So a thread whose earlier file was refused can still send a new file.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from agents import TResponseInputItem
from chatkit.types import ThreadItem

from assistant.agent.shortened import newest_turn, shortened
from assistant.agent.valid_history import text_of, valid_history
from assistant.files import document_text
from assistant.models import HOSTED_ITEMS, hosted_text, is_file_part
from assistant.text import CONTEXT_END, CONTEXT_START

METADATA_KEY = "left_out"
# The metadata is one DynamoDB item with the thread. The oldest refused files have left the history by then.
MAX_FILES = 50
# The result of a tool as text, in the request that leaves calls out.
MAX_RESULT_CHARACTERS = 2_000

Item = dict[str, Any]
# The text of each refused document by its digest; None for a file without text.
Texts = dict[str, str | None]


@dataclass(frozen=True)
class LeftOut:
    """The parts that are left out.

    Attributes:
        files: Digests of refused files.
        tools: Whether tool calls are sent as text.
        plain: Whether messages of text parts are sent as one string.
        older: Whether only the newest turn is sent.
        start: The id of the message at which the history starts, after a request without older turns was accepted.
        characters: The size to which the input is shortened, or None.
        model_tools: Whether the model cannot use tools, and the user has read so.
    """

    files: tuple[str, ...] = ()
    tools: bool = False
    plain: bool = False
    older: bool = False
    start: str | None = None
    characters: int | None = None
    model_tools: bool = False

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> LeftOut:
        """Read the left-out parts from a thread's metadata."""
        stored = metadata.get(METADATA_KEY) or {}
        return cls(
            files=tuple(stored.get("files", ())),
            tools=stored.get("tools", False),
            plain=stored.get("plain", False),
            start=stored.get("start"),
            characters=stored.get("characters"),
            model_tools=stored.get("model_tools", False),
        )

    def note(self, metadata: dict[str, Any], message: str | None) -> None:
        """Write the left-out parts to a thread's metadata.

        Args:
            metadata: The thread's metadata.
            message: The id of the newest message. Later turns start the history there if older turns were refused.
        """
        metadata[METADATA_KEY] = {
            "files": list(self.files[-MAX_FILES:]),
            "tools": self.tools,
            "plain": self.plain,
            "start": (message if self.older else None) or self.start,
            "characters": self.characters,
            "model_tools": self.model_tools,
        }

    def newer(self, items: list[ThreadItem], answered: str | None) -> list[ThreadItem]:
        """Return the thread's items from the start of the history.

        Args:
            items: The items.
            answered: The id of the earlier item that this turn answers. It stays.
        """
        place = next((index for index, item in enumerate(items) if item.id == self.start), 0)
        return [item for index, item in enumerate(items) if index >= place or item.id == answered]

    async def without(self, items: Sequence[TResponseInputItem], texts: Texts) -> list[TResponseInputItem]:
        """Return the items without the left-out parts. A text replaces each file and each tool call.

        Args:
            items: The input.
            texts: The texts of files that are known. The texts of further files are added.
        """
        kept = list(items)
        if self.older:
            kept = newest_turn(kept)
        kept = [cast("TResponseInputItem", await self._without_files(cast("Item", item), texts)) for item in kept]
        if self.tools:
            kept = cast("list[TResponseInputItem]", list(_tools_as_text(cast("list[Item]", kept))))
        if self.characters is not None:
            kept = shortened(kept, self.characters)
        kept = valid_history(kept)
        return cast("list[TResponseInputItem]", [_plain(cast("Item", item)) for item in kept] if self.plain else kept)

    async def _without_files(self, item: Item, texts: Texts) -> Item:
        for field in ("content", "output"):
            parts = item.get(field)
            if isinstance(parts, list) and any(is_file_part(part) for part in parts):
                item = {**item, field: [await self._without_file(part, texts) for part in parts]}
        return item

    async def _without_file(self, part: Item, texts: Texts) -> Item:
        if not is_file_part(part) or (digest := _digest(part)) not in self.files:
            return part
        if digest not in texts:
            texts[digest] = await document_text(*_content(part)) if part["type"] == "input_file" else None
        name, text = file_name(part), texts[digest]
        if text is None:
            return {"type": "input_text", "text": f"[{name} is left out: the model cannot read it. Tell the user so.]"}
        return {"type": "input_text", "text": f"[The text of {name}:]\n{text}\n[End of the file.]"}


def files_of(items: Iterable[TResponseInputItem]) -> dict[str, Item]:
    """Return the files in the items, by digest."""
    return {_digest(part): part for part in _file_parts(items)}


def has_long_results(items: Iterable[TResponseInputItem]) -> bool:
    """Tell whether a tool's result is longer than its text in a request that leaves calls out."""
    outputs = (cast("Item", item).get("output") for item in items)
    return any(
        len(each if isinstance(each, str) else json.dumps(each)) > MAX_RESULT_CHARACTERS for each in outputs if each
    )


def has_tool_items(items: Iterable[TResponseInputItem]) -> bool:
    """Tell whether an item is no message."""
    return any(cast("Item", item).get("role") is None for item in items)


def file_name(part: Item) -> str:
    """Return the name that the user reads for a file."""
    if part["type"] == "input_image":
        return "a picture"
    return f"'{part['filename']}'" if part.get("filename") else "a file"


def _file_parts(items: Iterable[TResponseInputItem]) -> Iterator[Item]:
    for item in items:
        for field in ("content", "output"):
            parts = cast("Item", item).get(field)
            if isinstance(parts, list):
                yield from (part for part in parts if is_file_part(part))


def _digest(part: Item) -> str:
    content = part.get("image_url") or part.get("file_data") or part.get("file_id") or json.dumps(part)
    return hashlib.sha256(str(content).encode()).hexdigest()[:16]


def _content(part: Item) -> tuple[str, bytes]:
    """Return the media type and the bytes of a `data:` URL."""
    head, _, encoded = str(part.get("file_data") or "").partition(",")
    media_type = head.removeprefix("data:").removesuffix(";base64")
    return media_type, base64.b64decode(encoded)


def _tools_as_text(items: Iterable[Item]) -> Iterator[Item]:
    calls: dict[str, Item] = {}
    for item in items:
        match item.get("type"):
            case "function_call":
                calls[item["call_id"]] = item
            case "function_call_output" if item["call_id"] in calls:
                call = calls.pop(item["call_id"])
                output = item["output"]
                result = output if isinstance(output, str) else text_of({"content": output})
                text = f"The tool {call['name']} ran with {call['arguments']}: {result[:MAX_RESULT_CHARACTERS]}"
                yield {"role": "user", "content": f"{CONTEXT_START}\n{text}\n{CONTEXT_END}"}
            case kind if kind in HOSTED_ITEMS and (told := hosted_text(item)) is not None:
                yield {"role": "user", "content": told}
            case _ if item.get("role") is not None:
                yield item


def _plain(item: Item) -> Item:
    """Return a message of text parts with one string. A message with a file keeps its parts."""
    content = item.get("content")
    if item.get("role") is None or not isinstance(content, list) or any(map(is_file_part, content)):
        return item
    return {"role": item["role"], "content": text_of(item)}
