"""Tools from an MCP server, as an example: `MCP_SERVER_URL` names one that speaks Streamable HTTP.

Each call has a session of its own. A session that is kept open would not outlive the freeze of a Lambda function, and
belongs to the task that opened it, while many turns share this process.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from agents import Agent, AgentHooks, RunContextWrapper, Tool
from agents.agent import AgentBase
from agents.mcp import MCPServer, MCPServerStreamableHttp
from chatkit.agents import AgentContext
from mcp.types import CallToolResult, GetPromptResult, ListPromptsResult
from mcp.types import Tool as ListedTool

from assistant.agent import explain_failure
from assistant.context import RequestContext
from helpdesk.context import HelpdeskRunContext
from helpdesk.tools.base import show

logger = logging.getLogger(__name__)

# A server lists its tools before the model is asked, so a slow one delays every answer.
REQUEST_SECONDS = 5.0
# A server's tools seldom change; a warm process asks again after this long.
LISTED_FOR_SECONDS = 300.0
# One that is out of reach is left alone for this long: the next turns would all wait for it in vain.
LEFT_ALONE_SECONDS = 30.0


class ShownCalls(AgentHooks[AgentContext[RequestContext]]):
    """Shows the calls of tools that are not the agent's own, which know nothing of the user's screen."""

    async def on_tool_start(self, context: HelpdeskRunContext, agent: Agent[Any], tool: Tool) -> None:
        """Show that a tool is called."""
        if all(tool is not own for own in agent.tools):
            await show(context, f"Calling {tool.name}", "globe")


class SessionPerCall(MCPServer):
    """An MCP server that is connected to for each call, and that nothing depends on while it is out of reach."""

    def __init__(self, url: str) -> None:
        super().__init__(failure_error_function=explain_failure)
        self._url = url
        self._tools: list[ListedTool] = []
        self._list_again_at = float("-inf")

    @property
    def name(self) -> str:
        """The server's address."""
        return self._url

    async def connect(self) -> None:
        """Do nothing: each call connects."""

    async def cleanup(self) -> None:
        """Do nothing: nothing stays open."""

    async def list_tools(
        self, run_context: RunContextWrapper[Any] | None = None, agent: AgentBase[Any] | None = None
    ) -> list[ListedTool]:
        """Return the server's tools; what was known last, or none, while it is out of reach."""
        if time.monotonic() >= self._list_again_at:
            try:
                async with self._session() as session:
                    self._tools = await session.list_tools()
                self._list_again_at = time.monotonic() + LISTED_FOR_SECONDS
            except Exception as error:
                self._list_again_at = time.monotonic() + LEFT_ALONE_SECONDS
                logger.warning("The MCP server is out of reach", extra={"error_type": type(error).__name__})
        return self._tools

    async def call_tool(
        self, tool_name: str, arguments: dict[str, Any] | None, meta: dict[str, Any] | None = None
    ) -> CallToolResult:
        """Call a tool in a session of its own."""
        async with self._session() as session:
            result: CallToolResult = await session.call_tool(tool_name, arguments, meta)
        return result

    async def list_prompts(self) -> ListPromptsResult:
        """Return the server's prompts."""
        async with self._session() as session:
            result: ListPromptsResult = await session.list_prompts()
        return result

    async def get_prompt(self, name: str, arguments: dict[str, Any] | None = None) -> GetPromptResult:
        """Return one of the server's prompts."""
        async with self._session() as session:
            result: GetPromptResult = await session.get_prompt(name, arguments)
        return result

    def _session(self) -> MCPServerStreamableHttp:
        return MCPServerStreamableHttp(
            {"url": self._url, "timeout": REQUEST_SECONDS}, client_session_timeout_seconds=REQUEST_SECONDS
        )
