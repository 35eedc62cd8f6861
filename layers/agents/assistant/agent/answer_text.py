"""The text of the final answer, which output guardrails check after the model has written it.

`OUTPUT_GUARDRAILS=remove` shows the text at once, and removes it if a guardrail refuses it. `hold` shows it only
after the guardrails have accepted it. The Agents SDK checks only the final answer (openai-agents, 0.24.0): text
before a tool call is not checked, so with `hold` it is shown when the tool call comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agents import Agent
from chatkit.types import (
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
)

from assistant.agent.tool_choice import reachable_agents
from assistant.settings import Settings


class AnswerText:
    """Holds back or passes on the events of assistant messages.

    Args:
        agent: The agent that starts the turn.
        settings: The settings.
    """

    def __init__(self, agent: Agent[Any], settings: Settings) -> None:
        guarded = any(each.output_guardrails for each in reachable_agents(agent))
        self._hold = guarded and settings.output_guardrails == "hold"
        self._held: list[ThreadStreamEvent] = []
        self._ids: set[str] = set()

    def take(self, event: ThreadStreamEvent) -> bool:
        """Tell whether to send an event now. If not, `release` returns it later."""
        if not self._hold and isinstance(event, ThreadItemUpdatedEvent):
            return True
        match event:
            case ThreadItemAddedEvent(item=item) | ThreadItemDoneEvent(item=item) if item.type == "assistant_message":
                self._ids.add(item.id)
            case ThreadItemUpdatedEvent(item_id=item_id) if item_id in self._ids:
                pass
            case _:
                return True
        if self._hold:
            self._held.append(event)
        return not self._hold

    def release(self) -> Iterator[ThreadStreamEvent]:
        """Yield the held events. The text so far is not part of the final answer any more."""
        self._ids.clear()
        held, self._held = self._held, []
        yield from held

    def remove(self) -> Iterator[ThreadItemRemovedEvent]:
        """Yield the removal of the shown text, after a guardrail has refused it. Forget the held text."""
        if not self._hold:
            yield from (ThreadItemRemovedEvent(item_id=item_id) for item_id in sorted(self._ids))
        self._held.clear()
        self._ids.clear()
