"""Make a history valid for the strictest known provider: pure functions on the input items of the Agents SDK.

A thread can hold anything that a model or a cut-off turn left in it. Providers refuse requests that break a rule:

| rule | provider |
|---|---|
| a call has exactly one result, directly after the calls of its message | OpenAI, Anthropic, Gemini, Mistral |
| the ids of two calls differ | OpenAI, Anthropic |
| the arguments of a call are a JSON object; its name matches `[a-zA-Z0-9_-]{1,64}` | Mistral, vLLM, OpenAI |
| no `user` message directly after a `tool` message | Mistral |
| `user` and `assistant` alternate, and `user` is first | the chat templates of Gemma and Mistral |
| no empty message | Anthropic, Moonshot |
| the last message is a user's or a tool's | Mistral |
| a request for approval has a response; each id of a hosted tool's item is used once | OpenAI |
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, cast

from agents import TResponseInputItem

from assistant.agent.valid_approvals import valid_approvals
from assistant.models import APPROVAL_RESPONSE
from assistant.text import CONTEXT_END, CONTEXT_START

Item = dict[str, Any]

NO_RESULT = "This call was not completed, so there is no result."
EMPTY_RESULT = "The call succeeded without output."
NO_ANSWER = "(No answer was written.)"
EARLIER_MESSAGES = f"{CONTEXT_START}\nThe conversation starts here.\n{CONTEXT_END}"
GO_ON = f"{CONTEXT_START}\nGo on.\n{CONTEXT_END}"
# OpenAI's rule for the name of a function, the strictest one.
MAX_NAME_CHARACTERS = 64

_Kind = Literal["user", "assistant", "call", "result", "other"]


def valid_history(items: Iterable[TResponseInputItem]) -> list[TResponseInputItem]:
    """Return the items in a form that every known provider accepts.

    A history that is valid already stays as it is.
    """
    approved = valid_approvals(cast("Sequence[Mapping[str, Any]]", list(items)))
    paired = _paired([dict(item) for item in approved])
    return cast("list[TResponseInputItem]", _alternating(paired))


def _kind(item: Item) -> _Kind:
    match item.get("type"), item.get("role"):
        case "function_call", _:
            return "call"
        case "function_call_output", _:
            return "result"
        case ((None | "message"), "assistant"):
            return "assistant"
        case ((None | "message"), "user"):
            return "user"
        case _:
            return "other"


# Calls and results


def _paired(items: Sequence[Item]) -> list[Item]:
    """Give each call one result directly after it, and drop results without a call."""
    results = _results_of(items)
    paired: list[Item] = []
    waiting: list[Item] = []
    used: set[str] = set()
    for position, item in enumerate(items):
        kind = _kind(item)
        if kind == "call":
            call_id = _unused(str(item.get("call_id") or "call"), used)
            paired.append(_valid_call(item, call_id))
            waiting.append(_valid_result(results.get(position), call_id))
            continue
        # Reasoning between parallel calls belongs to the next call.
        if item.get("type") != "reasoning" or not _call_follows(items, position):
            paired += waiting
            waiting.clear()
        if kind != "result":
            paired.append(item)
    return paired + waiting


def _call_follows(items: Sequence[Item], position: int) -> bool:
    """Tell whether the next item after reasoning is a call."""
    following = next((item for item in items[position + 1 :] if item.get("type") != "reasoning"), None)
    return following is not None and _kind(following) == "call"


def _results_of(items: Sequence[Item]) -> dict[int, Item]:
    """Return the result of each call by the call's position. Calls that share an id get their results in order."""
    calls: dict[str, deque[int]] = {}
    results: dict[int, Item] = {}
    for position, item in enumerate(items):
        call_id = str(item.get("call_id") or "")
        if _kind(item) == "call":
            calls.setdefault(call_id, deque()).append(position)
        elif _kind(item) == "result" and calls.get(call_id):
            results[calls[call_id].popleft()] = item
    return results


def _unused(call_id: str, used: set[str]) -> str:
    found, number = call_id, 1
    while found in used:
        number += 1
        found = f"{call_id}_{number}"
    used.add(found)
    return found


def _valid_call(call: Item, call_id: str) -> Item:
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", str(call.get("name") or ""))[:MAX_NAME_CHARACTERS] or "unnamed"
    return {**call, "call_id": call_id, "name": name, "arguments": _object(call.get("arguments"))}


def _object(arguments: Any) -> str:
    """Return a call's arguments, or `{}` if they are not a JSON object."""
    try:
        parsed = json.loads(arguments, parse_constant=_refuse)
    except (TypeError, ValueError, RecursionError):
        return "{}"
    return arguments if isinstance(parsed, dict) else "{}"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON.")


def _valid_result(result: Item | None, call_id: str) -> Item:
    if result is None:
        return {"type": "function_call_output", "call_id": call_id, "output": NO_RESULT}
    return {**result, "call_id": call_id, "output": result.get("output") or EMPTY_RESULT}


# Roles


def _alternating(items: Sequence[Item]) -> list[Item]:
    """Order messages so that roles alternate, and so that no user message follows a result directly."""
    done: list[Item] = []
    # Context notes between a result and the assistant's next word. They go to the next user message.
    notes: list[Item] = []
    for item in _without_empty_messages(items):
        kind = _kind(item)
        last = _last_kind(done)
        if kind == "user" and last == "result" and _is_context(item):
            notes.append(item)
            continue
        match kind:
            case "user":
                _add_user(done, [*notes, item])
                notes.clear()
            case "assistant" if last is None:
                done += [_user(EARLIER_MESSAGES), item]
            case "assistant" if done and _kind(done[-1]) == "assistant":
                done[-1] = _joined_assistant(done[-1], item)
            case "call" if last is None:
                done += [_user(EARLIER_MESSAGES), item]
            case _:
                done.append(item)
    if notes:
        _add_late_notes(done, notes, items)
    last = _last_kind(done)
    if done and done[-1].get("type") == APPROVAL_RESPONSE:
        # After an approval the model goes on by itself.
        if last is None:
            done.insert(0, _user(EARLIER_MESSAGES))
    elif last in (None, "assistant"):
        done.append(_user(GO_ON))
    return done


def _without_empty_messages(items: Sequence[Item]) -> Iterator[Item]:
    for item in items:
        if _kind(item) not in ("user", "assistant"):
            yield item
            continue
        content = item.get("content")
        if isinstance(content, list):
            content = [part for part in content if not _is_blank(part)]
        elif not isinstance(content, str) or not content.strip():
            continue
        if content:
            yield item if content == item["content"] else {**item, "content": content}


def _is_blank(part: Item) -> bool:
    texts = [part[name] for name in ("text", "refusal") if name in part]
    return bool(texts) and not any(isinstance(text, str) and text.strip() for text in texts)


def _last_kind(items: Sequence[Item]) -> _Kind | None:
    """Return the kind of the last item that every provider sends: hosted tools and reasoning are left out by some."""
    return next((kind for item in reversed(items) if (kind := _kind(item)) != "other"), None)


def _add_user(done: list[Item], messages: Sequence[Item]) -> None:
    """Add user messages as one. Join it with a user message directly before it."""
    if done and _kind(done[-1]) == "user":
        messages = [done.pop(), *messages]
    elif _last_kind(done) in ("result", "user"):
        done.append({"role": "assistant", "content": NO_ANSWER})
    done.append(messages[0] if len(messages) == 1 else _joined_user(messages))


def _add_late_notes(done: list[Item], notes: Sequence[Item], items: Sequence[Item]) -> None:
    """Add context notes that no user message follows."""
    if _last_kind(done) != "result" or items[-1] is notes[-1]:
        _add_user(done, notes)
        return
    # The model goes on after a result that follows the notes, so they go to the user message before.
    place = max((index for index, item in enumerate(done) if _kind(item) == "user"), default=None)
    if place is None:
        done.insert(0, _joined_user(notes))
    else:
        done[place] = _joined_user([done[place], *notes])


def _is_context(item: Item) -> bool:
    parts = _parts(item)
    return bool(parts) and str(parts[0].get("text", "")).startswith(CONTEXT_START)


def _parts(item: Item) -> list[Item]:
    content = item["content"]
    return [{"type": "input_text", "text": content}] if isinstance(content, str) else list(content)


def _joined_user(messages: Sequence[Item]) -> Item:
    return {"type": "message", "role": "user", "content": [part for each in messages for part in _parts(each)]}


def _joined_assistant(first: Item, second: Item) -> Item:
    return {"role": "assistant", "content": "\n\n".join([text_of(first), text_of(second)])}


def _user(text: str) -> Item:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def text_of(item: Item) -> str:
    """Return the text of a message."""
    content = item["content"]
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text") or part.get("refusal") or "") for part in content)
