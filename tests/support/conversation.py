"""A conversation with a package's agents: the SDK's real runner and ChatKit's real conversion, a scripted model."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from agents import Agent, Model, RunConfig, Runner
from agents.testing import ScriptedModel, assistant_message, function_call
from chatkit.agents import AgentContext, stream_agent_response
from chatkit.server import ChatKitServer
from chatkit.types import ThreadMetadata, ThreadStreamEvent, UserMessageItem, WidgetItem

from assistant.agent.tools import CHECKED_FIRST
from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.threads.store import ThreadStore


class _Events(ChatKitServer[RequestContext]):
    """The SDK's own server, for how it stores what events carry."""

    def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: RequestContext
    ) -> AsyncIterator[ThreadStreamEvent]:
        raise NotImplementedError

    async def store_all(
        self, thread: ThreadMetadata, events: AsyncIterator[ThreadStreamEvent], context: RequestContext
    ) -> list[ThreadStreamEvent]:
        return [event async for event in self._process_events(thread, context, lambda: events)]


def call(tool: str, **arguments: Any) -> Any:
    """Return a model's step that calls a tool, or hands over with `transfer_to_…`."""
    return [function_call(tool, arguments, call_id=f"call_{tool}")]


def say(text: str) -> Any:
    """Return a model's step that says something."""
    return [assistant_message(text)]


@dataclass
class Conversation:
    """One thread of one caller.

    Attributes:
        events: What the last turn or action sent to the client.
        model: The last turn's model, which has recorded its calls.
    """

    resources: Resources
    caller: Caller
    thread: ThreadMetadata
    store: ThreadStore
    events: list[ThreadStreamEvent] = field(default_factory=list)
    model: ScriptedModel = field(default_factory=lambda: ScriptedModel([]))
    final_output: Any = None

    @classmethod
    async def start(cls, resources: Resources, caller: Caller) -> Conversation:
        """Create a thread."""
        store = ThreadStore(resources)
        context = RequestContext(caller, resources)
        thread = ThreadMetadata(id=store.generate_thread_id(context), created_at=datetime.now(UTC))
        await store.save_thread(thread, context)
        return cls(resources, caller, thread, store)

    def context(self) -> AgentContext[RequestContext]:
        """Return a new request's context."""
        request = RequestContext(self.caller, self.resources)
        return cast(
            AgentContext[RequestContext],
            AgentContext(thread=self.thread, store=self.store, request_context=request),
        )

    async def turn(self, agent: Agent[Any], text: str, steps: Sequence[Any]) -> None:
        """Run a turn in which the model does these steps."""
        self.model = ScriptedModel(steps)
        await self.turn_on(agent, text, self.model)
        self.model.assert_complete()

    async def turn_on(self, agent: Agent[Any], text: str, model: Model) -> None:
        """Run a turn on a model."""
        context = self.context()
        run_config = RunConfig(model=model, tracing_disabled=True, tool_execution=CHECKED_FIRST)
        result = Runner.run_streamed(agent, text, context=context, run_config=run_config)
        await self.take(stream_agent_response(context, result))
        self.final_output = result.final_output

    async def run_tool(self, agent: Agent[Any], specialist: str, tool: str, **arguments: Any) -> dict[str, Any]:
        """Have the model hand over and call a tool; return what the model was told."""
        steps = [call(f"transfer_to_{specialist}"), call(tool, **arguments), say("Done.")]
        await self.turn(agent, "please", steps)
        output: dict[str, Any] = json.loads(self.tool_outputs()[-1])
        return output

    async def take(self, events: AsyncIterator[ThreadStreamEvent]) -> None:
        """Store what these events carry, as ChatKit's server does."""
        server = _Events(self.store)
        request = RequestContext(self.caller, self.resources)
        self.events = await server.store_all(self.thread, events, request)

    async def widgets(self) -> list[WidgetItem]:
        """Return the thread's widgets as they are stored, the oldest first."""
        request = RequestContext(self.caller, self.resources)
        page = await self.store.load_thread_items(self.thread.id, None, 50, "asc", request)
        return [item for item in page.data if isinstance(item, WidgetItem)]

    def tool_outputs(self) -> list[str]:
        """Return what the model was told by the tools that it called in the last turn."""
        last = self.model.last_call
        assert last is not None
        return [item["output"] for item in last.input if item.get("type") == "function_call_output"]
