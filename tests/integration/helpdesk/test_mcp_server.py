"""A tool of a real MCP server, called by the general specialist."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from chatkit.types import ProgressUpdateEvent
from mcp.server.mcpserver import MCPServer

from assistant.context import Resources
from assistant.identity import Caller
from assistant.mcp_servers import SessionPerCall
from helpdesk import build_agent
from tests.support.conversation import Conversation, call, say
from tests.support.mcp_server import served

pytestmark = pytest.mark.anyio


@pytest.fixture
async def mcp_url() -> AsyncIterator[str]:
    """A server with one tool, on a port of its own."""
    server = MCPServer("weather")

    @server.tool()
    def weather(city: str) -> str:
        """Say what the weather is in a city."""
        if city == "Atlantis":
            raise ValueError("no such city")
        return f"It is sunny in {city}."

    async with served(server) as url:
        yield url


async def test_a_tool_of_the_server_is_called_like_any_other(resources: Resources, mcp_url: str) -> None:
    conversation = await Conversation.start(resources, Caller("acme", "ann"))
    agent = build_agent(replace(resources.settings, mcp_server_url=mcp_url))
    steps = [
        call("transfer_to_general"),
        call("weather", city="Rome"),
        say("Sunny."),
    ]
    await conversation.turn(agent, "weather in Rome?", steps)
    assert "It is sunny in Rome." in json.dumps(conversation.tool_outputs())
    assert conversation.final_output == "Sunny."
    shown = [event.text for event in conversation.events if isinstance(event, ProgressUpdateEvent)]
    assert shown == ["Calling weather"]
    steps = [call("transfer_to_general"), call("weather", city="Atlantis"), say("There is none.")]
    await conversation.turn(agent, "weather in Atlantis?", steps)
    assert conversation.final_output == "There is none."


async def test_a_server_out_of_reach_stops_no_turn(resources: Resources) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/mcp"
        conversation = await Conversation.start(resources, Caller("acme", "ann"))
        agent = build_agent(replace(resources.settings, mcp_server_url=url))
        steps = [call("transfer_to_general"), call("search_help", question="opening hours"), say("Weekdays.")]
        await conversation.turn(agent, "when are you open?", steps)
    assert conversation.final_output == "Weekdays."


async def test_a_server_that_has_failed_is_left_alone_for_a_while() -> None:
    """Without it each turn would wait for it again, for as long as it is down."""
    connections = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as down:
        server = SessionPerCall(f"http://127.0.0.1:{down.sockets[0].getsockname()[1]}/mcp")
        assert await server.list_tools() == []
        asked = connections
        assert asked > 0
        assert await server.list_tools() == []
        assert connections == asked
