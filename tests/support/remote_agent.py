"""An agent with a remote MCP server that OpenAI calls, and that asks for approval of every call."""

from __future__ import annotations

from typing import Any

from agents import Agent, HostedMCPTool

from assistant.settings import Settings


def build_agent(settings: Settings) -> Agent[Any]:
    """Return the agent."""
    shop = HostedMCPTool(
        tool_config={
            "type": "mcp",
            "server_label": "shop",
            "server_url": "https://shop.example/mcp",
            "require_approval": "always",
        }
    )
    return Agent(name="Buyer", instructions="You buy.", tools=[shop])
