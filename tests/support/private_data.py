"""A caller's private data: a conversation, a file and a task, and requests that name them."""

from __future__ import annotations

from typing import Any, NamedTuple

from chatkit.types import ClientToolCallItem, StructuredInputFreeform, StructuredInputItem, ThreadItem, WidgetItem
from chatkit.widgets import Card, Text

from assistant.api import create_upload_app
from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.ids import new_id
from assistant.memory import add_fact
from assistant.shares import share_thread
from assistant.threads.store import ThreadStore
from tests.support.asgi import client
from tests.support.conversations import answered, new_thread, now, said
from tests.support.files import PNG
from tests.support.issuer import Issuer

MESSAGE: dict[str, Any] = {
    "content": [{"type": "input_text", "text": "Hi"}],
    "attachments": [],
    "inference_options": {},
}


class Conversation(NamedTuple):
    """A thread of one caller with an item of each kind that an operation asks for."""

    thread_id: str
    message: ThreadItem
    answer: ThreadItem
    widget: ThreadItem
    question: ThreadItem
    call: ThreadItem
    attachment_id: str
    fact_id: str = ""
    share_id: str = ""


async def converse(resources: Resources, issuer: Issuer, caller: Caller, words: str = "secret") -> Conversation:
    """Store a conversation with these words and a file of a caller, and return them."""
    token = issuer.token(sub=caller.user_id, tenant_id=caller.tenant_id)
    async with client(create_upload_app(resources), Authorization=f"Bearer {token}") as upload:
        sent = await upload.post("/chatkit/api/upload", files={"file": ("a.png", PNG, "image/png")})
    thread, store, context = new_thread(title="private"), ThreadStore(resources), RequestContext(caller, resources)
    common: dict[str, Any] = {"thread_id": thread.id, "created_at": now()}
    made = Conversation(
        thread_id=thread.id,
        message=said(thread.id, words),
        answer=answered(thread.id, f"{words} too"),
        widget=WidgetItem(id=new_id("msg"), widget=Card(children=[Text(value=words)]), **common),
        question=StructuredInputItem(
            id=new_id("msg"), inputs=[StructuredInputFreeform(id="q", question="?")], **common
        ),
        call=ClientToolCallItem(id=new_id("tc"), call_id="c", name="tool", arguments={}, **common),
        attachment_id=sent.json()["id"],
        fact_id=(await add_fact(f"{words} fact", context, source="asked", thread_id=thread.id)).id,
    )
    await store.save_thread(thread, context)
    for item in (made.message, made.answer, made.widget, made.question, made.call):
        await store.add_thread_item(thread.id, item, context)
    return made._replace(share_id=(await share_thread(thread.id, context)).row["id"])


def guesses(theirs: Conversation) -> dict[str, dict[str, Any]]:
    """Return the parameters that name somebody else's things, by operation."""
    thread = {"thread_id": theirs.thread_id}
    click = {"type": "tasks.add", "payload": {"title": "A task"}}
    action = {"action": click, "item_id": theirs.widget.id}
    answers = {"status": "answered", "answers": {"q": {"values": ["x"]}}}
    return {
        "threads.create": {"input": {**MESSAGE, "attachments": [theirs.attachment_id]}},
        "threads.add_user_message": {**thread, "input": MESSAGE},
        "threads.add_client_tool_output": {**thread, "result": {"taken": "over"}},
        "threads.add_structured_input": {**thread, "item_id": theirs.question.id, "input": answers},
        "threads.retry_after_item": {**thread, "item_id": theirs.message.id},
        "threads.custom_action": {**thread, **action},
        "threads.sync_custom_action": {**thread, **action},
        "threads.get_by_id": thread,
        "threads.update": {**thread, "title": "mine now"},
        "threads.delete": thread,
        "items.list": thread,
        "items.feedback": {**thread, "item_ids": [theirs.answer.id], "kind": "negative"},
        "attachments.delete": {"attachment_id": theirs.attachment_id},
    }
