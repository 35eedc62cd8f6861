"""A ChatKit client that validates every answer with the SDK's types, and records which parts of the protocol it saw."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.support import wire_schema
from tests.support.chatkit_client import ChatKitClient
from tests.support.sse import frames

# A time without an offset would be read as the browser's own.
_AWARE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@dataclass
class StrictClient(ChatKitClient):
    """One thread of one caller.

    Attributes:
        seen: The operations that succeeded, and the events, items and updates that came.
    """

    seen: set[str] = field(default_factory=set)

    async def post(self, operation: str, /, **params: Any) -> httpx2.Response:
        """Send an operation. One that is answered at once must be answered by what the protocol says."""
        response = await super().post(operation, **params)
        if response.status_code == 200 and operation not in wire_schema.STREAMING:
            answer = response.json()
            wire_schema.check(answer, wire_schema.validator(wire_schema.ANSWER_TYPES[operation]))
            self.seen.add(operation)
            self._note(_items_of(answer))
        return response

    async def stream(self, kind: str, **params: Any) -> list[dict[str, Any]]:
        """Send a streaming operation and return its events, each as the protocol says."""
        response = await self.post(kind, **params)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"].startswith("text/event-stream")
        self.events = frames(response.text)
        for event in self.events:
            wire_schema.check(event, wire_schema.event_validator())
            self.seen.add(event["type"])
            self._note(_items_of(event))
            if event["type"] == "thread.item.updated":
                self.seen.add(event["update"]["type"])
            if event["type"] == "thread.created":
                self.thread_id = event["thread"]["id"]
        self.seen.add(kind)
        return self.events

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the last operation's events of a kind."""
        return [event for event in self.events if event["type"] == kind]

    def updates(self, kind: str) -> list[dict[str, Any]]:
        """Return the last operation's item updates of a kind."""
        return [event["update"] for event in self.of("thread.item.updated") if event["update"]["type"] == kind]

    def item(self, kind: str) -> dict[str, Any]:
        """Return the one item of a kind that the last operation completed."""
        (found,) = (item for item in self.done() if item["type"] == kind)
        return found

    def _note(self, items: Iterable[dict[str, Any]]) -> None:
        for item in items:
            assert _AWARE.fullmatch(item["created_at"]), item["created_at"]
            assert item["type"] not in ("hidden_context_item", "sdk_hidden_context"), (
                "a client was shown hidden context"
            )
            self.seen.add(item["type"])


def _items_of(answer: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Return the thread items in an answer or an event."""
    if "item" in answer:
        return [answer["item"]]
    if "updated_item" in answer:
        return [answer["updated_item"]]
    page = answer.get("thread", answer).get("items", answer)
    found = page.get("data", []) if isinstance(page, dict) else []
    return [each for each in found if "thread_id" in each]
