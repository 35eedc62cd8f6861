"""What came in and was not judged then: its turn ended before the agent's input guardrails had come to their end.

Such a turn leaves a mark. The next one has the guardrails judge what came in as they would have, before its own model
reads it: what they let in is read from then on, what they refuse is left out for good.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from agents import Agent, RunContextWrapper
from chatkit.agents import AgentContext
from chatkit.store import Store
from chatkit.types import HiddenContextItem, ThreadItem, UserMessageItem

from assistant.agent.conversion import ItemConverter
from assistant.agent.history import newest_turns
from assistant.context import RequestContext
from assistant.observability import log_failure
from assistant.threads import REFUSAL, is_unjudged

logger = logging.getLogger(__name__)


async def judged_history(
    history: list[ThreadItem], agent: Agent[Any], store: Store[RequestContext], context: AgentContext[RequestContext]
) -> list[ThreadItem]:
    """Return a history in which nothing stands that the agent's guardrails have not let in.

    Args:
        history: What the model would get to see.
        agent: The agent that begins the turn, by whose guardrails it is judged.
        store: Where the verdicts are kept.
        context: The turn.
    """
    asked = {mark.id: given for mark in history if is_unjudged(mark) and (given := _came_in(mark, history))}
    if not asked or not agent.input_guardrails:
        return history
    found = await asyncio.gather(*(_is_let_in(given, agent, context) for given in asked.values()))
    verdicts = dict(zip(asked, found, strict=True))
    thread_id, request = context.thread.id, context.request_context
    items: list[ThreadItem] = []
    for item in history:
        if not is_unjudged(item) or item.id not in verdicts:
            items.append(item)
        elif verdicts[item.id]:
            await store.delete_thread_item(thread_id, item.id, request)
        else:
            refused = item.model_copy(update={"content": {**item.content, "type": REFUSAL}})
            items.append(refused)
            # What could not be judged is left out this time, and keeps its mark.
            if verdicts[item.id] is False:
                await store.add_thread_item(thread_id, refused, request)
    return newest_turns(items, request.settings.history_max_tokens, whole=True)


def _came_in(mark: HiddenContextItem, history: Sequence[ThreadItem]) -> list[ThreadItem]:
    """Return the history as it was when a turn began; nothing, if what came in then is not in it."""
    before = list(history[: [item.id for item in history].index(mark.id)])
    answered = mark.content.get("item")
    if answered is not None:
        found = [item for item in history if item.id == answered]
        # Answers are the last that their turn reads, whenever they were asked for.
        return [*(item for item in before if item.id != answered), *found] if found else []
    while before and not isinstance(before[-1], UserMessageItem):
        before.pop()
    return before


async def _is_let_in(given: list[ThreadItem], agent: Agent[Any], context: AgentContext[RequestContext]) -> bool | None:
    """Return the guardrails' verdict; None if they could not come to one."""
    try:
        shown = await ItemConverter(context.request_context).to_agent_input(given)
        wrapper = RunContextWrapper(context)
        results = await asyncio.gather(*(each.run(agent, shown, wrapper) for each in agent.input_guardrails))
    except Exception as error:
        log_failure(logger, "what came in earlier could not be judged", error)
        return None
    return not any(each.output.tripwire_triggered for each in results)
