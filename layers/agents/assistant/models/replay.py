"""Adapt the history to each API. A thread's items may come from another provider or from earlier settings.

Leave out or simplify items that the API would refuse. Keep all others unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from agents.items import TResponseInputItem

# The kinds that openai-agents 0.24 can convert to Chat Completions messages. It raises on others, such as hosted tools.
_CHAT_TYPES = {None, "message", "function_call", "function_call_output", "reasoning"}


def for_chat(items: Sequence[TResponseInputItem]) -> list[TResponseInputItem]:
    """Return the items that Chat Completions can carry.

    Text and calls that follow each other become one message of the assistant: chat templates refuse two in a row.
    """
    kept: list[dict[str, Any]] = []
    for item in items:
        fields = dict(cast(Mapping[str, Any], item))
        if fields.get("type") not in _CHAT_TYPES:
            continue
        before = next((place for place in reversed(range(len(kept))) if kept[place].get("type") != "reasoning"), None)
        earlier = kept[before] if before is not None and kept[before].get("role") == "assistant" else None
        if fields.get("role") == "assistant":
            text = "\n\n".join(filter(None, [_text(earlier), _text(fields)]))
            fields = {"role": "assistant", "content": text}
            if earlier is not None and before is not None:
                del kept[before]
        elif fields.get("type") == "function_call" and earlier is not None:
            # openai-agents 0.24 adds calls to a message only if the message has the form of a model's output.
            part = {"type": "output_text", "text": _text(earlier), "annotations": []}
            earlier.update(type="message", id="msg_before_call", status="completed", content=[part])
        kept.append(fields)
    return cast("list[TResponseInputItem]", kept)


def _text(message: Mapping[str, Any] | None) -> str:
    content = "" if message is None else message["content"]
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text") or part.get("refusal") or "" for part in content)


def for_responses(items: Sequence[TResponseInputItem], *, stored: bool) -> list[TResponseInputItem]:
    """Return the items for the Responses API.

    Args:
        items: The history.
        stored: Whether OpenAI stores responses. If not, OpenAI knows no item by its id. Then reasoning needs its
            encrypted content, and a call without its reasoning must not have an id.
    """
    if stored:
        return list(items)
    kept: list[TResponseInputItem] = []
    in_step = False
    for item in items:
        fields = cast(Mapping[str, Any], item)
        kind = fields.get("type")
        if kind == "reasoning":
            if not fields.get("encrypted_content"):
                continue
            in_step = True
        elif kind == "function_call":
            if not in_step and "id" in fields:
                item = cast("TResponseInputItem", {key: value for key, value in fields.items() if key != "id"})
        else:
            in_step = False
        kept.append(item)
    return kept
