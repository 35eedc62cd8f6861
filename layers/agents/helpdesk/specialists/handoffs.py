"""Handing a conversation over, and back."""

from __future__ import annotations

from typing import Any

from agents import Handoff, handoff
from chatkit.agents import AgentContext

from assistant.context import RequestContext
from helpdesk.specialists.instructions import HelpdeskAgent


def hand_over_to(agent: HelpdeskAgent) -> Handoff[AgentContext[RequestContext], Any]:
    """Return the handoff to an agent. Its description names the agent's tools, so that a model that looks for
    one finds who has it."""
    tools = ", ".join(tool.name for tool in agent.tools)
    description = f"Hand over to {agent.name}. {agent.handoff_description}"
    return handoff(agent, tool_description_override=f"{description} Tools: {tools}." if tools else description)
