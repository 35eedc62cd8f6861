"""General questions."""

from __future__ import annotations

from agents import Agent

from assistant.settings import Settings
from helpdesk.specialists.instructions import HelpdeskAgent, with_caller
from helpdesk.tools.drafts import draft_message
from helpdesk.tools.help import search_help, set_theme

_INSTRUCTIONS = """\
You answer general questions about the company from the help centre. Search it first, and say so when it has
nothing; do not guess. You can also make the page light or dark, and write letters
and e-mails with draft_message."""


def build_general_agent(settings: Settings) -> HelpdeskAgent:
    """Return the agent for everything that the help centre knows."""
    agent: HelpdeskAgent = Agent(
        name="General",
        handoff_description=(
            "Answers general questions: opening hours, returns, shipping, contact, the page's look; writes letters."
        ),
        instructions=with_caller(_INSTRUCTIONS),
        tools=[search_help, set_theme, draft_message],
    )
    if settings.mcp_server_url:
        # The MCP client is half a second's import, so only who uses it pays for it.
        from helpdesk.tools.mcp import SessionPerCall

        agent.mcp_servers.append(SessionPerCall(settings.mcp_server_url))
    return agent
