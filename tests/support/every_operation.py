"""A conversation with the demo model in which every operation of the protocol is used: for whole deployments."""

from __future__ import annotations

import base64
from http import HTTPStatus
from typing import Any

import httpx2

from tests.support import wire_schema
from tests.support.strict_client import StrictClient

OPERATIONS = wire_schema.STREAMING | set(wire_schema.ANSWER_TYPES)
# Announced, never sent: where the bucket answers is another matter.
FILE = {"name": "notes.txt", "size": 4, "mime_type": "text/plain"}


async def use_every_operation(http: httpx2.AsyncClient) -> set[str]:
    """Return the operations that were answered as the protocol says, and what they have done is seen to be done.

    Args:
        http: A client whose base is the address of one of the complete endpoints.
    """
    thread = StrictClient(http)
    for task in ("feed the heron", "mend the boat"):
        await thread.say(f"add task {task}")
    await thread.say("list my tasks")
    shown = thread.widget()
    first, second = [row["onClickAction"] for row in shown["widget"]["children"] if row.get("onClickAction")][:2]
    await thread.click(shown, first)
    await _ask(thread, "threads.sync_custom_action", item_id=shown["id"], action=_named(second))

    await thread.say("!tool get_browser_info {}")
    await thread.stream("threads.add_client_tool_output", thread_id=thread.thread_id, result={"language": "de-DE"})
    assert "de-DE" in thread.said()
    await thread.say("!tool ask_about_problem {}")
    answers = {"problem": {"values": ["The page is blank"]}, "since": {"values": ["Today"]}}
    await thread.stream(
        "threads.add_structured_input",
        thread_id=thread.thread_id,
        item_id=thread.item("structured_input")["id"],
        input={"status": "answered", "answers": answers},
    )
    assert thread.said()

    items = (await _ask(thread, "items.list", limit=100, order="asc"))["data"]
    asked = [item["id"] for item in items if item["type"] == "user_message"]
    said = [item["id"] for item in items if item["type"] == "assistant_message"]
    assert len(asked) == 5
    await _ask(thread, "items.feedback", item_ids=[said[-1]], kind="positive")
    await thread.stream("threads.retry_after_item", thread_id=thread.thread_id, item_id=asked[-1])
    await _ask(thread, "threads.update", title="Herons")
    assert (await _ask(thread, "threads.get_by_id"))["title"] == "Herons"
    assert thread.thread_id in [each["id"] for each in (await _ask(thread, "threads.list", thread_id=None))["data"]]

    file = await _ask(thread, "attachments.create", thread_id=None, **FILE)
    await _ask(thread, "attachments.delete", thread_id=None, attachment_id=file["id"])
    audio = base64.b64encode(b"\x1aE\xdf\xa3 some audio").decode()
    heard = await _ask(thread, "input.transcribe", thread_id=None, audio_base64=audio, mime_type="audio/webm")
    assert heard["text"]

    await _ask(thread, "threads.delete")
    gone = await thread.post("threads.get_by_id", thread_id=thread.thread_id)
    assert gone.status_code == HTTPStatus.NOT_FOUND
    return thread.seen & OPERATIONS


def _named(action: dict[str, Any]) -> dict[str, Any]:
    """Return what a client sends of a widget's action."""
    return {"type": action["type"], "payload": action["payload"]}


async def _ask(thread: StrictClient, operation: str, **parameters: Any) -> dict[str, Any]:
    """Send an operation that is answered at once, of this thread unless it is said otherwise."""
    named = {"thread_id": thread.thread_id, **parameters}
    response = await thread.post(operation, **{name: value for name, value in named.items() if value is not None})
    assert response.status_code == HTTPStatus.OK, (operation, response.text)
    answer: dict[str, Any] = response.json()
    return answer
