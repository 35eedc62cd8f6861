"""Run the hook `on_turn_end` of the agents' package after a turn, and look for facts in its message.

The hook runs as a task of its own when the turn's end is stored and its last event is published. So it delays no event
of a stream. The invocation waits for it (`assistant.api.after_turns`), because Lambda freezes the process afterwards.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from assistant.budgets import END_MARGIN_SECONDS, HOOK_SECONDS, LAST_SECONDS, TRACE_FLUSH_SECONDS
from assistant.context import RequestContext, Resources
from assistant.errors import ConfigurationError
from assistant.failures import log_failure
from assistant.hooks import TurnEnd, find_hook
from assistant.identity import Caller

if TYPE_CHECKING:
    from chatkit.types import UserMessageItem

logger = logging.getLogger(__name__)


def turn_end(thread_id: str, turn_id: str, outcome: str, caller: Caller, story: Mapping[str, Any]) -> TurnEnd:
    """Return what the hook is told.

    Args:
        thread_id: The thread.
        turn_id: The turn.
        outcome: How the turn ended.
        caller: The user.
        story: The turn's figures.
    """
    return TurnEnd(
        thread_id=thread_id,
        turn_id=turn_id,
        caller=caller,
        operation=story["operation"],
        outcome=outcome,
        error=story.get("error"),
        seconds=story["seconds"],
        first_delta_seconds=story["first_delta_seconds"],
        provider=story["provider"],
        model=story["model"],
        input_tokens=story["input_tokens"],
        output_tokens=story["output_tokens"],
        model_calls=story["model_calls"],
        dollars=story["dollars"],
        tools=tuple(story["tools"]),
    )


def after_turn(turn: TurnEnd, context: RequestContext) -> None:
    """Start the package's hook, if the package has one. An error in the hook is logged."""
    try:
        hook = find_hook(context.settings, "on_turn_end")
    except ConfigurationError:
        # The package cannot be loaded, which the turn has reported.
        return
    if hook is not None:
        _begin(_call(hook, turn, context), f"hook {turn.turn_id}", context)


def find_facts(turn: TurnEnd, message: UserMessageItem | None, context: RequestContext) -> None:
    """Start to look for facts about the user in the message of a turn that has been answered.

    Nothing starts if `MEMORY_EXTRACTION` is off, if a guardrail has not judged the message, or if the model has kept a
    fact itself.
    """
    if not context.settings.memory_extraction or message is None or turn.outcome != "done":
        return
    if context.report.judged and "remember" not in turn.tools:
        _begin(_extract(message, context), f"facts {turn.turn_id}", context)


async def _extract(message: UserMessageItem, context: RequestContext) -> None:
    from assistant.memory import extract_facts

    try:
        await extract_facts(message, context)
    except Exception as error:
        log_failure(logger, "the search for facts in a message failed", error)


def _begin(what: Coroutine[Any, Any, None], name: str, context: RequestContext) -> None:
    """Start what the invocation waits for."""
    ending = context.resources.ending
    task = asyncio.create_task(what, name=name)
    ending.add(task)
    task.add_done_callback(ending.discard)


async def ended(resources: Resources) -> None:
    """Wait for what follows the turns that have ended."""
    if resources.ending:
        await asyncio.wait(resources.ending)


async def _call(hook: Any, turn: TurnEnd, context: RequestContext) -> None:
    try:
        async with asyncio.timeout(_budget(context)):
            await hook(turn, context)
    except TimeoutError:
        logger.warning("on_turn_end of turn %s was cancelled after its %s s", turn.turn_id, HOOK_SECONDS)
    except Exception as error:
        log_failure(logger, f"on_turn_end of turn {turn.turn_id} failed", error)


def _budget(context: RequestContext) -> float:
    """Return the hook's seconds: fewer if the function's time ends earlier."""
    if context.deadline is None:
        return HOOK_SECONDS
    left = (
        context.deadline + END_MARGIN_SECONDS - TRACE_FLUSH_SECONDS - LAST_SECONDS - asyncio.get_running_loop().time()
    )
    return max(0.0, min(HOOK_SECONDS, left))
