"""Turns as a client has them, in one process or in several: the platform's own code on a table, and what came of it.

Two `Process` objects on the same table are two processes to the platform: what runs in a process is kept with its
resources, and nothing else is shared.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from chatkit.types import (
    ClientToolCallItem,
    ErrorEvent,
    InferenceOptions,
    StreamingReq,
    Thread,
    ThreadAddClientToolOutputParams,
    ThreadAddUserMessageParams,
    ThreadCreateParams,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadRetryAfterItemParams,
    ThreadsAddClientToolOutputReq,
    ThreadsAddUserMessageReq,
    ThreadsCreateReq,
    ThreadsRetryAfterItemReq,
    ThreadStreamEvent,
    UserMessageInput,
    UserMessageItem,
    UserMessageTextContent,
)

from assistant import turns
from assistant.aws import keys
from assistant.aws.table import Row
from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.operations import reads
from assistant.settings import Secret, Settings, load_settings
from assistant.threads.store import ThreadStore
from assistant.turns import TurnHandle
from assistant.turns.journal import apply_update
from tests.support import turn_agents
from tests.support.aws import Aws

ANN = Caller("acme", "ann")


def message(text: str, attachments: list[str] | None = None) -> UserMessageInput:
    """Return what a user types."""
    return UserMessageInput(
        content=[UserMessageTextContent(text=text)],
        attachments=attachments or [],
        inference_options=InferenceOptions(),
    )


def creation(text: str, attachments: list[str] | None = None) -> ThreadsCreateReq:
    """Return the request that begins a thread."""
    return ThreadsCreateReq(params=ThreadCreateParams(input=message(text, attachments)))


def addition(thread_id: str, text: str) -> ThreadsAddUserMessageReq:
    """Return the request that goes on with a thread."""
    return ThreadsAddUserMessageReq(params=ThreadAddUserMessageParams(thread_id=thread_id, input=message(text)))


def retry(thread_id: str, item_id: str) -> ThreadsRetryAfterItemReq:
    """Return the request that has a message answered anew."""
    return ThreadsRetryAfterItemReq(params=ThreadRetryAfterItemParams(thread_id=thread_id, item_id=item_id))


def tool_output(thread_id: str, result: Any) -> ThreadsAddClientToolOutputReq:
    """Return the request that answers a client tool call."""
    return ThreadsAddClientToolOutputReq(params=ThreadAddClientToolOutputParams(thread_id=thread_id, result=result))


def scripted_settings(aws: Aws, base_url: str, api: Literal["responses", "chat_completions"]) -> Settings:
    """Return the settings of a process whose agents are `turn_agents`, on a scripted provider at that address."""
    return replace(
        load_settings(aws.environment(LLM_PROVIDER="demo")),
        agent_factory=turn_agents.FACTORY,
        llm_provider="openai",
        openai_api=api,
        openai_api_key=Secret(value="sk-test"),
        openai_base_url=base_url,
    )


@dataclass
class Client:
    """What a client knows after some events, by the protocol's rules.

    Attributes:
        events: All of them, in order.
        items: The items, complete or not.
        complete: The ids of those that are.
    """

    events: list[ThreadStreamEvent] = field(default_factory=list)
    items: dict[str, ThreadItem] = field(default_factory=dict)
    complete: set[str] = field(default_factory=set)

    def take(self, event: ThreadStreamEvent) -> None:
        """Take an event, as it went over the wire."""
        event = type(event).model_validate_json(event.model_dump_json())
        self.events.append(event.model_copy(deep=True))
        match event:
            case ThreadItemAddedEvent(item=item):
                assert item.id not in self.items, f"{item.id} is added twice"
                self.items[item.id] = item
            case ThreadItemUpdatedEvent(item_id=item_id, update=update):
                assert item_id in self.items, f"{item_id} is updated before it is added"
                assert item_id not in self.complete or self.items[item_id].type == "widget", f"{item_id} was done"
                apply_update(self.items[item_id], update)
            case ThreadItemDoneEvent(item=item):
                assert item.id not in self.complete, f"{item.id} is done twice"
                self.items[item.id] = item
                self.complete.add(item.id)
            case ThreadItemReplacedEvent(item=item):
                self.items[item.id] = item
            case ThreadItemRemovedEvent(item_id=item_id):
                self.items.pop(item_id, None)
                self.complete.discard(item_id)

    @property
    def text(self) -> str:
        """What the assistant has said."""
        return text_of(list(self.items.values()))

    @property
    def error(self) -> ErrorEvent | None:
        """The error that came, if one did."""
        return next((event for event in self.events if isinstance(event, ErrorEvent)), None)

    @property
    def types(self) -> list[str]:
        """The events' types, in order."""
        return [event.type for event in self.events]


def text_of(items: list[ThreadItem]) -> str:
    """Return what the assistant says in these items."""
    return "\n".join("".join(part.text for part in item.content) for item in items if item.type == "assistant_message")


def said_by_user(items: list[ThreadItem]) -> list[str]:
    """Return the user's messages among these items."""
    return [
        "".join(part.text for part in item.content if isinstance(part, UserMessageTextContent))
        for item in items
        if isinstance(item, UserMessageItem)
    ]


class Process:
    """One process of the platform, and one caller's requests to it.

    Args:
        settings: Its settings; the table and the model's provider among them.
        caller: Who asks.
    """

    def __init__(self, settings: Settings, caller: Caller = ANN) -> None:
        self.resources = Resources(settings)
        self.caller = caller

    def context(self, seconds: float | None = None) -> RequestContext:
        """Return a new request's context, with that much time for its turn."""
        deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds
        return RequestContext(self.caller, self.resources, deadline=deadline)

    async def start(
        self,
        request: StreamingReq,
        *,
        key: str | None = None,
        frame: str | None = "frame_1",
        seconds: float | None = None,
    ) -> TurnHandle:
        """Start or join a turn."""
        return await turns.start(request, self.context(seconds), idempotency_key=key, frame_id=frame)

    async def run(self, request: StreamingReq, known: list[ThreadItem] | None = None, **more: Any) -> Client:
        """Start or join a turn and follow it to its end, as a client that knows these items."""
        handle = await self.start(request, **more)
        client = await follow(handle, known)
        await handle.wait()
        return client

    async def create(self, text: str, **more: Any) -> str:
        """Begin a thread, wait for the answer, and return the thread's id."""
        handle = await self.start(creation(text), **more)
        await handle.wait()
        return handle.thread_id

    async def say(self, thread_id: str, text: str, **more: Any) -> Client:
        """Say something in a thread and follow the answer."""
        return await self.run(addition(thread_id, text), **more)

    async def cancel(self, thread_id: str) -> bool:
        """Ask for the thread's turn to be stopped."""
        return await turns.cancel(self.context(), thread_id)

    async def thread(self, thread_id: str) -> Thread:
        """Load the thread as a client does."""
        return await reads.get_thread(thread_id, self.context())

    async def shown(self, thread_id: str) -> list[ThreadItem]:
        """Return what a client is shown of a thread after a reload."""
        return (await self.thread(thread_id)).items.data

    async def stored(self, thread_id: str) -> list[ThreadItem]:
        """Return all of the thread's items in the table, hidden ones too, the oldest first."""
        page = await ThreadStore(self.resources).load_thread_items(thread_id, None, 100, "asc", self.context())
        return page.data

    async def user_message(self, thread_id: str) -> UserMessageItem:
        """Return the newest message of the user."""
        items = await self.stored(thread_id)
        return next(item for item in reversed(items) if isinstance(item, UserMessageItem))

    async def pending_call(self, thread_id: str) -> ClientToolCallItem:
        """Return the client tool call that waits."""
        items = await self.stored(thread_id)
        return next(item for item in reversed(items) if isinstance(item, ClientToolCallItem))

    async def turn_row(self, thread_id: str) -> Row:
        """Return the row of the thread's newest turn."""
        pk = self.caller.thread(thread_id).partition
        row = await self.resources.table.get(keys.Key(pk, keys.TURN_SK))
        assert row is not None
        return row

    async def story(self, thread_id: str, turn_id: str) -> Row:
        """Return what is known of a turn that has ended."""
        pk = self.caller.thread(thread_id).partition
        row = await self.resources.table.get(keys.Key(pk, keys.story_sk(turn_id)))
        assert row is not None
        return row

    async def close(self) -> None:
        """Shut the process down as its server does."""
        await turns.close(self.resources)


async def follow(handle: TurnHandle, known: list[ThreadItem] | None = None) -> Client:
    """Follow a turn to its end, as a client that knows these items."""
    client = Client(items={item.id: item for item in known or []})
    async for event in handle.events():
        client.take(event)
    return client


async def until(events: AsyncIterator[ThreadStreamEvent], client: Client, text: str) -> None:
    """Take events until the assistant has said this much."""
    async for event in events:
        client.take(event)
        if text in client.text:
            return
    raise AssertionError(f"the turn ended before it said {text!r}; it said {client.text!r}")


async def eventually(condition: Any, what: str, seconds: float = 20.0) -> Any:
    """Wait until an async condition holds, and return what it returned."""
    loop = asyncio.get_running_loop()
    patience = loop.time() + seconds
    while loop.time() < patience:
        found = await condition()
        if found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"it never came true that {what}")
