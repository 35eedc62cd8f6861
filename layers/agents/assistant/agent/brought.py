"""Context that a tool brings to the model: the agents that have the tool read it before the conversation."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from agents import Agent, FunctionTool, TResponseInputItem
from openai.types.responses import EasyInputMessageParam, ResponseInputTextParam

from assistant.agent.tool_choice import reachable_agents
from assistant.context import RequestContext
from assistant.errors import StoreUnavailableError
from assistant.text import CONTEXT_END, CONTEXT_START

logger = logging.getLogger(__name__)

Brings = Callable[[RequestContext], Awaitable[str | None]]
"""Returns a text for the model, or None. The text must not contain the marks of context."""

# The attribute of the tool's function. A copy of the tool keeps its function.
_BRINGS = "assistant_brings"


def bringing(tool: FunctionTool, brings: Brings) -> FunctionTool:
    """Let a tool bring context. The tool is changed in place."""
    setattr(tool.on_invoke_tool, _BRINGS, brings)
    return tool


async def brought_context(agent: Agent[Any], context: RequestContext) -> list[TResponseInputItem]:
    """Return the context that the tools of these agents bring, each text once, as messages with the context marks.

    Args:
        agent: The agent that starts. The tools of the agents that it can hand over to count too.
        context: The turn's request.
    """
    tools = [tool for each in reachable_agents(agent) for tool in each.tools]
    found = [getattr(tool.on_invoke_tool, _BRINGS, None) for tool in tools if isinstance(tool, FunctionTool)]
    wanted = list(dict.fromkeys(each for each in found if each is not None))
    texts = await asyncio.gather(*(_text(brings, context) for brings in wanted))
    return [_message(text) for text in texts if text is not None]


async def _text(brings: Brings, context: RequestContext) -> str | None:
    try:
        return await brings(context)
    except StoreUnavailableError:
        # An answer without this context is better than none.
        logger.warning("the context of a tool could not be read")
        return None


def _message(text: str) -> TResponseInputItem:
    part = ResponseInputTextParam(type="input_text", text=f"{CONTEXT_START}\n{text}\n{CONTEXT_END}")
    return EasyInputMessageParam(type="message", role="user", content=[part])
