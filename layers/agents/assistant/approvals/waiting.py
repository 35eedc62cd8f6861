"""What a run of the agents waits for when it has stopped for approval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agents import Agent, FunctionTool, RunResultStreaming, ToolApprovalItem
from chatkit.agents import AgentContext
from chatkit.types import ThreadItemDoneEvent
from openai.types.responses.response_output_item import McpApprovalRequest

from assistant.context import RequestContext
from assistant.texts import in_language


@dataclass(frozen=True)
class Waiting:
    """A call, or a step of a workflow, that waits for approval.

    Attributes:
        call_id: The call.
        name: The tool's name.
        arguments: The arguments, as JSON.
        effect: What the call will do, in a sentence; may be empty.
    """

    call_id: str
    name: str
    arguments: str | None
    effect: str


def complete_steps(result: RunResultStreaming, context: AgentContext[RequestContext]) -> Iterator[ThreadItemDoneEvent]:
    """Yield the open steps of a run that waits. ChatKit would keep them open for the next turn."""
    if context.workflow_item is not None and result.interruptions:
        item, context.workflow_item = context.workflow_item, None
        item.workflow.expanded = False
        yield ThreadItemDoneEvent(item=item)


def waiting_calls(result: RunResultStreaming, context: AgentContext[RequestContext]) -> list[Waiting]:
    """Return the calls of a run that wait for approval."""
    return [_waiting(each, context) for each in result.interruptions]


def state_of(result: RunResultStreaming) -> dict[str, Any]:
    """Return the state of a run that has stopped for approval, without our context: the resuming request has one."""
    return result.to_state().to_json(context_serializer=lambda _: {}, strict_context=True)


def _waiting(approval: ToolApprovalItem, context: AgentContext[RequestContext]) -> Waiting:
    """Return a call of a run that waits for approval."""
    call_id, name = str(approval.call_id), str(approval.tool_name)
    effect = (
        context.request_context.effects.get(call_id)
        or _remote(approval, context.request_context.language)
        or _first_sentence(approval.agent, name)
    )
    return Waiting(call_id, name, approval.arguments, effect)


def _remote(approval: ToolApprovalItem, language: str) -> str:
    """Return what a remote MCP call does, for the user. Empty for a tool of our own."""
    raw = approval.raw_item
    if not isinstance(raw, McpApprovalRequest):
        return ""
    return in_language(f"Calls the remote server `{raw.server_label}`.", language)


def _first_sentence(agent: Agent[Any], name: str) -> str:
    """Return the start of a tool's description: the rest is often advice to the model. Empty if there is none."""
    described = (tool.description for tool in agent.tools if isinstance(tool, FunctionTool) and tool.name == name)
    words = " ".join(next(described, "").split())
    return f"{words.partition('. ')[0].rstrip('.')}." if words else ""
