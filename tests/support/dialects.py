"""Servers that speak the dialects of the recipes in docs/models.md, each as strict as the real one on its worst day.

A small model is behind each: it thinks, hands over, calls tools for tasks and then answers. Sources of the formats:
the providers' documentation, and public reports of what their servers sent and refused.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.provider_server import HttpError, ProviderServer, RawBody, RawStream, Reply, Request
from tests.support.strict_provider import Refused, check

Json = dict[str, Any]
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Move:
    """What the model does next: it thinks, and then calls a tool or answers."""

    thinking: str
    text: str = ""
    call: tuple[str, Json] | None = None


def next_move(body: Json) -> Move:
    """Return what a good model does: hand over to the tasks, call the tool, and answer."""
    tools = {tool["function"]["name"] for tool in body.get("tools") or []}
    messages = body["messages"]
    at = max(index for index, message in enumerate(messages) if message["role"] == "user")
    said = json.dumps(messages[at]["content"])
    made = {call["function"]["name"] for each in messages[at:] for call in each.get("tool_calls") or []}
    task = re.search(r"add task ([\w ]+?)(?: \((\w+)\))?\"", said)
    if (task or "list" in said) and "transfer_to_tasks" in tools and "transfer_to_tasks" not in made:
        return Move("This is about tasks.", call=("transfer_to_tasks", {}))
    if task and "add_task" in tools and "add_task" not in made:
        return Move("I add it.", call=("add_task", {"title": task[1], "priority": task[2] or "medium"}))
    if "list" in said and "list_tasks" in tools and "list_tasks" not in made:
        return Move("I list them.", call=("list_tasks", {}))
    return Move("I am done.", text="Here you are.")


@dataclass(frozen=True)
class Dialect:
    """One server.

    Attributes:
        reasoning: The field with the model's reasoning; None if it is in the content's parts.
        call_id: Returns the id of a call.
        refusal: Returns the refusal of a request that breaks one of the server's own rules.
        refused: Writes the refusal of an invalid history.
        before: Bytes before the chunks.
        after: Chunks after the last one with a choice.
        with_choice: Fields of each choice.
    """

    reasoning: str | None
    call_id: Callable[[], str]
    refused: Callable[[str], Reply]
    refusal: Callable[[Request], Reply | None] = lambda request: None
    before: str = ""
    after: tuple[Json, ...] = ()
    with_choice: tuple[tuple[str, Any], ...] = ()

    def reply(self, request: Request) -> Reply:
        """Answer a request."""
        try:
            check(request.body)
        except Refused as error:
            return self.refused(str(error))
        if (refusal := self.refusal(request)) is not None:
            return refusal
        move = next_move(request.body)
        if not request.body.get("stream"):
            return RawBody(json.dumps(self._whole(move)).encode(), "application/json")
        chunks = [_chunk({**choice, **dict(self.with_choice)}) for choice in self._choices(move)]
        lines = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in [*chunks, *self.after])
        return RawStream(f"{self.before}{lines}data: [DONE]\n\n")

    def _choices(self, move: Move) -> Iterator[Json]:
        yield {"delta": {"role": "assistant", "content": None if self.reasoning else ""}, "finish_reason": None}
        for word in move.thinking.split(" "):
            yield {"delta": self._thought(f"{word} "), "finish_reason": None}
        if move.call is not None:
            yield {"delta": {"tool_calls": [self._call(move.call)]}, "finish_reason": "tool_calls"}
            return
        for word in move.text.split(" "):
            yield {"delta": {"content": self._text(f"{word} ")}, "finish_reason": None}
        yield {"delta": {}, "finish_reason": "stop"}

    def _whole(self, move: Move) -> Json:
        thought = self._thought(move.thinking)
        content = self._text(move.text) if move.text else None
        if self.reasoning is None and isinstance(content, list):
            content = [*thought["content"], *content]
        message: Json = {"role": "assistant", **thought, "content": content}
        if move.call is not None:
            message["tool_calls"] = [self._call(move.call)]
        return _chunk({"message": message, "finish_reason": "stop" if move.call is None else "tool_calls"})

    def _thought(self, text: str) -> Json:
        if self.reasoning is not None:
            return {self.reasoning: text}
        return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}

    def _text(self, text: str) -> Any:
        return text if self.reasoning is not None else [{"type": "text", "text": text}]

    def _call(self, call: tuple[str, Json]) -> Json:
        function = {"name": call[0], "arguments": json.dumps(call[1])}
        return {"index": 0, "id": self.call_id(), "type": "function", "function": function}


def _chunk(choice: Json) -> Json:
    kind = "chat.completion" if "message" in choice else "chat.completion.chunk"
    return {"id": "c1", "object": kind, "created": 1, "model": "m", "choices": [{"index": 0, **choice}]}


USAGE = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
USAGE_CHUNK: Json = {
    "id": "c1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [],
    "usage": USAGE,
}


def _openai_error(status: int, kind: str) -> Callable[[str], Reply]:
    return lambda rule: HttpError(
        status, body={"error": {"message": rule, "type": kind, "param": None, "code": status}}
    )


def _bearer(request: Request) -> Reply | None:
    if request.headers.get("authorization") != "Bearer recipe-key":
        return HttpError(401, body={"error": {"message": "No auth credentials found", "code": 401}})
    return None


# Azure: the key is in `api-key` or, on the v1 API, in `Authorization`. The first chunk has no choices.
_SAFE = {"hate": {"filtered": False, "severity": "safe"}, "jailbreak": {"filtered": False, "detected": False}}
_FIRST = {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": [
    {"prompt_index": 0, "content_filter_results": _SAFE}]}  # fmt: skip
_ASYNC = {"choices": [{"content_filter_offsets": {"check_offset": 1}, "content_filter_results": _SAFE,
    "finish_reason": None, "index": 0}], "created": 0, "id": "", "model": "", "object": ""}  # fmt: skip


def _azure_rules(request: Request) -> Reply | None:
    wrong = {
        "error": {"code": "401", "message": "Access denied due to invalid subscription key or wrong API endpoint."}
    }
    if "/deployments/" in request.path and "api-version=" not in request.query:
        return HttpError(404, body={"error": {"code": "404", "message": "Resource not found"}})
    keys = (request.headers.get("api-key"), request.headers.get("authorization"))
    if keys not in {("recipe-key", None), (None, "Bearer recipe-key"), (None, "Bearer entra-token")}:
        return HttpError(401, body=wrong)
    return None


# Mistral: parameters that it does not know, `user` after `tool` and long ids are refused.
def _mistral_rules(request: Request) -> Reply | None:
    for name in ("stream_options", "store", "metadata", "verbosity"):
        if name in request.body:
            detail = [{"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted"}]
            return HttpError(
                422, body={"object": "error", "message": {"detail": detail}, "type": "invalid_request_error"}
            )
    for message in request.body["messages"]:
        ids = [call["id"] for call in message.get("tool_calls") or []] + [message.get("tool_call_id", "a" * 9)]
        if not all(re.fullmatch(r"[a-zA-Z0-9]{9}", each) for each in ids):
            rule = f"Tool call id was {ids[0]} but must be a-z, A-Z, 0-9, with a length of 9."
            return _mistral_error(rule)
    return _bearer(request)


def _mistral_error(rule: str) -> Reply:
    kind = "invalid_request_message_order"
    return HttpError(400, body={"object": "error", "message": rule, "type": kind, "param": None, "code": "3230"})


# Ollama and llama.cpp take text content as a string or parts, and no key. llama.cpp answers 500 to a broken template.
def _jinja_error(rule: str) -> Reply:
    message = f"\n------------\nWhile executing CallExpression at line 47\nError: Jinja Exception: {rule}"
    return HttpError(500, body={"error": {"code": 500, "message": message, "type": "server_error"}})


def _openrouter_error(rule: str) -> Reply:
    raw = json.dumps({"object": "error", "message": rule})
    metadata = {"raw": raw, "provider_name": "Mistral"}
    return HttpError(400, body={"error": {"message": "Provider returned error", "code": 400, "metadata": metadata}})


def _anthropic_rules(request: Request) -> Reply | None:
    # The compatible endpoint ignores most parameters, and has no part for files.
    if '"type": "file"' in json.dumps(request.body):
        return _openai_error(400, "invalid_request_error")("messages.0.content.1: Input tag 'file' is not allowed")
    return _bearer(request)


def _plain_id() -> str:
    return f"call_{next(_numbers)}"


DIALECTS: dict[str, Dialect] = {
    "ollama": Dialect("reasoning", _plain_id, _openai_error(400, "api_error"), after=(USAGE_CHUNK,)),
    "llama.cpp": Dialect("reasoning_content", lambda: "", _jinja_error, after=({**USAGE_CHUNK, "timings": {}},)),
    "vllm": Dialect("reasoning_content", lambda: "functions.f:0", _openai_error(400, "BadRequestError"),
        _bearer, after=(USAGE_CHUNK,), with_choice=(("stop_reason", None), ("logprobs", None))),
    "litellm": Dialect("reasoning_content", lambda: "toolu_01", _openai_error(400, "None"), _bearer,
        after=({**USAGE_CHUNK, "citations": None},)),
    "openrouter": Dialect("reasoning", lambda: "tool_0_x", _openrouter_error, _bearer,
        before=": OPENROUTER PROCESSING\n\n" * 2, with_choice=(("native_finish_reason", "stop"),),
        after=({**USAGE_CHUNK, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},)),
    "mistral": Dialect(None, lambda: f"{next(_numbers):09d}", _mistral_error, _mistral_rules),
    "anthropic": Dialect("reasoning_content", lambda: f"toolu_{next(_numbers)}",
        _openai_error(400, "invalid_request_error"), _anthropic_rules, after=(USAGE_CHUNK,)),
    "azure": Dialect("reasoning_content", _plain_id, _openai_error(400, "invalid_request_error"), _azure_rules,
        before=f"data: {json.dumps(_FIRST)}\n\n", after=(_ASYNC, USAGE_CHUNK),
        with_choice=(("content_filter_results", _SAFE),)),
    "bedrock": Dialect("reasoning", lambda: f"chatcmpl-tool-{next(_numbers)}",
        _openai_error(400, "ValidationException"), _bearer, after=(USAGE_CHUNK,)),
}  # fmt: skip


def speak(provider: ProviderServer, name: str, requests: int = 40) -> None:
    """Let a provider answer its next requests in a dialect."""
    dialect = DIALECTS[name]
    provider.script(*[lambda body: dialect.reply(provider.requests[-1])] * requests)
