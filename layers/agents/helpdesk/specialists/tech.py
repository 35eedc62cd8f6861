"""The agent for technical support."""

from __future__ import annotations

from agents import Agent, StopAtTools

from assistant.settings import Settings
from helpdesk.specialists.instructions import HelpdeskAgent, with_caller
from helpdesk.tools.tickets import (
    ask_about_problem,
    get_browser_info,
    get_ticket,
    hand_to_human,
    list_tickets,
    open_ticket,
)

_INSTRUCTIONS = """\
You are the technical specialist of a helpdesk. You find out what is wrong and open a ticket for the support team.
When you know too little, ask with ask_about_problem; for a problem with our page, get_browser_info helps.
Put all that you know into the ticket's details."""


def build_tech_agent(settings: Settings) -> HelpdeskAgent:
    """Return the agent for technical problems and tickets."""
    return Agent(
        name="Tech",
        handoff_description="Solves technical problems and opens tickets.",
        instructions=with_caller(_INSTRUCTIONS),
        tools=[open_ticket, get_ticket, list_tickets, ask_about_problem, get_browser_info, hand_to_human],
        # Both tools wait for the user or the browser. Their answer starts a new turn.
        tool_use_behavior=StopAtTools(
            stop_at_tool_names=[ask_about_problem.name, get_browser_info.name],
        ),
    )
