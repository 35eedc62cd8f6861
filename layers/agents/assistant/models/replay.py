"""History as each API takes it: a thread's items may come from another provider, or from before a setting changed.

What an API would refuse is left out or made plain; what it can use stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from agents.items import TResponseInputItem

# What openai-agents 0.24 can write as Chat Completions messages; it raises on any other, such as a hosted tool's call.
_CHAT_TYPES = {None, "message", "function_call", "function_call_output", "reasoning"}


def for_chat(items: Sequence[TResponseInputItem]) -> list[TResponseInputItem]:
    """Return the items that Chat Completions can carry.

    An assistant's message without an id is given as plain text: the SDK takes its parts for a user's and refuses them.
    """
    kept: list[TResponseInputItem] = []
    for item in items:
        fields = cast(Mapping[str, Any], item)
        if fields.get("type") not in _CHAT_TYPES:
            continue
        if fields.get("role") == "assistant" and "id" not in fields and isinstance(fields.get("content"), list):
            texts = [part.get("text") or part.get("refusal") or "" for part in fields["content"]]
            item = {"role": "assistant", "content": "\n".join(texts)}
        kept.append(item)
    return kept


def for_responses(items: Sequence[TResponseInputItem], *, stored: bool) -> list[TResponseInputItem]:
    """Return the items as the Responses API takes them.

    Args:
        items: The history.
        stored: Whether OpenAI keeps responses. If not, it knows no item by its id: reasoning counts only with its
            sealed content, and a call whose reasoning is gone must not name an id that belonged to it.
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
