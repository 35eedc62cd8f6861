"""Read a Chat Completions stream in any provider's dialect and return chunks as OpenAI sends them.

Providers that are compatible with OpenAI's format differ from it, for example:

- chunks have no `id`, `created`, `model` or `object`; `null` or a number comes in place of an object;
- entries of `tool_calls` have no `index`, or all have index 0; ids are missing, empty or used twice;
- `finish_reason` is `stop` after a tool call, an empty string in each chunk, or a word of the provider's own;
- `content` is a list of parts, with reasoning among them (Mistral);
- `message` comes in place of `delta`;
- arguments come as an object in place of its JSON text;
- Gemini's thought signature belongs to a tool call but comes in an entry or a delta of its own;
- an emoji is split between two chunks.

The Agents SDK (openai-agents 0.24) fails on most of these. The reader copies only known and checked fields, so
no other field can reach the SDK. This module knows plain dictionaries only and imports no SDK except its error class.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx2
from openai import APIError

from assistant.models.surrogates import without_lone_surrogates

Json = dict[str, Any]

# A provider's own words for the end of an answer. A word that is in neither table counts as `stop`.
_FINISH_REASONS = {"max_tokens": "length", "model_length": "length", "safety": "content_filter"}
_KNOWN_REASONS = {"stop", "length", "tool_calls", "content_filter"}
_USAGE_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def signature_in(part: Json) -> str | None:
    """Return the thought signature of a tool call or a delta, or None."""
    extra = part.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) and signature else None


class _Call:
    """One tool call of the stream, as far as it has arrived."""

    def __init__(self, provider_id: str | None) -> None:
        self.provider_id = provider_id
        # Providers repeat their ids within an answer, and some send none.
        self.id = f"call_{uuid.uuid4().hex}"
        self.sent = False
        self.named = False
        self.signed = False
        self.arguments = ""

    @property
    def complete(self) -> bool:
        """Tell whether the arguments are a whole JSON object."""
        try:
            return isinstance(json.loads(self.arguments), dict)
        except ValueError:
            return False


class ChunkReader:
    """Reads the payloads of one stream, in order.

    Attributes:
        finish_reason: Why the answer ended, in OpenAI's words; None until the provider has said so.
    """

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self._calls: list[_Call] = []
        self._position_by_index: dict[int, int] = {}
        # A signature that came before its call.
        self._early_signature: str | None = None
        # High surrogates that wait for their second half, by call; None for the text.
        self._pending: dict[int | None, str] = {}
        self._has_output = False
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
        return self._envelope([_choice({}, "tool_calls" if self._calls else "stop")], None)

    def _chunk(self, chunk: Json) -> Json:
        _raise_error(chunk)
        if isinstance(chunk.get("model"), str):
            self._model = chunk["model"]
        choices = chunk.get("choices")
        known: list[Json] = []
        for choice in choices if isinstance(choices, list) else [choices]:
            # The SDK reads only the first of several alternatives.
            if isinstance(choice, dict) and choice.get("index") in (0, None) and not known:
                _raise_error(choice)
                known.append(self._read_choice(choice))
        return self._envelope(known, _usage(chunk.get("usage")), chunk)

    def _envelope(self, choices: list[Json], usage: Json | None, chunk: Json | None = None) -> Json:
        fields = chunk or {}
        return {
            "id": fields["id"] if isinstance(fields.get("id"), str) else "",
            "created": fields["created"] if isinstance(fields.get("created"), int) else 0,
            "model": self._model,
            "object": "chat.completion.chunk",
            "choices": choices,
            "usage": usage,
        }

    def _read_choice(self, choice: Json) -> Json:
        given = choice.get("delta")
        if not isinstance(given, dict):
            # Some servers repeat the whole message at the end of a stream of deltas.
            given = choice.get("message") if not self._has_output else None
        delta = self._delta(given) if isinstance(given, dict) else {}
        self._has_output = self._has_output or bool(delta)
        reason = choice.get("finish_reason")
        if not isinstance(reason, str) or not reason:
            return _choice(delta, None, choice.get("logprobs"))
        reason = _FINISH_REASONS.get(reason.lower(), reason.lower())
        if reason == "error":
            raise _reported({"message": "finish_reason error"})
        if reason not in _KNOWN_REASONS:
            reason = "stop"
        if reason in ("stop", "tool_calls"):
            reason = "tool_calls" if self._calls else "stop"
        self.finish_reason = reason
        return _choice(delta, reason, choice.get("logprobs"))

    def _delta(self, given: Json) -> Json:
        delta: Json = {}
        text, reasoning = _content(given.get("content"))
        refusal = given.get("refusal")
        if isinstance(refusal, str):
            # A refusal is an answer.
            text += refusal
        if text := self._joined(None, text):
            delta["content"] = text
        for field in ("reasoning_content", "reasoning"):
            if isinstance(given.get(field), str) and given[field]:
                delta[field] = without_lone_surrogates(given[field])
                reasoning = ""
        if reasoning:
            delta["reasoning_content"] = without_lone_surrogates(reasoning)
        blocks = given.get("thinking_blocks")
        if isinstance(blocks, list):
            delta["thinking_blocks"] = [block for block in blocks if isinstance(block, dict)]
        entries = given.get("tool_calls")
        for entry in entries if isinstance(entries, list) else [entries]:
            if isinstance(entry, dict):
                delta.setdefault("tool_calls", []).append(self._call(entry))
        alone = signature_in(given)
        # A signature next to text belongs to the text, and no server checks it. Without text it belongs to a call.
        if alone and not text:
            self._place_signature(delta, alone)
        return delta

    def _call(self, entry: Json) -> Json:
        given = entry.get("function")
        function: Json = given if isinstance(given, dict) else {}
        name = function.get("name") if isinstance(function.get("name"), str) else None
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments, ensure_ascii=False)
        if not isinstance(arguments, str):
            arguments = ""
        position = self._position_of(entry, name, arguments)
        call = self._calls[position]
        call.arguments += arguments
        known: Json = {"index": position, "type": "function", "function": {}}
        if not call.sent:
            known["id"], call.sent = call.id, True
        if name and not call.named:
            known["function"]["name"], call.named = name, True
        if arguments := self._joined(position, arguments):
            known["function"]["arguments"] = arguments
        if isinstance(entry.get("provider_specific_fields"), dict):
            known["provider_specific_fields"] = entry["provider_specific_fields"]
        if signature := signature_in(entry) or self._early_signature:
            self._early_signature = None
            _sign(known, signature)
            call.signed = True
        return known

    def _joined(self, place: int | None, text: str) -> str:
        """Return the text with the first half of a pair from the delta before, and without one at its own end."""
        text = self._pending.pop(place, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._pending[place] = text[-1]
            text = text[:-1]
        return without_lone_surrogates(text)

    def _position_of(self, entry: Json, name: str | None, arguments: str) -> int:
        """Return the position of the call that an entry belongs to. A new call is appended."""
        provider_id = entry["id"] if isinstance(entry.get("id"), str) and entry["id"] else None
        index = entry.get("index")
        if isinstance(index, int):
            position = self._position_by_index.get(index)
            if position is None or self._is_new(self._calls[position], provider_id, name, arguments):
                position = self._position_by_index[index] = self._begin(provider_id)
            call = self._calls[position]
            call.provider_id = call.provider_id or provider_id
            return position
        if provider_id is not None:
            for position, call in enumerate(self._calls):
                if call.provider_id == provider_id and not self._is_new(call, provider_id, name, arguments):
                    return position
            return self._begin(provider_id)
        if not self._calls or (name and self._calls[-1].named):
            return self._begin(None)
        return self._unsigned() if signature_in(entry) else len(self._calls) - 1

    @staticmethod
    def _is_new(call: _Call, provider_id: str | None, name: str | None, arguments: str) -> bool:
        """Tell whether an entry starts another call than the one with the same index or id."""
        if provider_id is not None and call.provider_id not in (None, provider_id):
            return True
        # The id or index is used twice: the earlier call is complete, and the entry brings a call of its own.
        return bool(name and arguments) and call.named and call.complete

    def _begin(self, provider_id: str | None) -> int:
        self._calls.append(_Call(provider_id))
        return len(self._calls) - 1

    def _unsigned(self) -> int:
        """Return the position of the call for a signature that names none.

        The first of parallel calls carries the signature
        (https://ai.google.dev/gemini-api/docs/thought-signatures). If one is signed, a further signature belongs to
        the last call.
        """
        return 0 if not any(call.signed for call in self._calls) else len(self._calls) - 1

    def _place_signature(self, delta: Json, signature: str) -> None:
        if not self._calls:
            self._early_signature = signature
            return
        position = self._unsigned()
        self._calls[position].signed = True
        entry: Json = {"index": position, "type": "function", "function": {}}
        _sign(entry, signature)
        delta.setdefault("tool_calls", []).append(entry)


def _choice(delta: Json, finish_reason: str | None, logprobs: Any = None) -> Json:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": logprobs}


def _sign(entry: Json, signature: str) -> None:
    entry["extra_content"] = {"google": {"thought_signature": signature}}


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
    counts = {name: usage.get(name) for name in _USAGE_COUNTS}
    known: Json = {name: count for name, count in counts.items() if isinstance(count, int)}
    if not known:
        return None
    read, written = known.get("prompt_tokens", 0), known.get("completion_tokens", 0)
    known = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": known.get("total_tokens", read + written),
    }
    for name in ("prompt_tokens_details", "completion_tokens_details"):
        if isinstance(usage.get(name), dict):
            known[name] = {key: count for key, count in usage[name].items() if isinstance(count, int)}
    return known


def _raise_error(part: Json) -> None:
    """Raise the error that a chunk or a choice reports."""
    if part.get("error"):
        raise _reported(part["error"])
    if part.get("object") == "error" or part.get("type") == "error":
        raise _reported(part)


def _reported(error: Any) -> APIError:
    message = str(error.get("message")) if isinstance(error, dict) else str(error)
    request = httpx2.Request("POST", "http://provider.invalid")
    return APIError(message, request, body=error if isinstance(error, dict) else {"message": message})
