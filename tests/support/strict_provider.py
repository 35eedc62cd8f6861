"""A strict checker of requests, written from the providers' own rules. It raises `Refused`, as they answer 400.

It reads Chat Completions messages, and the input items of the Responses API.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]

# https://platform.openai.com/docs/api-reference/chat/create: the name of a function.
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")

# https://platform.openai.com/docs/api-reference/responses/create: the items of tools that run at OpenAI.
_HOSTED = {
    "code_interpreter_call",
    "file_search_call",
    "mcp_approval_request",
    "mcp_call",
    "mcp_list_tools",
    "web_search_call",
}


class Refused(Exception):
    """A rule is broken."""


def check(body: Json) -> None:
    """Check a request's body."""
    if "messages" in body:
        check_messages(body["messages"])
    elif isinstance(body.get("input"), list):
        check_items(body["input"])


def check_messages(messages: Sequence[Json]) -> None:
    """Check Chat Completions messages by the rules of OpenAI, Mistral, Anthropic and Gemma's chat template."""
    rest = list(messages)
    while rest and rest[0]["role"] in ("system", "developer"):
        del rest[0]
    _refuse_if(not rest, "there is no message")
    _refuse_if(rest[0]["role"] != "user", "the first message is not the user's")
    _refuse_if(rest[-1]["role"] not in ("user", "tool"), "the last message is not the user's or a tool's")
    seen: set[str] = set()
    due: list[str] = []
    before: Json | None = None
    spoken: str | None = None
    for message in rest:
        role = message["role"]
        _refuse_if(role not in ("user", "assistant", "tool"), f"unexpected role {role}")
        if role == "tool":
            _refuse_if(message["tool_call_id"] not in due, "a result without a call directly before it")
            _refuse_if(not message["content"], "an empty result")
            due.remove(message["tool_call_id"])
        else:
            _refuse_if(bool(due), f"calls without results: {due}")
        if role == "user":
            _refuse_if(before is not None and before["role"] == "tool", "user after tool")
            _refuse_if(not _has_text(message["content"]), "an empty user message")
        if role == "assistant":
            calls = message.get("tool_calls") or []
            _refuse_if(not calls and not _has_text(message.get("content")), "an empty assistant message")
            for call in calls:
                _check_function(call["function"]["name"], call["function"]["arguments"])
                _refuse_if(call["id"] in seen, "two calls with one id")
                seen.add(call["id"])
                due.append(call["id"])
        # Gemma's and Mistral's chat templates count the messages without calls.
        if role == "user" or (role == "assistant" and not message.get("tool_calls")):
            _refuse_if(spoken == role, f"two {role} messages in a row")
            spoken = role
        before = message
    _refuse_if(bool(due), f"calls without results: {due}")


def check_items(items: Sequence[Json]) -> None:
    """Check input items by the rules of OpenAI's Responses API."""
    calls: set[str] = set()
    results: set[str] = set()
    approvals: dict[str, bool | None] = {}
    hosted: set[str] = set()
    for place, item in enumerate(items):
        if item.get("type") in _HOSTED:
            _refuse_if(item["id"] in hosted, "two items with one id")
            hosted.add(item["id"])
        match item.get("type"):
            case "mcp_approval_request":
                approvals[item["id"]] = None
            case "mcp_approval_response":
                request = item["approval_request_id"]
                _refuse_if(approvals.get(request, True) is not None, "an approval without a request before it")
                approvals[request] = item["approve"]
                # An approved call that is not made yet is made now: only the last step may ask for that.
                made = any(each.get("approval_request_id") == request for each in items[place + 1 :])
                late = any(each.get("role") for each in items[place + 1 :])
                _refuse_if(item["approve"] and not made and late, "an approval makes a call again")
            case "mcp_call" if item.get("approval_request_id"):
                _refuse_if(approvals.get(item["approval_request_id"]) is None, "a call without its approval")
            case "code_interpreter_call":
                _refuse_if(not {"code", "outputs", "container_id"} <= item.keys(), "an incomplete code call")
            case "function_call":
                _check_function(item["name"], item["arguments"])
                _refuse_if(item["call_id"] in calls, "two calls with one id")
                calls.add(item["call_id"])
            case "function_call_output":
                _refuse_if(item["call_id"] not in calls - results, "a result without a call")
                _refuse_if(item["output"] is None, "a result without output")
                results.add(item["call_id"])
            case _:
                pass
    _refuse_if(calls != results, "a call without a result")
    _refuse_if(None in approvals.values(), "a request for approval without an approval")


def _check_function(name: str, arguments: str) -> None:
    _refuse_if(_NAME.fullmatch(name) is None, f"the name {name!r}")
    try:
        _refuse_if(not isinstance(json.loads(arguments, parse_constant=_not_json), dict), "arguments are no object")
    except ValueError as error:
        raise Refused("arguments are not JSON") from error


def _not_json(constant: str) -> None:
    raise ValueError(constant)


def _has_text(content: Any) -> bool:
    if isinstance(content, str):
        return bool(content.strip())
    return bool(content) and all(part.get("type") != "text" or part["text"].strip() for part in content)


def _refuse_if(broken: bool, rule: str) -> None:
    if broken:
        raise Refused(rule)
