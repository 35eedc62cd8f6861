"""The billing agent."""

from __future__ import annotations

from agents import Agent

from assistant.settings import Settings
from helpdesk.specialists.instructions import HelpdeskAgent, with_caller
from helpdesk.tools.invoices import count_invoices, get_invoice, list_invoices, refund_invoice

_INSTRUCTIONS = """\
You are the billing specialist of a helpdesk. You look up invoices and refund them.
A refund needs the invoice's number and a reason; ask for what is missing. The user approves it in a card that
appears by itself. When the user does not approve it, accept that."""


def build_billing_agent(settings: Settings) -> HelpdeskAgent:
    """Return the agent for invoices and refunds."""
    return Agent(
        name="Billing",
        handoff_description="Looks up invoices and refunds them.",
        instructions=with_caller(_INSTRUCTIONS),
        # Without the function `job`, nobody would count.
        tools=[get_invoice, list_invoices, refund_invoice, *([count_invoices] if settings.job_function else [])],
    )
