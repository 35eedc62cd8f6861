"""Read the tool calls of a Chat Completions stream: which entry belongs to which call, and whose signature it is."""

from __future__ import annotations

import json
import uuid
from typing import Any

from assistant.models.surrogates import Joiner, clean_value, without_lone_surrogates
from assistant.nesting import is_deep

Json = dict[str, Any]


def signature_in(part: Json) -> str | None:
    """Return the thought signature of a tool call or a delta, or None."""
    extra = part.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return without_lone_surrogates(signature) if isinstance(signature, str) and signature else None


class Call:
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
        except (ValueError, RecursionError):
            return False


class CallReader:
    """Reads the entries of `tool_calls` of one stream, in order."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._position_by_index: dict[int, int] = {}
        # A signature that came before its call.
        self._early_signature: str | None = None
        self._joiner = Joiner()

    @property
    def found(self) -> bool:
        """Tell whether the answer has a call."""
        return bool(self._calls)

    def read(self, entry: Json) -> Json:
        """Return an entry of a delta in OpenAI's form."""
        name, arguments = _function_of(entry)
        return self._known(self._position_of(entry, name, arguments), entry, name, arguments)

    def read_whole(self, entries: list[Json], *, repeated: bool) -> list[Json]:
        """Return what a whole message adds to the calls so far, in OpenAI's form.

        Args:
            entries: The message's calls. They repeat those of the message before them, or all of them are new.
            repeated: Whether the calls came as deltas, so that the message can only repeat them.
        """
        added: list[Json] = []
        earlier = list(self._calls)
        for position, entry in enumerate(entries):
            name, arguments = _function_of(entry)
            call = earlier[position] if position < len(earlier) else None
            if call is None:
                added.append(self.read(entry))
            elif call.provider_id == _id_of(entry) and arguments.startswith(call.arguments):
                if arguments != call.arguments:
                    added.append(self._known(position, entry, name, arguments[len(call.arguments) :]))
            elif not repeated:
                added.append(self.read(entry))
        return added

    def place_signature(self, signature: str) -> Json | None:
        """Return the entry for a signature that came without a call, or None if its call is still to come."""
        if not self._calls:
            self._early_signature = signature
            return None
        position = self._unsigned()
        self._calls[position].signed = True
        entry: Json = {"index": position, "type": "function", "function": {}}
        _sign(entry, signature)
        return entry

    def _known(self, position: int, entry: Json, name: str | None, arguments: str) -> Json:
        """Return an entry of a known call, with its checked fields only."""
        call = self._calls[position]
        call.arguments += arguments
        known: Json = {"index": position, "type": "function", "function": {}}
        if not call.sent:
            known["id"], call.sent = call.id, True
        if name and not call.named:
            known["function"]["name"], call.named = name, True
        if arguments := self._joiner.joined(position, arguments):
            known["function"]["arguments"] = arguments
        fields = entry.get("provider_specific_fields")
        if isinstance(fields, dict) and not is_deep(fields):
            known["provider_specific_fields"] = clean_value(fields)
        if signature := signature_in(entry) or self._early_signature:
            self._early_signature = None
            _sign(known, signature)
            call.signed = True
        return known

    def _position_of(self, entry: Json, name: str | None, arguments: str) -> int:
        """Return the position of the call that an entry belongs to. A new call is appended."""
        provider_id = _id_of(entry)
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
    def _is_new(call: Call, provider_id: str | None, name: str | None, arguments: str) -> bool:
        """Tell whether an entry starts another call than the one with the same index or id."""
        if provider_id is not None and call.provider_id not in (None, provider_id):
            return True
        # The id or index is used twice: the earlier call is complete, and the entry brings a call of its own.
        return bool(name and arguments) and call.named and call.complete

    def _begin(self, provider_id: str | None) -> int:
        self._calls.append(Call(provider_id))
        return len(self._calls) - 1

    def _unsigned(self) -> int:
        """Return the position of the call for a signature that names none.

        The first of parallel calls carries the signature
        (https://ai.google.dev/gemini-api/docs/thought-signatures). If one is signed, a further signature belongs to
        the last call.
        """
        return 0 if not any(call.signed for call in self._calls) else len(self._calls) - 1


def _sign(entry: Json, signature: str) -> None:
    entry["extra_content"] = {"google": {"thought_signature": signature}}


def _id_of(entry: Json) -> str | None:
    return entry["id"] if isinstance(entry.get("id"), str) and entry["id"] else None


def _function_of(entry: Json) -> tuple[str | None, str]:
    """Return the name and the arguments, as JSON text, of a call's entry."""
    function = entry.get("function")
    if not isinstance(function, dict):
        return None, ""
    name, arguments = function.get("name"), function.get("arguments")
    if isinstance(arguments, dict):
        arguments = json.dumps(arguments, ensure_ascii=False)
    known = without_lone_surrogates(name) if isinstance(name, str) else None
    return known, arguments if isinstance(arguments, str) else ""
