"""Adapt the history to each API. A thread's items may come from another provider or from earlier settings.

Leave out or simplify items that the API would refuse. Keep all others unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from assistant.models.hosted import HOSTED_CALLS, hosted_text

if TYPE_CHECKING:
    from agents.items import TResponseInputItem

# The kinds that openai-agents 0.24 can convert to Chat Completions messages. It raises on others, such as hosted tools.
_CHAT_TYPES = {None, "message", "function_call", "function_call_output", "reasoning"}


def for_chat(items: Sequence[TResponseInputItem]) -> list[TResponseInputItem]:
    """Return the items that Chat Completions can carry. The calls of hosted tools become text.

    Text and calls that follow each other become one message of the assistant: chat templates refuse two in a row.
    """
    kept: list[dict[str, Any]] = []
    texts: list[str] = []
    for item in items:
        fields = dict(cast(Mapping[str, Any], item))
        if fields.get("type") not in _CHAT_TYPES:
            if (text := hosted_text(fields)) is not None:
                texts.append(text)
            continue
        texts = _added(kept, texts)
        if fields.get("role") == "user" and texts:
            fields, texts = _with_texts(fields, texts), []
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
    last = next((each for each in reversed(kept) if each.get("type") != "reasoning"), None)
    if texts and last is not None and last.get("role") == "assistant":
        kept.append({"role": "user", "content": "\n\n".join(texts)})
    else:
        _added(kept, texts)
    return cast("list[TResponseInputItem]", kept)


def _added(kept: list[dict[str, Any]], texts: list[str]) -> list[str]:
    """Add texts to the user's message before them, so that the roles still alternate.

    Returns:
        The texts that are left because no message of the user comes before them.
    """
    place = next((place for place in reversed(range(len(kept))) if kept[place].get("role") == "user"), None)
    if place is None or not texts:
        return texts
    kept[place] = _with_texts(kept[place], texts)
    return []


def _with_texts(message: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    content = message["content"]
    if isinstance(content, str):
        return {**message, "content": "\n\n".join([content, *texts])}
    return {**message, "content": [*content, *({"type": "input_text", "text": text} for text in texts)]}


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
    kept: list[dict[str, Any]] = []
    in_step = without_reasoning = False
    for item in items:
        fields = dict(cast(Mapping[str, Any], item))
        kind = fields.get("type")
        if kind == "reasoning":
            without_reasoning = not fields.get("encrypted_content")
            if without_reasoning:
                continue
            in_step = True
        elif kind in HOSTED_CALLS and without_reasoning:
            # OpenAI refuses such an item without its reasoning, and the item cannot be sent without its id.
            if (text := hosted_text(fields)) is not None:
                _added(kept, [text])
            continue
        elif kind == "function_call":
            if not in_step:
                fields.pop("id", None)
        else:
            in_step = False
        without_reasoning = without_reasoning and kind == "reasoning"
        kept.append(fields)
    return cast("list[TResponseInputItem]", kept)
