"""The types of the context that the helpdesk's tools and instructions get."""

from __future__ import annotations

from typing import TypeAlias

from agents import RunContextWrapper
from agents.tool_context import ToolContext
from chatkit.agents import AgentContext

from assistant.context import RequestContext
from assistant.identity import Caller

# `context.context` is ChatKit's context. It has the thread, and `stream` and `stream_widget` to send events.
HelpdeskToolContext: TypeAlias = ToolContext[AgentContext[RequestContext]]
HelpdeskRunContext: TypeAlias = RunContextWrapper[AgentContext[RequestContext]]


def caller_of(context: HelpdeskRunContext) -> Caller:
    """Return the caller from the verified token. Tools must authorise by nothing else."""
    return context.context.request_context.caller
