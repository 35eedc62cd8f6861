"""Decide which output of a workflow's runs the chat shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agents import Agent, RunResultStreaming
from chatkit.agents import AgentContext
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
    WidgetItem,
)
from pydantic_core import to_json

from assistant import clock
from assistant.agent.client_tools import TooDeepError
from assistant.context import RequestContext
from assistant.nesting import is_deep
from assistant.workflows import Workflow

# Items that are no answer: the steps of a run, and what the user does not see.
_STEPS = ("workflow", "task", "hidden_context_item", "sdk_hidden_context")


class Shown:
    """The output of one turn of a workflow.

    Attributes:
        anything: Whether the user has seen an answer.
    """

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow
        self._hidden: set[str] = set()
        self._messages: dict[str, str] = {}
        self.anything = False

    def take(self, event: ThreadStreamEvent, agent: Agent[Any] | None) -> bool:
        """Tell whether to show an event.

        Args:
            event: The event.
            agent: The agent that runs.
        """
        match event:
            case ThreadItemAddedEvent(item=AssistantMessageItem() as item) if self._is_hidden(agent):
                self._hidden.add(item.id)
                return False
            case ThreadItemUpdatedEvent(item_id=item_id):
                return item_id not in self._hidden
            case ThreadItemDoneEvent(item=AssistantMessageItem() as item):
                if item.id in self._hidden or self._is_hidden(agent):
                    # Chat Completions gives every message the same id.
                    self._hidden.discard(item.id)
                    return False
                self._messages[item.id] = "".join(part.text for part in item.content)
            case _:
                pass
        self.anything = self.anything or self.is_answer(event)
        return True

    def _is_hidden(self, agent: Agent[Any] | None) -> bool:
        return agent is not None and (_is_structured(agent) or agent.name in self._workflow.hide)

    @staticmethod
    def is_answer(event: ThreadStreamEvent) -> bool:
        """Tell whether an event completes something that the user reads as an answer."""
        return isinstance(event, ThreadItemDoneEvent) and event.item.type not in _STEPS

    def output(self, result: RunResultStreaming, context: AgentContext[RequestContext]) -> ThreadStreamEvent | None:
        """Return the event that shows a structured output, or None.

        Raises:
            TooDeepError: the widget could not be stored.
        """
        agent = result.last_agent
        shown = self._workflow.show(agent.name, result.final_output) if _is_structured(agent) else None
        if shown is None:
            return None
        self.anything = True
        fields: dict[str, Any] = {
            "id": context.generate_id("message"),
            "thread_id": context.thread.id,
            "created_at": clock.now(),
        }
        if isinstance(shown, str):
            return ThreadItemDoneEvent(
                item=AssistantMessageItem(content=[AssistantMessageContent(text=shown)], **fields)
            )
        if is_deep(shown):
            raise TooDeepError
        # The model of a later turn reads the output itself.
        text = to_json(result.final_output).decode()
        return ThreadItemDoneEvent(item=WidgetItem(widget=shown, copy_text=text, **fields))

    def without(self, text: str) -> Iterator[ThreadItemRemovedEvent]:
        """Yield the removal of the messages with a text that a guardrail has refused."""
        for item_id, shown in self._messages.items():
            if shown == text:
                yield ThreadItemRemovedEvent(item_id=item_id)


def _is_structured(agent: Agent[Any]) -> bool:
    return agent.output_type is not None and agent.output_type is not str
