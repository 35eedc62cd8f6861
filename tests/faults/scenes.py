"""The six streaming operations, each with tools, clicks also as answers to a call that must be approved.

For each a thread is made ready, and a provider plays along. The provider is strict: a request whose history no model
would accept is answered with 400.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from chatkit.actions import Action
from chatkit.types import (
    StreamingReq,
    StructuredInputAnswerSubmission,
    StructuredInputItem,
    StructuredInputSubmission,
    ThreadAddStructuredInputParams,
    ThreadCustomActionParams,
    ThreadsAddStructuredInputReq,
    ThreadsCustomActionReq,
    WidgetItem,
)

from assistant.aws import keys
from assistant.aws.keys import Key
from tests.support.provider_server import Answer, HttpError, Reply, Text, ToolCall
from tests.support.turns import Process, addition, creation, retry, tool_output

OPERATIONS = ("create", "add", "client_tool_output", "structured_input", "retry", "action", "approval", "rejection")
ANSWER = "the answer to"


class Provider:
    """Answers each request as a model that uses tools would, and counts the runs that it was part of."""

    def __init__(self) -> None:
        self.runs = 0
        self.refused: list[str] = []

    def __call__(self, body: dict[str, Any]) -> Reply:
        """Answer a request on Chat Completions."""
        messages = body["messages"][1:]
        wrong = _what_is_wrong(messages)
        if wrong is not None:
            self.refused.append(wrong)
            return HttpError(400, message=wrong)
        asked = max(index for index, each in enumerate(messages) if _is_the_users(each))
        text = _newest_words(messages[asked])
        since = [call["function"]["name"] for each in messages[asked:] for call in each.get("tool_calls") or []]
        if text.startswith("ask") and "browser" not in since:
            self.runs += 1
            return Answer(ToolCall("ask_browser"))
        if text.startswith("form") and "StructuredInput" not in str(messages[asked:]):
            self.runs += 1
            return Answer(ToolCall("ask_form"))
        if text.startswith("pay") and "pay" not in since:
            self.runs += 1
            return Answer(ToolCall("pay", {"what": text}, call_id=f"call_pay_{self.runs}"))
        if "look_up" not in since:
            self.runs += 1
            return Answer(
                Text("let me see"),
                ToolCall("look_up", {"what": text}, call_id=f"call_look_{self.runs}"),
                ToolCall("save_note", {"text": text}, call_id=f"call_save_{self.runs}"),
                ToolCall("show_card", {"text": "a card"}, call_id=f"call_card_{self.runs}"),
            )
        return Answer(Text(f"{ANSWER} {text}"))


def _is_the_users(message: dict[str, Any]) -> bool:
    return message["role"] == "user" and bool(_newest_words(message))


def _newest_words(message: dict[str, Any]) -> str:
    """Return the user's newest words: the history joins messages that follow each other, and context, into one."""
    content = message.get("content") or ""
    texts = [content] if isinstance(content, str) else [part.get("text", "") for part in content]
    words = [
        piece for text in texts for piece in re.sub(r"<context>.*?</context>", "\n", text, flags=re.DOTALL).split("\n")
    ]
    return next((piece for piece in reversed(words) if piece.strip()), "")


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or [])


def _what_is_wrong(messages: list[dict[str, Any]]) -> str | None:
    """Return why a provider would refuse this history, None if it would not."""
    open_calls: set[str] = set()
    known: set[str] = set()
    for each in messages:
        if each["role"] == "tool":
            if each["tool_call_id"] not in open_calls:
                return f"an output without its call: {each}"
            open_calls.discard(each["tool_call_id"])
            continue
        if open_calls:
            return f"calls without an output: {open_calls}"
        for call in each.get("tool_calls") or []:
            if call["id"] in known:
                return f"a call stands twice: {call}"
            json.loads(call["function"]["arguments"])
            known.add(call["id"])
            open_calls.add(call["id"])
    return f"calls without an output: {open_calls}" if open_calls else None


async def _create(process: Process) -> tuple[str | None, StreamingReq]:
    return None, creation("hello")


async def _add(process: Process) -> tuple[str | None, StreamingReq]:
    thread_id = await process.create("before")
    return thread_id, addition(thread_id, "hello")


async def _client_tool_output(process: Process) -> tuple[str | None, StreamingReq]:
    thread_id = await process.create("ask hello")
    return thread_id, tool_output(thread_id, {"width": 800})


async def _structured_input(process: Process) -> tuple[str | None, StreamingReq]:
    thread_id = await process.create("form hello")
    form = next(item for item in await process.stored(thread_id) if isinstance(item, StructuredInputItem))
    answers = {"why": StructuredInputAnswerSubmission(values=["because"])}
    params = ThreadAddStructuredInputParams(
        thread_id=thread_id,
        item_id=form.id,
        input=StructuredInputSubmission(status="answered", answers=answers),
    )
    return thread_id, ThreadsAddStructuredInputReq(params=params)


async def _retry(process: Process) -> tuple[str | None, StreamingReq]:
    thread_id = await process.create("hello")
    return thread_id, retry(thread_id, (await process.user_message(thread_id)).id)


async def _action(process: Process) -> tuple[str | None, StreamingReq]:
    thread_id = await process.create("hello")
    widget = next(item for item in await process.stored(thread_id) if isinstance(item, WidgetItem))
    action: Action[str, Any] = Action(type="change", payload={})
    params = ThreadCustomActionParams(thread_id=thread_id, item_id=widget.id, action=action)
    return thread_id, ThreadsCustomActionReq(params=params)


async def _approval(process: Process) -> tuple[str | None, StreamingReq]:
    return await _decision(process, "confirm")


async def _rejection(process: Process) -> tuple[str | None, StreamingReq]:
    return await _decision(process, "cancel")


async def _decision(process: Process, button: str) -> tuple[str | None, StreamingReq]:
    thread_id = await process.create("pay hello")
    return thread_id, click(await asking_card(process, thread_id), button)


async def asking_card(process: Process, thread_id: str) -> WidgetItem:
    """Return the card that asks, or has asked, to approve the payment."""
    (card,) = (
        item
        for item in await process.stored(thread_id)
        if isinstance(item, WidgetItem) and str(item.copy_text).startswith("Pay")
    )
    return card


def click(card: WidgetItem, button: str = "confirm") -> ThreadsCustomActionReq:
    """Return a click on a button of a card that asks."""
    clicked: Action[str, Any] = Action.model_validate(card.widget.model_dump()[button]["action"])
    return ThreadsCustomActionReq(
        params=ThreadCustomActionParams(thread_id=card.thread_id, item_id=card.id, action=clicked)
    )


async def payments(process: Process) -> int:
    """Return how often the caller has paid."""
    key = Key(keys.app_partition(process.caller.tenant_id, process.caller.user_id), "payments")
    row = await process.resources.table.get(key)
    return 0 if row is None else int(row["payments"])


SCENES: dict[str, Callable[[Process], Awaitable[tuple[str | None, StreamingReq]]]] = {
    "create": _create,
    "add": _add,
    "client_tool_output": _client_tool_output,
    "structured_input": _structured_input,
    "retry": _retry,
    "action": _action,
    "approval": _approval,
    "rejection": _rejection,
}
# What the user has said when the operation has been performed, by operation.
SAID: dict[str, list[str]] = {
    "create": ["hello"],
    "add": ["before", "hello"],
    "client_tool_output": ["ask hello"],
    "structured_input": ["form hello"],
    "retry": ["hello"],
    "action": ["hello"],
    "approval": ["pay hello"],
    "rejection": ["pay hello"],
}
# Runs of the model that it takes to get there.
RUNS: dict[str, int] = {
    "create": 1,
    "add": 2,
    "client_tool_output": 2,
    "structured_input": 2,
    "retry": 2,
    "action": 1,
    "approval": 2,
    "rejection": 2,
}
