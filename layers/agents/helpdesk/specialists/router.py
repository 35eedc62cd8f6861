"""The router: reads what the user wants and hands over to the specialist who has the tools for it."""

from __future__ import annotations

from agents import Agent

from assistant.settings import Settings
from helpdesk.specialists.billing import build_billing_agent
from helpdesk.specialists.employees import build_employees_agent
from helpdesk.specialists.general import build_general_agent
from helpdesk.specialists.guardrail import no_card_numbers
from helpdesk.specialists.handoffs import hand_over_to
from helpdesk.specialists.instructions import HelpdeskAgent, with_caller
from helpdesk.specialists.tasks import build_tasks_agent
from helpdesk.specialists.tech import build_tech_agent

_INSTRUCTIONS = """\
You are the front desk of a helpdesk. You have no tools of your own: hand over to the specialist who has the
right ones, without asking back and without announcing it. Greetings you answer yourself."""


def build_router_agent(settings: Settings) -> HelpdeskAgent:
    """Return the router with its specialists, each of whom can hand back to it."""
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
        handoffs=[hand_over_to(specialist) for specialist in specialists],
    )
    for specialist in specialists:
        specialist.handoffs.append(hand_over_to(router))
    return router
