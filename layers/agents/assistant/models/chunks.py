"""Read a Chat Completions stream in any provider's dialect and return chunks as OpenAI sends them.

Providers that are compatible with OpenAI's format differ from it, for example:

- chunks have no `id`, `created`, `model` or `object`; `null` or a number comes in place of an object;
- entries of `tool_calls` have no `index`, or all have index 0; ids are missing, empty or used twice;
- `finish_reason` is `stop` after a tool call, an empty string in each chunk, or a word of the provider's own;
- `content` is a list of parts, with reasoning among them (Mistral);
- `message` comes in place of `delta`: at the end of the deltas, in each chunk with the text so far, or in each chunk
  with new text;
- arguments come as an object in place of its JSON text;
- Gemini's thought signature belongs to a tool call but comes in an entry or a delta of its own;
- an emoji is split between two chunks.

The Agents SDK (openai-agents 0.24) fails on most of these. The reader copies only known and checked fields, so
no other field can reach the SDK. This module knows plain dictionaries only and imports no SDK except its error class.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assistant.models.answer_errors import raise_error, reported
from assistant.models.chunk_calls import CallReader, signature_in
from assistant.models.counts import count_of
from assistant.models.surrogates import Joiner, clean_value, without_lone_surrogates
from assistant.nesting import is_deep

Json = dict[str, Any]

# A provider's own words for the end of an answer. A word that is in neither table counts as `stop`.
_FINISH_REASONS = {"max_tokens": "length", "model_length": "length", "safety": "content_filter"}
_KNOWN_REASONS = {"stop", "length", "tool_calls", "content_filter"}
_USAGE_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


class ChunkReader:
    """Reads the payloads of one stream, in order.

    Attributes:
        finish_reason: Why the answer ended, in OpenAI's words; None until the provider has said so.
    """

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self._calls = CallReader()
        self._joiner = Joiner()
        # The answer so far, by field, for a message that repeats it.
        self._so_far: dict[str, list[str]] = {}
        self._has_delta = False
        self._model = ""

    def read(self, payload: Any) -> Iterator[Json]:
        """Yield the chunks of a payload in OpenAI's form.

        Raises:
            APIError: the payload reports an error.
        """
        for chunk in payload if isinstance(payload, list) else [payload]:
            if isinstance(chunk, dict):
                yield self._chunk(chunk)

    def end(self) -> Json:
        """Return the final chunk for a stream that ended without a reason of its own."""
        return self._envelope([_choice({}, "tool_calls" if self._calls.found else "stop")], None)

    def _chunk(self, chunk: Json) -> Json:
        raise_error(chunk)
        if isinstance(chunk.get("model"), str):
            self._model = without_lone_surrogates(chunk["model"])
        choices = chunk.get("choices")
        known: list[Json] = []
        for choice in choices if isinstance(choices, list) else [choices]:
            # The SDK reads only the first of several alternatives.
            if isinstance(choice, dict) and choice.get("index") in (0, None) and not known:
                raise_error(choice)
                known.append(self._read_choice(choice))
        return self._envelope(known, _usage(chunk.get("usage")), chunk)

    def _envelope(self, choices: list[Json], usage: Json | None, chunk: Json | None = None) -> Json:
        fields = chunk or {}
        return {
            "id": without_lone_surrogates(fields["id"]) if isinstance(fields.get("id"), str) else "",
            "created": fields["created"] if isinstance(fields.get("created"), int) else 0,
            "model": self._model,
            "object": "chat.completion.chunk",
            "choices": choices,
            "usage": usage,
        }

    def _read_choice(self, choice: Json) -> Json:
        given, whole = choice.get("delta"), choice.get("message")
        if isinstance(given, dict) and (given or not isinstance(whole, dict)):
            delta = self._delta(given)
            self._has_delta = self._has_delta or bool(delta)
        else:
            delta = self._delta(whole, whole=True) if isinstance(whole, dict) else {}
        reason = choice.get("finish_reason")
        if not isinstance(reason, str) or not reason:
            return _choice(delta, None, choice.get("logprobs"))
        reason = _FINISH_REASONS.get(reason.lower(), reason.lower())
        if reason == "error":
            raise reported({"message": "finish_reason error"})
        if reason not in _KNOWN_REASONS:
            reason = "stop"
        if reason in ("stop", "tool_calls"):
            reason = "tool_calls" if self._calls.found else "stop"
        self.finish_reason = reason
        return _choice(delta, reason, choice.get("logprobs"))

    def _delta(self, given: Json, *, whole: bool = False) -> Json:
        """Return the known fields of a delta, or what a whole message adds to the answer so far."""
        delta: Json = {}
        text, reasoning = _content(given.get("content"))
        refusal = given.get("refusal")
        if isinstance(refusal, str):
            # A refusal is an answer.
            text += refusal
        if text := self._joiner.joined("content", self._added("content", text, whole)):
            delta["content"] = text
        for field in ("reasoning_content", "reasoning"):
            if isinstance(given.get(field), str) and (words := self._added(field, given[field], whole)):
                delta[field] = without_lone_surrogates(words)
                reasoning = ""
        if reasoning := self._added("content.reasoning", reasoning, whole):
            delta["reasoning_content"] = without_lone_surrogates(reasoning)
        blocks = given.get("thinking_blocks")
        if isinstance(blocks, list):
            delta["thinking_blocks"] = [
                clean_value(block) for block in blocks if isinstance(block, dict) and not is_deep(block)
            ]
        entries = given.get("tool_calls")
        calls = [entry for entry in (entries if isinstance(entries, list) else [entries]) if isinstance(entry, dict)]
        known = self._calls.read_whole(calls, repeated=self._has_delta) if whole else list(map(self._calls.read, calls))
        alone = signature_in(given)
        # A signature next to text belongs to the text, and no server checks it. Without text it belongs to a call.
        if alone and not text and (signed := self._calls.place_signature(alone)):
            known.append(signed)
        if known:
            delta["tool_calls"] = known
        return delta

    def _added(self, field: str, text: str, whole: bool) -> str:
        """Return what a text adds to the answer so far.

        A whole message that begins with the answer so far continues it. Any other is new text, unless the answer came
        as deltas: then it is the same answer once more.
        """
        if not text:
            return ""
        if whole:
            so_far = "".join(self._so_far.get(field, ()))
            if text.startswith(so_far):
                text = text[len(so_far) :]
            elif self._has_delta:
                return ""
        self._so_far.setdefault(field, []).append(text)
        return text


def _choice(delta: Json, finish_reason: str | None, logprobs: Any = None) -> Json:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": logprobs}


def _content(content: Any) -> tuple[str, str]:
    """Return the text and the reasoning of a message's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content, ""
    text = reasoning = ""
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            text += part
        elif isinstance(part, dict) and part.get("type") == "thinking":
            reasoning += "".join(_content(part.get("thinking")))
        elif isinstance(part, dict):
            text += part["text"] if isinstance(part.get("text"), str) else ""
    return text, reasoning


def _usage(usage: Any) -> Json | None:
    if not isinstance(usage, dict):
        return None
    read, written, total = (count_of(usage.get(name)) for name in _USAGE_COUNTS)
    if read is None or written is None:
        # The platform estimates the usage: a call must not be free because its count is unreadable.
        return None
    known: Json = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": total or read + written}
    for name in ("prompt_tokens_details", "completion_tokens_details"):
        if isinstance(usage.get(name), dict):
            counts = {key: count_of(value) for key, value in usage[name].items()}
            known[name] = {key: count for key, count in counts.items() if count is not None}
    return known
