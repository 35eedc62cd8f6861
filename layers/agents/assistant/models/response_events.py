"""Read a Responses stream in any server's dialect and return events as OpenAI sends them.

Servers that are compatible with OpenAI's API differ from it, for example:

- the last event has no output, `null` in its place, or no response at all;
- events are missing, doubled or out of order; an item ends that has not started, or has no end;
- `null` or a number comes in place of an item, a part, a delta or an id; the places of the items are wrong;
- items and events are of unknown kinds;
- a whole response comes in place of a stream, or an answer that was not streamed is in the last event only.

The reader keeps what has arrived, and writes the events anew from it. An answer that a user has seen is never lost
because its end is odd. An item that nobody can read is left out. This module knows plain dictionaries only.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator
from typing import Any

from assistant.models.answer_errors import raise_error
from assistant.models.citations import known_citation
from assistant.models.hosted import HOSTED_ITEMS
from assistant.models.response_form import known_response
from assistant.models.response_items import known_item, text_of
from assistant.models.stream_item import StreamItem, item_of, number_of
from assistant.models.surrogates import clean_value
from assistant.nesting import is_deep

Json = dict[str, Any]

# Deltas by the kind of their item and of the part, and the field that numbers the parts.
_DELTAS = {
    "response.output_text": ("message", "text", "content_index"),
    "response.refusal": ("message", "text", "content_index"),
    "response.reasoning_summary_text": ("reasoning", "summary", "summary_index"),
    "response.reasoning_text": ("reasoning", "content", "content_index"),
}
_DELTA_EVENTS = {f"{name}.delta": fields for name, fields in _DELTAS.items()}
_ENDS = ("response.completed", "response.incomplete", "response.failed")


class EventReader:
    """Reads the payloads of one stream, in order.

    Args:
        tools: The types of the request's tools.

    Attributes:
        ended: The answer has ended.
    """

    def __init__(self, tools: Collection[str] = ()) -> None:
        self.ended = False
        self._tools = tools
        self._items: list[StreamItem] = []
        self._response: Json = {}
        # The item of the last delta: the next one mostly belongs to it too.
        self._latest: StreamItem | None = None

    def read(self, payload: Any) -> Iterator[Json]:
        """Yield the events of a payload in OpenAI's form.

        Raises:
            APIError: the payload reports an error.
        """
        if not isinstance(payload, dict) or self.ended:
            return
        kind = payload.get("type")
        if not isinstance(kind, str):
            raise_error(payload)
            if payload.get("object") == "response":
                yield from self._end("response.completed", payload)
            return
        if kind in ("error", "response.error"):
            self.ended = True
            error = payload.get("error")
            fields = error if isinstance(error, dict) else payload
            yield {"type": "error", "param": None, **{name: fields.get(name) for name in ("code", "message")}}
        elif kind in _ENDS:
            yield from self._end(kind, payload.get("response"))
        elif (named := _DELTA_EVENTS.get(kind)) is not None:
            yield from self._delta(*named, payload)
        elif kind.startswith("response."):
            yield from self._event(kind, payload)

    def complete(self) -> Iterator[Json]:
        """Yield the end of an answer whose server has only said that no more comes."""
        if not self.ended:
            yield from self._end("response.completed", self._response)

    def _event(self, kind: str, event: Json) -> Iterator[Json]:
        name, _, stage = kind.rpartition(".")
        match kind:
            case "response.created" | "response.in_progress" | "response.queued":
                if isinstance(event.get("response"), dict):
                    self._response = event["response"]
                    yield {"type": kind, "response": known_response(self._response, "in_progress", [])}
            case "response.output_item.added":
                yield from self._added(event)
            case "response.output_item.done":
                yield from self._done(event)
            case "response.content_part.added" | "response.content_part.done":
                part = event.get("part")
                if not isinstance(part, dict) or part.get("type") != "reasoning_text":
                    yield from self._whole("message", "text", "content_index", event, text_of(part))
            case "response.output_text.annotation.added":
                yield from self._annotation(event)
            case "response.function_call_arguments.delta" | "response.function_call_arguments.done":
                yield from self._arguments(event)
            case _ if name in _DELTAS and stage == "done":
                yield from self._whole(*_DELTAS[name], event, text_of(event))
            case _:
                yield from self._progress(kind, event)

    # Items

    def _begin(self, fields: Json, event: Json) -> StreamItem:
        item = StreamItem(fields["type"], len(self._items), fields, event)
        self._items.append(item)
        return item

    def _added(self, event: Json) -> Iterator[Json]:
        fields = known_item(event.get("item"), self._tools)
        if fields is None:
            return
        same = next((item for item in self._items if item.kind == fields["type"] and item.is_same(event)), None)
        if same is None:
            yield self._begin(fields, event).begin()
        elif not same.done:
            same.update(fields)

    def _done(self, event: Json) -> Iterator[Json]:
        fields = known_item(event.get("item"), self._tools)
        if fields is None:
            return
        item = item_of(event, self._items, fields["type"])
        if item is None or (item.done and not item.is_same(event)):
            item = self._begin(fields, event)
            yield item.begin()
        yield from item.finish(fields)

    def _open(self, kind: str, event: Json) -> StreamItem | None:
        """Return the item of an event if it has not ended."""
        item = item_of(event, self._items, kind)
        return None if item is None or item.done else item

    # Deltas

    def _target(self, kind: str, event: Json) -> Generator[Json, None, StreamItem]:
        """Return the item of a delta. An item that has not started starts now."""
        if self._latest is not None and self._latest.kind == kind and self._latest.is_named_by(event):
            return self._latest
        item = item_of(event, self._items, kind)
        if item is None:
            fields = known_item({"type": kind, "id": event.get("item_id"), "name": event.get("name")})
            item = self._begin(fields or {"type": kind}, event)
            yield item.begin()
        self._latest = item
        return item

    def _delta(self, kind: str, part: str, index: str, event: Json) -> Iterator[Json]:
        delta = event.get("delta")
        if isinstance(delta, str) and delta:
            item = yield from self._target(kind, event)
            yield from item.write_delta(part, number_of(event.get(index)) or 0, delta)

    def _whole(self, kind: str, part: str, index: str, event: Json, text: str | None) -> Iterator[Json]:
        if text:
            item = yield from self._target(kind, event)
            if not item.done:
                ends = event["type"].endswith(".done")
                yield from item.write_rest(part, number_of(event.get(index)) or 0, text, ends=ends)

    def _arguments(self, event: Json) -> Iterator[Json]:
        item = yield from self._target("function_call", event)
        delta, whole = event.get("delta"), event.get("arguments")
        if item.done:
            return
        if isinstance(delta, str):
            item.arguments.append(delta)
            yield item.at({"type": "response.function_call_arguments.delta", "delta": delta})
        elif isinstance(whole, str) and whole:
            item.arguments = [whole]

    def _annotation(self, event: Json) -> Iterator[Json]:
        item, cited = self._open("message", event), known_citation(event.get("annotation"))
        if item is not None and cited is not None:
            place = item.part_place("text", number_of(event.get("content_index")) or 0)
            yield item.at({"type": event["type"], "annotation": cited}, content_index=place, annotation_index=0)

    def _progress(self, kind: str, event: Json) -> Iterator[Json]:
        """Pass on what a tool that runs at the provider reports."""
        called = kind.split(".")[1].removesuffix("_arguments").removesuffix("_code")
        if called not in HOSTED_ITEMS and called != "image_generation_call":
            return
        if kind.endswith("partial_image") and not isinstance(event.get("partial_image_b64"), str):
            return
        item = self._open(called, event)
        if item is not None and not is_deep(event):
            yield item.at(clean_value(event), partial_image_index=number_of(event.get("partial_image_index")) or 0)

    # The end

    def _end(self, kind: str, given: Any) -> Iterator[Json]:
        response: Json = given if isinstance(given, dict) else self._response
        status = response.get("status")
        if kind == "response.completed" and status in ("incomplete", "failed"):
            kind = f"response.{status}"
        output = response.get("output")
        left = list(self._items)
        for at, each in enumerate(output if isinstance(output, list) else ()):
            fields = known_item(each, self._tools)
            if fields is None:
                continue
            event = {"output_index": at, "item": each}
            same = [item for item in left if item.kind == fields["type"]]
            item = max(same, key=lambda item: (item.score(event), -item.place), default=None)
            if item is None:
                item = self._begin(fields, {})
                yield item.begin()
            else:
                left.remove(item)
            yield from _settled(kind, item, fields)
        for item in left:
            yield from _settled(kind, item, None)
        self.ended = True
        whole = [item.fields for item in self._items] if kind == "response.completed" else []
        yield {"type": kind, "response": known_response(response, kind.rpartition(".")[2], whole)}


def _settled(kind: str, item: StreamItem, fields: Json | None) -> Iterator[Json]:
    """End an item, or show the rest of its text if the answer is incomplete."""
    if kind == "response.completed":
        yield from item.finish(fields)
    elif item.kind == "message" and not item.done:
        for index, part in enumerate((fields or {}).get("content", ())):
            yield from item.write_rest("text", index, part["text"])
