"""A ChatKit client that behaves like the browser component."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2


@dataclass
class ChatKitClient:
    """One thread of one caller.

    Attributes:
        http: A client of the app.
        thread_id: The thread, once there is one.
        events: What the last operation streamed.
    """

    http: httpx2.AsyncClient
    thread_id: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    async def post(self, operation: str, /, **params: Any) -> httpx2.Response:
        """Send an operation."""
        return await self.http.post("/chatkit/api", json={"type": operation, "params": params})

    async def stream(self, kind: str, **params: Any) -> list[dict[str, Any]]:
        """Send a streaming operation and return its events."""
        response = await self.post(kind, **params)
        assert response.status_code == 200, response.text
        lines = [line for line in response.text.split("\n") if line.startswith("data: ")]
        self.events = [json.loads(line.removeprefix("data: ")) for line in lines]
        for event in self.events:
            if event["type"] == "thread.created":
                self.thread_id = event["thread"]["id"]
        return self.events

    async def say(self, text: str, tags: list[dict[str, Any]] | None = None, attachments: Sequence[str] = ()) -> str:
        """Send a message, in a new thread if there is none, and return what the assistant says."""
        content = [{"type": "input_text", "text": text}, *(tags or [])]
        message = {"content": content, "attachments": list(attachments), "inference_options": {}}
        if self.thread_id is None:
            await self.stream("threads.create", input=message)
        else:
            await self.stream("threads.add_user_message", thread_id=self.thread_id, input=message)
        return self.said()

    async def upload(self, name: str, media_type: str, body: bytes) -> str:
        """Upload a file in two phases and return its attachment's id."""
        created = (await self.post("attachments.create", name=name, size=len(body), mime_type=media_type)).json()
        descriptor = created["upload_descriptor"]
        async with httpx2.AsyncClient() as bucket:
            response = await bucket.put(descriptor["url"], content=body, headers=descriptor["headers"])
        assert response.status_code == 200, response.text
        attachment_id: str = created["id"]
        return attachment_id

    async def click(self, item: dict[str, Any], action: dict[str, Any], **form: Any) -> str:
        """Do what an action of a widget does, with a form's values, and return what the assistant says."""
        sent = {"type": action["type"], "payload": {**(action["payload"] or {}), **form}}
        await self.stream("threads.custom_action", thread_id=self.thread_id, item_id=item["id"], action=sent)
        return self.said()

    def said(self) -> str:
        """Return the assistant's words in the last events."""
        items = [item for item in self.done() if item["type"] == "assistant_message"]
        return "".join(part["text"] for item in items for part in item["content"])

    def done(self) -> list[dict[str, Any]]:
        """Return the items that were completed or replaced in the last events."""
        return [each["item"] for each in self.events if each["type"] in ("thread.item.done", "thread.item.replaced")]

    def widget(self) -> dict[str, Any]:
        """Return the last widget item of the last events."""
        found: dict[str, Any] = [item for item in self.done() if item["type"] == "widget"][-1]
        return found

    async def items(self) -> list[dict[str, Any]]:
        """Return the thread's items as the client gets them, the oldest first."""
        response = await self.post("items.list", thread_id=self.thread_id, limit=100, order="asc")
        items: list[dict[str, Any]] = response.json()["data"]
        return items
