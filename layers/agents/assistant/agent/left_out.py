"""Remove from a thread's model input the parts that a provider has refused: files, tool calls, or everything except
text.

The thread's metadata lists the refused parts, so later turns leave them out from the start. A file is identified by
a digest of its bytes. So a thread whose earlier file was refused can still send a new file.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from agents import TResponseInputItem

from assistant.agent.valid_history import text_of, valid_history
from assistant.files import document_text
from assistant.models import HOSTED_ITEMS, hosted_text
from assistant.text import CONTEXT_END, CONTEXT_START

METADATA_KEY = "left_out"
# The metadata is one DynamoDB item with the thread. The oldest refused files have left the history by then.
MAX_FILES = 50
# The result of a tool as text, in the request that leaves calls out.
MAX_RESULT_CHARACTERS = 2_000

_FILE_PARTS = {"input_image", "input_file", "input_audio"}
Item = dict[str, Any]


@dataclass(frozen=True)
class LeftOut:
    """The parts that are left out.

    Attributes:
        files: Digests of refused files.
        tools: Whether tool calls are sent as text.
        all_but_text: Whether messages are sent as plain text.
    """

    files: tuple[str, ...] = ()
    tools: bool = False
    all_but_text: bool = False

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> LeftOut:
        """Read the left-out parts from a thread's metadata."""
        stored = metadata.get(METADATA_KEY) or {}
        return cls(tuple(stored.get("files", ())), stored.get("tools", False), stored.get("all_but_text", False))

    def note(self, metadata: dict[str, Any]) -> None:
        """Write the left-out parts to a thread's metadata."""
        stored = {"files": list(self.files[-MAX_FILES:]), "tools": self.tools, "all_but_text": self.all_but_text}
        metadata[METADATA_KEY] = stored

    def steps(self, items: Sequence[TResponseInputItem]) -> Iterator[LeftOut]:
        """Yield the parts to leave out after each further refusal: first files, then tool calls, then all but text.

        Each step includes those before it. A step that would change nothing is not yielded.

        Args:
            items: The items of the refused request, as they are without this.
        """
        found = self
        new = [digest for digest in map(_digest, _file_parts(items)) if digest not in self.files]
        if new:
            found = replace(found, files=tuple(dict.fromkeys([*self.files, *new])))
            yield found
        if not self.tools and any(_is_tool_item(cast("Item", item)) for item in items):
            found = replace(found, tools=True)
            yield found
        if not self.all_but_text and any(isinstance(cast("Item", item).get("content"), list) for item in items):
            yield replace(found, tools=True, all_but_text=True)

    async def without(self, items: Sequence[TResponseInputItem]) -> list[TResponseInputItem]:
        """Return the items without the left-out parts. A text replaces each file and each tool call."""
        if self == LeftOut():
            return list(items)
        kept = [await self._without_files(cast("Item", item)) for item in items]
        if self.tools:
            kept = list(_tools_as_text(kept))
        kept = cast("list[Item]", valid_history(cast("list[TResponseInputItem]", kept)))
        if self.all_but_text:
            kept = [_plain(item) for item in kept]
        return cast("list[TResponseInputItem]", kept)

    async def _without_files(self, item: Item) -> Item:
        for field in ("content", "output"):
            parts = item.get(field)
            if isinstance(parts, list) and any(_is_file(part) for part in parts):
                item = {**item, field: [await self._without_file(part) for part in parts]}
        return item

    async def _without_file(self, part: Item) -> Item:
        if not _is_file(part) or _digest(part) not in self.files:
            return part
        name = file_name(part)
        media_type, body = _content(part)
        text = await document_text(media_type, body) if part["type"] == "input_file" else None
        if text is None:
            return {"type": "input_text", "text": f"[{name} is left out: the model cannot read it. Tell the user so.]"}
        return {"type": "input_text", "text": f"[The text of {name}:]\n{text}\n[End of the file.]"}


def refused_names(items: Iterable[TResponseInputItem], files: Iterable[str]) -> list[str]:
    """Return the names that the user reads for the files of these digests, each once."""
    wanted = set(files)
    return list(dict.fromkeys(file_name(part) for part in _file_parts(items) if _digest(part) in wanted))


def file_name(part: Item) -> str:
    """Return the name that the user reads for a file."""
    if part["type"] == "input_image":
        return "a picture"
    return f"the file '{part['filename']}'" if part.get("filename") else "a file"


def _is_file(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") in _FILE_PARTS


def _file_parts(items: Iterable[TResponseInputItem]) -> Iterator[Item]:
    for item in items:
        for field in ("content", "output"):
            parts = cast("Item", item).get(field)
            if isinstance(parts, list):
                yield from (part for part in parts if _is_file(part))


def _digest(part: Item) -> str:
    content = part.get("image_url") or part.get("file_data") or part.get("file_id") or json.dumps(part)
    return hashlib.sha256(str(content).encode()).hexdigest()[:16]


def _content(part: Item) -> tuple[str, bytes]:
    """Return the media type and the bytes of a `data:` URL."""
    head, _, encoded = str(part.get("file_data") or "").partition(",")
    media_type = head.removeprefix("data:").removesuffix(";base64")
    return media_type, base64.b64decode(encoded)


def _is_tool_item(item: Item) -> bool:
    return item.get("role") is None


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
    """Return a message with its text alone."""
    return {"role": item["role"], "content": text_of(item)} if item.get("role") else item
