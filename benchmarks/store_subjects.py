"""The subjects of the store's benchmark: the same operations on our store and on the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from agents import RunConfig, Runner
from chatkit.agents import AgentContext, simple_to_agent_input, stream_agent_response
from chatkit.server import ChatKitServer, StreamingResult
from chatkit.types import ChatKitReq, ThreadItem, ThreadMetadata, ThreadStreamEvent, UserMessageItem, is_streaming_req
from pydantic import TypeAdapter

from assistant import turns
from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.models import build_model
from assistant.operations.dispatch import perform
from benchmarks.store_agent import build_agent
from benchmarks.store_meter import Cost, metered
from benchmarks.store_peers import NaiveStore, SampleStore

_REQUEST: TypeAdapter[Any] = TypeAdapter(ChatKitReq)


@contextmanager
def model_noted(cost: Cost) -> Iterator[None]:
    """Note in a cost when the agents' runner starts, which is when the model is called."""
    run_streamed = Runner.run_streamed

    def noted(*args: Any, **kwargs: Any) -> Any:
        cost.model_called()
        return run_streamed(*args, **kwargs)

    with patch.object(Runner, "run_streamed", noted):
        yield


class Ours:
    """This project, below its HTTP API."""

    name = "ours"

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.caller = Caller("acme", "ann")

    async def fill(self, thread: ThreadMetadata, items: list[ThreadItem]) -> None:
        """Store a thread with items, without being measured."""
        from assistant.aws import keys
        from assistant.threads.store import ThreadStore
        from tests.support.rows import put_items

        await ThreadStore(self.resources).save_thread(thread, RequestContext(self.caller, self.resources))
        put_items(self.resources, keys.ThreadRef("acme", "ann", thread.id).partition, items)

    async def do(self, operation: str, params: dict[str, Any]) -> Cost:
        """Perform an operation and return what it cost."""
        request = _REQUEST.validate_python({"type": operation, "params": params})
        context = RequestContext(self.caller, self.resources)
        with metered(self.resources.table.client) as cost, model_noted(cost):
            if is_streaming_req(request):
                turn = await turns.start(request, context, idempotency_key=None, frame_id=None)
                await turn.wait()
            else:
                await perform(request, context)
        return cost


class _Server(ChatKitServer[Any]):
    """ChatKit's server as its guide shows it: twenty items of history, one agent."""

    def __init__(self, store: SampleStore, resources: Resources) -> None:
        super().__init__(store)
        self._settings = resources.settings
        self._agent = build_agent(resources.settings)

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: Any
    ) -> AsyncIterator[ThreadStreamEvent]:
        page = await self.store.load_thread_items(thread.id, None, 20, "desc", context)
        history = [item for item in reversed(page.data) if item.type == "user_message"]
        agent_context: AgentContext[Any] = AgentContext(thread=thread, store=self.store, request_context=context)
        result = Runner.run_streamed(
            self._agent,
            await simple_to_agent_input(history),
            context=agent_context,
            run_config=RunConfig(model=build_model(self._settings), tracing_disabled=True),
        )
        async for event in stream_agent_response(agent_context, result):
            yield event


class Peer:
    """ChatKit's own server on one of the peers' stores."""

    def __init__(self, name: str, store: SampleStore, resources: Resources) -> None:
        self.name = name
        self.store = store
        self._client = resources.table.client
        self._server = _Server(store, resources)

    async def fill(self, thread: ThreadMetadata, items: list[ThreadItem]) -> None:
        """Store a thread with items, without being measured."""
        await self.store.save_thread(thread, None)
        limit = asyncio.Semaphore(8)

        async def add(item: ThreadItem) -> None:
            async with limit:
                await self.store.add_thread_item(thread.id, item, None)

        await asyncio.gather(*(add(item) for item in items))

    async def do(self, operation: str, params: dict[str, Any]) -> Cost:
        """Perform an operation and return what it cost; in the sample's store each call is one, after the other."""
        body = json.dumps({"type": operation, "params": params})
        on_table = isinstance(self.store, NaiveStore)
        self.store.calls.clear()
        with metered(self._client) as cost:
            if not on_table:
                cost.operations = self.store.calls
            with model_noted(cost):
                result = await self._server.process(body, None)
                if isinstance(result, StreamingResult):
                    async for _ in result:
                        pass
        if not on_table:
            cost.operations = list(self.store.calls)
            cost.hops = len(cost.operations)
            if cost.before_model is not None:
                cost.before_model = (cost.before_model[0], cost.before_model[0])
        return cost
