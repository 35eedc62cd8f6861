"""Scripted answers of a provider, and their wire formats in OpenAI's two APIs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Text:
    """A message, in one delta a word."""

    text: str


@dataclass(frozen=True)
class Refusal:
    """A message in which the model refuses, in one delta a word."""

    text: str


@dataclass(frozen=True)
class ToolCall:
    """A function call. Several in a row are parallel. `raw` stands in place of the arguments, as it is."""

    name: str
    arguments: Json = field(default_factory=dict)
    call_id: str = ""
    raw: str | None = None

    @property
    def written(self) -> str:
        """The arguments on the wire."""
        return json.dumps(self.arguments) if self.raw is None else self.raw


@dataclass(frozen=True)
class Reasoning:
    """A reasoning item with one part of summary. Chat Completions has none: left out there."""

    summary: str


@dataclass(frozen=True)
class Picture:
    """A picture of the hosted tool, as base64, the steps to it first. Chat Completions has none: left out there."""

    steps: tuple[str, ...]


@dataclass(frozen=True)
class Cut:
    """The connection breaks."""


@dataclass(frozen=True)
class Stall:
    """Nothing comes for a time, in seconds."""

    seconds: float = 30.0


@dataclass(frozen=True)
class StreamError:
    """An error inside the stream; on Responses as an `error` event, or as a response that failed."""

    code: str
    message: str = "secret words of the provider"
    failed: bool = False


Part = Text | Refusal | ToolCall | Reasoning | Picture | Cut | Stall | StreamError


@dataclass(frozen=True)
class Answer:
    """A successful answer, or one that begins like it.

    Attributes:
        parts: What comes, in order.
        usage: Input and output tokens; `None` for a gateway that never sends any.
        finish_reason: In place of the usual one, as `length` or `content_filter`.
        pause: Seconds between deltas.
        ends: Whether the stream says that it has ended; without it the body just stops.
    """

    parts: tuple[Part, ...]
    usage: tuple[int, int] | None
    finish_reason: str | None
    pause: float
    ends: bool

    def __init__(
        self,
        *parts: Part,
        usage: tuple[int, int] | None = (11, 7),
        finish_reason: str | None = None,
        pause: float = 0.0,
        ends: bool = True,
    ) -> None:
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "usage", usage)
        object.__setattr__(self, "finish_reason", finish_reason)
        object.__setattr__(self, "pause", pause)
        object.__setattr__(self, "ends", ends)


def _words(text: str) -> list[str]:
    return [word if number == 0 else f" {word}" for number, word in enumerate(text.split(" "))]


def _call_id(call: ToolCall, position: int) -> str:
    return call.call_id or f"call_{call.name}_{position}"


# Chat Completions: https://platform.openai.com/docs/api-reference/chat-streaming


def chunks_of(answer: Answer, model: str, include_usage: bool) -> Iterator[Json | Part]:
    """Write a streamed completion: its chunks, with the parts that are the server's to act out."""

    def chunk(delta: Json | None, finish_reason: str | None = None, usage: Json | None = None) -> Json:
        choices = (
            [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]
        )
        return {
            "id": "chatcmpl-test",
            "object": "chat.completion.chunk",
            "created": 1767225600,
            "model": model,
            "choices": choices,
            "usage": usage,
        }

    yield chunk({"role": "assistant", "content": ""})
    calls = 0
    for part in answer.parts:
        match part:
            case Text():
                for word in _words(part.text):
                    yield chunk({"content": word})
            case Refusal():
                for word in _words(part.text):
                    yield chunk({"refusal": word})
            case ToolCall():
                head = {"name": part.name, "arguments": ""}
                yield chunk(
                    {
                        "tool_calls": [
                            {"index": calls, "id": _call_id(part, calls), "type": "function", "function": head}
                        ]
                    }
                )
                arguments = part.written
                for piece in (arguments[:3], arguments[3:]):
                    yield chunk({"tool_calls": [{"index": calls, "function": {"arguments": piece}}]})
                calls += 1
            case StreamError():
                yield {"error": {"message": part.message, "type": "error", "code": part.code}}
                return
            case Reasoning() | Picture():
                pass
            case Cut() | Stall():
                yield part
    if not answer.ends:
        return
    yield chunk({}, answer.finish_reason or ("tool_calls" if calls else "stop"))
    if include_usage and answer.usage is not None:
        yield chunk(None, usage=_completion_usage(answer.usage))


def _completion_usage(usage: tuple[int, int]) -> Json:
    return {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}


def completion_of(answer: Answer, model: str) -> Json:
    """Write a completion that is not streamed."""
    texts = [part.text for part in answer.parts if isinstance(part, Text)]
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    message: Json = {"role": "assistant", "content": " ".join(texts) or None}
    if calls:
        message["tool_calls"] = [
            {
                "id": _call_id(call, position),
                "type": "function",
                "function": {"name": call.name, "arguments": call.written},
            }
            for position, call in enumerate(calls)
        ]
    reason = answer.finish_reason or ("tool_calls" if calls else "stop")
    return {
        "id": "chatcmpl-test",
        "object": "chat.completion",
        "created": 1767225600,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
        "usage": None if answer.usage is None else _completion_usage(answer.usage),
    }


# Responses: https://platform.openai.com/docs/api-reference/responses-streaming


def _response(model: str, status: str, output: Sequence[Json], usage: tuple[int, int] | None, **more: Any) -> Json:
    counted = None
    if usage is not None:
        counted = {
            "input_tokens": usage[0],
            "output_tokens": usage[1],
            "total_tokens": sum(usage),
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        }
    return {
        "id": "resp_test",
        "object": "response",
        "created_at": 1767225600,
        "status": status,
        "model": model,
        "output": list(output),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "usage": counted,
        **more,
    }


def _item(part: Part, position: int, status: str = "completed") -> Json | None:
    done = status == "completed"
    match part:
        case Text():
            text = {"type": "output_text", "text": part.text, "annotations": [], "logprobs": []}
            content = [text] if done else []
            return {
                "id": f"msg_{position}",
                "type": "message",
                "role": "assistant",
                "status": status,
                "content": content,
            }
        case Refusal():
            content = [{"type": "refusal", "refusal": part.text}] if done else []
            message: Json = {"id": f"msg_{position}", "type": "message", "role": "assistant", "status": status}
            return {**message, "content": content}
        case ToolCall():
            return {
                "id": f"fc_{position}",
                "type": "function_call",
                "call_id": _call_id(part, position),
                "name": part.name,
                "arguments": part.written if done else "",
                "status": status,
            }
        case Reasoning():
            summary = [{"type": "summary_text", "text": part.summary}] if done else []
            return {"id": f"rs_{position}", "type": "reasoning", "summary": summary, "encrypted_content": "sealed"}
        case Picture():
            picture: Json = {"id": f"ig_{position}", "type": "image_generation_call", "status": status}
            return {**picture, **_DRAWN, "result": part.steps[-1] if done else None}
        case _:
            return None


# What else comes with a picture, which nobody here reads.
_DRAWN = {"background": "opaque", "output_format": "png", "quality": "high", "size": "1024x1024"}


def response_of(answer: Answer, model: str) -> Json:
    """Write a response that is not streamed."""
    items = [_item(part, position) for position, part in enumerate(answer.parts)]
    return _response(model, "completed", [item for item in items if item], answer.usage)


def events_of(answer: Answer, model: str) -> Iterator[Json | Part]:
    """Write a streamed response: its events, with the parts that are the server's to act out."""
    sequence = 0
    output: list[Json] = []

    def event(kind: str, **fields: Any) -> Json:
        nonlocal sequence
        sequence += 1
        return {"type": kind, "sequence_number": sequence - 1, **fields}

    yield event("response.created", response=_response(model, "in_progress", [], None))
    yield event("response.in_progress", response=_response(model, "in_progress", [], None))
    for position, part in enumerate(answer.parts):
        begun, item = _item(part, position, "in_progress"), _item(part, position)
        if begun is None or item is None:
            if isinstance(part, StreamError) and part.failed:
                error = {"code": part.code, "message": part.message}
                yield event("response.failed", response=_response(model, "failed", output, None, error=error))
                return
            if isinstance(part, StreamError):
                yield event("error", code=part.code, message=part.message, param=None)
                return
            yield part
            continue
        at = {"item_id": item["id"], "output_index": len(output)}
        yield event("response.output_item.added", item=begun, output_index=len(output))
        for kind, fields in _item_events(part):
            yield event(kind, **at, **fields)
        output.append(item)
        yield event("response.output_item.done", item=item, output_index=len(output) - 1)
    if not answer.ends:
        return
    if answer.finish_reason is None:
        yield event("response.completed", response=_response(model, "completed", output, answer.usage))
        return
    reason = "max_output_tokens" if answer.finish_reason == "length" else answer.finish_reason
    incomplete = _response(model, "incomplete", output, answer.usage, incomplete_details={"reason": reason})
    yield event("response.incomplete", response=incomplete)


def _item_events(part: Part) -> Iterator[tuple[str, Json]]:
    match part:
        case Text():
            blank = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
            yield "response.content_part.added", {"content_index": 0, "part": blank}
            for word in _words(part.text):
                yield "response.output_text.delta", {"content_index": 0, "delta": word, "logprobs": []}
            yield "response.output_text.done", {"content_index": 0, "text": part.text, "logprobs": []}
            yield "response.content_part.done", {"content_index": 0, "part": {**blank, "text": part.text}}
        case Refusal():
            refusal = {"type": "refusal", "refusal": part.text}
            yield "response.content_part.added", {"content_index": 0, "part": {**refusal, "refusal": ""}}
            for word in _words(part.text):
                yield "response.refusal.delta", {"content_index": 0, "delta": word}
            yield "response.refusal.done", {"content_index": 0, "refusal": part.text}
            yield "response.content_part.done", {"content_index": 0, "part": refusal}
        case ToolCall():
            arguments = part.written
            for piece in (arguments[:3], arguments[3:]):
                yield "response.function_call_arguments.delta", {"delta": piece}
            yield "response.function_call_arguments.done", {"arguments": arguments, "name": part.name}
        case Reasoning():
            text = {"type": "summary_text", "text": part.summary}
            yield "response.reasoning_summary_part.added", {"summary_index": 0, "part": {**text, "text": ""}}
            for word in _words(part.summary):
                yield "response.reasoning_summary_text.delta", {"summary_index": 0, "delta": word}
            yield "response.reasoning_summary_text.done", {"summary_index": 0, "text": part.summary}
            yield "response.reasoning_summary_part.done", {"summary_index": 0, "part": text}
        case Picture():
            yield "response.image_generation_call.in_progress", {}
            yield "response.image_generation_call.generating", {}
            for index, step in enumerate(part.steps[:-1]):
                shown = {"partial_image_index": index, "partial_image_b64": step, **_DRAWN}
                yield "response.image_generation_call.partial_image", shown
            yield "response.image_generation_call.completed", {}
