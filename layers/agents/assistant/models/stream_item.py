"""One output item of a Responses stream, as far as it has arrived: its events in OpenAI's form, and its search."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from assistant.models.surrogates import Joiner

Json = dict[str, Any]

# The parts of a text by kind: the name of their events, and the field that numbers them.
_PARTS = {
    "text": ("response.output_text", "content_index"),
    "summary": ("response.reasoning_summary_text", "summary_index"),
    "content": ("response.reasoning_text", "content_index"),
}


class StreamItem:
    """An item of the stream.

    Attributes:
        kind: Its type.
        place: Its place in the answer, by our count.
        fields: The item in OpenAI's form, as it is known so far.
        arguments: The deltas of a call's arguments.
        done: Whether it has ended.
    """

    def __init__(self, kind: str, place: int, fields: Json, event: Json) -> None:
        self.kind = kind
        self.place = place
        self.fields = fields
        self.arguments: list[str] = []
        self.done = False
        # The deltas of its text, by the index that the server gives a part.
        self._texts: dict[tuple[str, int], list[str]] = {}
        # Parts whose whole text has come. A delta that comes later is late.
        self._whole: set[tuple[str, int]] = set()
        self._joiner = Joiner()
        self._index = number_of(event.get("output_index"))
        self._given_id = _id_in(event)

    def score(self, event: Json) -> int:
        """Return how well an event fits this item: its id counts more than its place."""
        theirs, place = _id_in(event), number_of(event.get("output_index"))
        return 2 * (theirs is not None and theirs == self._given_id) + (place is not None and place == self._index)

    def is_named_by(self, event: Json) -> bool:
        """Tell whether an event names this item by its id and its place, and the item has not ended."""
        named = event.get("item_id") == self._given_id and event.get("output_index") == self._index
        return named and None not in (self._given_id, self._index) and not self.done

    def is_same(self, event: Json) -> bool:
        """Tell whether an event that starts or ends an item means this one."""
        theirs, place = _id_in(event), number_of(event.get("output_index"))
        same_id = theirs == self._given_id or None in (theirs, self._given_id)
        same_place = place == self._index or None in (place, self._index)
        return same_id and same_place

    def at(self, event: Json, **more: Any) -> Json:
        """Return an event with this item's id and place."""
        return {**event, "item_id": self.fields.get("id", ""), "output_index": self.place, **more}

    def part_place(self, part: str, index: int) -> int:
        """Return the place of a part by our count: a server may leave out numbers."""
        known = [each for each in self._texts if each[0] == part]
        return known.index((part, index)) if (part, index) in known else 0

    def text(self, part: str, index: int) -> str:
        """Return the text of a part so far."""
        return "".join(self._texts.get((part, index), ()))

    def begin(self) -> Json:
        """Return the event that starts the item."""
        blank = {**self.fields, "content": []} if self.kind == "message" else {**self.fields}
        if "status" in self.fields:
            blank["status"] = "in_progress"
        return {"type": "response.output_item.added", "output_index": self.place, "item": blank}

    def update(self, fields: Json) -> None:
        """Take an item's later form. It keeps its ids."""
        self.fields = {**fields, **{name: self.fields[name] for name in ("id", "call_id") if name in self.fields}}

    def _write(self, part: str, index: int, delta: str) -> Iterator[Json]:
        """Yield the events of a delta. The first one of a message's part starts the part."""
        known = self._texts.get((part, index))
        if known is None:
            known = self._texts[part, index] = []
            if part == "text":
                place = self.part_place(part, index)
                yield self.at({"type": "response.content_part.added"}, content_index=place, part=_blank(part))
        if text := self._joiner.joined((part, index), delta):
            known.append(text)
            name, field = _PARTS[part]
            yield self.at(
                {"type": f"{name}.delta", "delta": text, "logprobs": []}, **{field: self.part_place(part, index)}
            )

    def write_delta(self, part: str, index: int, delta: str) -> Iterator[Json]:
        """Yield the events of a delta, unless the item or the part has ended."""
        if not self.done and (part, index) not in self._whole:
            yield from self._write(part, index, delta)

    def write_rest(self, part: str, index: int, text: str, *, ends: bool = True) -> Iterator[Json]:
        """Yield what a whole text adds to its deltas.

        Args:
            part: The kind of the part.
            index: The server's index of the part.
            text: The text.
            ends: Whether no more text of this part comes.
        """
        if ends:
            self._whole.add((part, index))
        so_far = self.text(part, index)
        if text.startswith(so_far) and text != so_far:
            yield from self._write(part, index, text[len(so_far) :])

    def finish(self, fields: Json | None) -> Iterator[Json]:
        """End the item with what it has, and with what its last form adds."""
        if self.done:
            return
        self.update({**self.fields, **(fields or {})})
        given = fields or {}
        match self.kind:
            case "message":
                self.fields["content"] = yield from self._finish_parts("text", given.get("content", []))
            case "reasoning":
                self.fields["summary"] = yield from self._finish_parts("summary", given.get("summary", []))
            case "function_call":
                self.fields["arguments"] = self.fields["arguments"] or "".join(self.arguments)
            case _ if fields is None:
                self.fields["status"] = "incomplete"
        self.done = True
        yield {"type": "response.output_item.done", "output_index": self.place, "item": {**self.fields}}

    def _finish_parts(self, kind: str, given: Sequence[Json]) -> Generator[Json, None, list[Json]]:
        """End the texts of the item. A server's last form of a text counts, unless it is empty."""
        indexes = sorted(index for each, index in self._texts if each == kind)
        name, field = _PARTS[kind]
        parts: list[Json] = []
        for number in range(max(len(given), len(indexes))):
            index = indexes[number] if number < len(indexes) else number
            part = given[number] if number < len(given) else _blank(kind)
            yield from self.write_rest(kind, index, part["text"])
            part = {**part, "text": part["text"] if part["text"].strip() else self.text(kind, index)}
            at = {field: self.part_place(kind, index)}
            yield self.at({"type": f"{name}.done", "text": part["text"], "logprobs": []}, **at)
            if kind == "text":
                yield self.at({"type": "response.content_part.done", "part": part}, **at)
            parts.append(part)
        return parts


def item_of(event: Json, items: Sequence[StreamItem], kind: str) -> StreamItem | None:
    """Return the item of a kind that an event belongs to, or None if it is not known.

    An event that has neither an id nor a place belongs to the newest item.
    """
    candidates = [item for item in items if item.kind == kind]
    if not candidates:
        return None
    best = max(candidates, key=lambda item: (item.score(event), not item.done, item.place))
    named = _id_in(event) is not None or number_of(event.get("output_index")) is not None
    return best if best.score(event) or not named else None


def number_of(value: Any) -> int | None:
    """Return a place in a list, or None if the value is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _id_in(event: Json) -> str | None:
    """Return the id of the item that an event names, or None."""
    item = event.get("item")
    found = item.get("id") if isinstance(item, dict) else event.get("item_id")
    return found if isinstance(found, str) and found else None


def _blank(kind: str) -> Json:
    if kind == "text":
        return {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    return {"type": "summary_text", "text": ""}
