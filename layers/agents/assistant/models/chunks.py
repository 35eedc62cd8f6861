"""Mends the chunks of a Chat Completions stream, so that the Agents SDK sees what OpenAI would have sent.

Providers that are compatible with OpenAI's format bend it, Gemini's endpoint most of all (openai-agents
0.24.0 merges two such parallel calls into one broken call, and drops a signature that comes alone):

- chunks have no `id`, `created`, `model` or `object`;
- entries of `tool_calls` have no `index`, or all of them have index 0; some have no `id`, or an empty one;
- `finish_reason` is "stop" after a tool call;
- `extra_content.google.thought_signature` belongs to a tool call, but may come in an entry or a delta of its
  own;
- arguments come as an object in place of its JSON text;
- an emoji is cut in two, half a surrogate pair in each of two chunks, or stays half: no such text can be stored.

The functions here know plain dictionaries only: no SDK is imported.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from assistant.models.surrogates import without_lone_surrogates

Json = dict[str, Any]


def signature_in(part: Json) -> str | None:
    """Return the thought signature that a tool call or a delta carries, if any."""
    extra = part.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) and signature else None


class _Call:
    """What is known so far about one tool call of the stream."""

    def __init__(self, call_id: str | None) -> None:
        self.id = call_id
        self.named = False
        self.signed = False


class ChunkMender:
    """Mends the chunks of one stream, in order. Holds what later chunks need from earlier ones."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._index_on_wire: dict[int, int] = {}
        # A signature that came before the call it belongs to.
        self._signature_ahead: str | None = None
        # What waits for its other half: by the call's index, or None for the text.
        self._halves: dict[int | None, str] = {}
        self.finish_reason: str | None = None

    def mend(self, chunk: Json) -> Json:
        """Return the chunk in OpenAI's shape. The dictionary is changed in place.

        Args:
            chunk: One `data:` payload of the stream, as parsed.
        """
        # Absent or null alike: OpenAI's own chunks always have these.
        for key, value in (("id", ""), ("created", 0), ("model", "")):
            if chunk.get(key) is None:
                chunk[key] = value
        chunk["object"] = "chat.completion.chunk"
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            chunk["choices"] = []
            return chunk
        for choice in choices:
            self._mend_choice(choice)
        return chunk

    def _mend_choice(self, choice: Json) -> None:
        if choice.get("index") is None:
            choice["index"] = 0
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = choice["delta"] = {}
        if isinstance(delta.get("content"), str):
            delta["content"] = self._whole(None, delta["content"])
        entries = delta.get("tool_calls")
        if isinstance(entries, list):
            for entry in entries:
                self._mend_call(entry)
        alone = signature_in(delta)
        # Beside text the signature is the text's own, which nobody checks; without text it is a call's.
        if alone and not delta.get("content"):
            self._place_signature(delta, alone)
        reason = choice.setdefault("finish_reason", None)
        if reason is not None:
            if reason == "stop" and self._calls:
                choice["finish_reason"] = reason = "tool_calls"
            self.finish_reason = reason

    def _mend_call(self, entry: Json) -> None:
        function = entry.get("function")
        if not isinstance(function, dict):
            function = entry["function"] = {}
        if isinstance(function.get("arguments"), dict):
            function["arguments"] = json.dumps(function["arguments"], ensure_ascii=False)
        index = self._index_of(entry, bool(function.get("name")))
        call = self._calls[index]
        entry["index"] = index
        if isinstance(function.get("arguments"), str):
            function["arguments"] = self._whole(index, function["arguments"])
        if entry.get("type") is None:
            entry["type"] = "function"
        if function.get("name"):
            call.named = True
        if call.named and not call.id:
            # The SDK pairs a call with its output by this id and cannot do without.
            call.id = f"call_{uuid.uuid4().hex}"
            entry["id"] = call.id
        if signature_in(entry):
            call.signed = True
        elif self._signature_ahead:
            self._sign(entry, self._signature_ahead)
            self._signature_ahead = None
            call.signed = True

    def _whole(self, place: int | None, text: str) -> str:
        """Return a delta with the half that was kept from the one before it, and without one that it ends in."""
        text = self._halves.pop(place, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._halves[place] = text[-1]
            text = text[:-1]
        return without_lone_surrogates(text)

    def _index_of(self, entry: Json, names_function: bool) -> int:
        """Find which call an entry belongs to; a new one is appended when it begins here."""
        call_id = entry.get("id") or None
        on_wire = entry.get("index")
        if call_id is not None:
            for index, call in enumerate(self._calls):
                if call.id == call_id:
                    return index
        if isinstance(on_wire, int):
            index = self._index_on_wire.get(on_wire, -1)
            other = index >= 0 and call_id is not None and self._calls[index].id not in (None, call_id)
            if index < 0 or other:
                index = self._begin(call_id)
                self._index_on_wire[on_wire] = index
            elif call_id is not None:
                self._calls[index].id = call_id
            return index
        if call_id is not None or not self._calls:
            return self._begin(call_id)
        if names_function and self._calls[-1].named:
            return self._begin(None)
        if signature_in(entry):
            return self._unsigned()
        return len(self._calls) - 1

    def _begin(self, call_id: str | None) -> int:
        self._calls.append(_Call(call_id))
        return len(self._calls) - 1

    def _unsigned(self) -> int:
        """Choose the call for a signature that names none.

        Of parallel calls the first carries the signature
        (https://ai.google.dev/gemini-api/docs/thought-signatures); once one is signed, a further signature
        is the last call's.
        """
        return 0 if not any(call.signed for call in self._calls) else len(self._calls) - 1

    def _place_signature(self, delta: Json, signature: str) -> None:
        if not self._calls:
            self._signature_ahead = signature
            return
        index = self._unsigned()
        self._calls[index].signed = True
        entry: Json = {"index": index, "type": "function", "function": {}}
        self._sign(entry, signature)
        delta["tool_calls"] = [*(delta.get("tool_calls") or []), entry]

    @staticmethod
    def _sign(entry: Json, signature: str) -> None:
        entry["extra_content"] = {"google": {"thought_signature": signature}}
