"""The agent for employees and orders."""

from __future__ import annotations

from agents import Agent

from assistant.settings import Settings
from helpdesk.specialists.instructions import HelpdeskAgent, with_caller
from helpdesk.tools.employees import get_employee
from helpdesk.tools.orders import get_order

_INSTRUCTIONS = """\
You are the employee and order support of a helpdesk. You look up employees and orders by number.
When a record is not found, say which number you looked for and ask for the right one."""


def build_employees_agent(settings: Settings) -> HelpdeskAgent:
    """Return the agent that looks up employees and orders."""
    return Agent(
        name="Employees",
        handoff_description="Looks up employees and orders by number.",
        instructions=with_caller(_INSTRUCTIONS),
        tools=[get_employee, get_order],
    )
