"""Run the input guardrails on earlier messages whose turn ended before its guardrails had finished.

Such a turn stores a mark. The next turn runs the guardrails on the marked message before its model reads the history.
An accepted message stays in the history. A refused message is left out from then on.
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
from assistant.failures import log_failure
from assistant.threads import REFUSAL, is_unjudged

logger = logging.getLogger(__name__)


async def guarded_history(
    history: list[ThreadItem], agent: Agent[Any], store: Store[RequestContext], context: AgentContext[RequestContext]
) -> list[ThreadItem]:
    """Return the history without messages that the agent's guardrails refuse or cannot check.

    Args:
        history: The items for the model.
        agent: The agent that starts the turn. Its guardrails run.
        store: The store for the results.
        context: The turn's context.
    """
    pending = {mark.id: given for mark in history if is_unjudged(mark) and (given := _guardrail_input(mark, history))}
    if not pending or not agent.input_guardrails:
        return history
    found = await asyncio.gather(*(_is_accepted(given, agent, context) for given in pending.values()))
    accepted = dict(zip(pending, found, strict=True))
    thread_id, request = context.thread.id, context.request_context
    items: list[ThreadItem] = []
    for item in history:
        if not is_unjudged(item) or item.id not in accepted:
            items.append(item)
        elif accepted[item.id]:
            await store.delete_thread_item(thread_id, item.id, request)
        else:
            refused = _as_refused(item)
            items.append(refused)
            # If the guardrails failed, leave the message out of this turn only, and keep its mark.
            if accepted[item.id] is False:
                await store.add_thread_item(thread_id, refused, request)
    return newest_turns(items, request.settings.history_max_tokens, whole=True)


def judged_history(history: list[ThreadItem], context: RequestContext) -> list[ThreadItem]:
    """Return the history without messages whose turn ended before its guardrails had finished.

    The guardrails of a workflow are a step of the workflow, so they cannot run on an earlier message.
    """
    if not any(is_unjudged(item) for item in history):
        return history
    items = [_as_refused(item) if is_unjudged(item) else item for item in history]
    return newest_turns(items, context.settings.history_max_tokens, whole=True)


def _as_refused(mark: ThreadItem) -> ThreadItem:
    content = mark.content if isinstance(mark, HiddenContextItem) else {}
    return mark.model_copy(update={"content": {**content, "type": REFUSAL}})


def _guardrail_input(mark: HiddenContextItem, history: Sequence[ThreadItem]) -> list[ThreadItem]:
    """Return the history at the start of the marked turn, or an empty list if its input is not in the history."""
    before = list(history[: [item.id for item in history].index(mark.id)])
    answered = mark.content.get("item")
    if answered is not None:
        found = [item for item in history if item.id == answered]
        # The answers to a form or a client tool come last, even if the item is older.
        return [*(item for item in before if item.id != answered), *found] if found else []
    while before and not isinstance(before[-1], UserMessageItem):
        before.pop()
    return before


async def _is_accepted(
    given: list[ThreadItem], agent: Agent[Any], context: AgentContext[RequestContext]
) -> bool | None:
    """Tell whether the guardrails accept the input. Return None if they failed."""
    try:
        shown = await ItemConverter(context.request_context).to_agent_input(given)
        wrapper = RunContextWrapper(context)
        results = await asyncio.gather(*(each.run(agent, shown, wrapper) for each in agent.input_guardrails))
    except Exception as error:
        log_failure(logger, "the guardrails failed on an earlier message", error)
        return None
    return not any(each.output.tripwire_triggered for each in results)
