"""The context in which the helpdesk's tools and instructions run."""

from __future__ import annotations

from typing import TypeAlias

from agents import RunContextWrapper
from agents.tool_context import ToolContext
from chatkit.agents import AgentContext

from assistant.context import RequestContext
from assistant.identity import Caller

# `context.context` is ChatKit's: the thread, and `stream` and `stream_widget` to show things as they happen.
HelpdeskToolContext: TypeAlias = ToolContext[AgentContext[RequestContext]]
HelpdeskRunContext: TypeAlias = RunContextWrapper[AgentContext[RequestContext]]


def caller_of(context: HelpdeskRunContext) -> Caller:
    """Return who is calling, from the verified token: the only thing that tools may authorise by."""
    return context.context.request_context.caller
