"""The router agent. It hands each message over to the specialist that has the right tools."""

from __future__ import annotations

from typing import Any

from agents import Agent, Handoff, handoff
from chatkit.agents import AgentContext

from assistant.context import RequestContext
from assistant.settings import Settings
from helpdesk.specialists.billing import build_billing_agent
from helpdesk.specialists.employees import build_employees_agent
from helpdesk.specialists.general import build_general_agent
from helpdesk.specialists.guardrail import no_card_numbers
from helpdesk.specialists.instructions import HelpdeskAgent, with_caller
from helpdesk.specialists.tasks import build_tasks_agent
from helpdesk.specialists.tech import build_tech_agent

_INSTRUCTIONS = """\
You are the front desk of a helpdesk. You have no tools of your own: hand over to the specialist who has the
right ones, without asking back and without announcing it. Greetings you answer yourself."""


def build_router_agent(settings: Settings) -> HelpdeskAgent:
    """Return the router with its specialists. Each specialist can hand back to the router."""
    specialists = [
        build_tasks_agent(settings),
        build_employees_agent(settings),
        build_billing_agent(settings),
        build_tech_agent(settings),
        build_general_agent(settings),
    ]
    router: HelpdeskAgent = Agent(
        name="Router",
        handoff_description="Finds the right specialist for anything that is not your own subject.",
        instructions=with_caller(_INSTRUCTIONS),
        input_guardrails=[no_card_numbers],
        handoffs=[_handoff_to(specialist) for specialist in specialists],
    )
    for specialist in specialists:
        specialist.handoffs.append(_handoff_to(router))
    return router


def _handoff_to(agent: HelpdeskAgent) -> Handoff[AgentContext[RequestContext], Any]:
    """Return the handoff to an agent. Its description lists the agent's tools, so the model finds the right one."""
    tools = ", ".join(tool.name for tool in agent.tools)
    description = f"Hand over to {agent.name}. {agent.handoff_description}"
    return handoff(agent, tool_description_override=f"{description} Tools: {tools}." if tools else description)
