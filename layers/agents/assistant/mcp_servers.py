"""Tools from an MCP server, which must support Streamable HTTP: `Agent(mcp_servers=[SessionPerCall(url)])`.

Each call opens its own session. An open session would break when Lambda freezes the process. It would also belong to
the task that opened it, while many turns share the process.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from agents import Agent, AgentHooks, RunContextWrapper, Tool
from agents.agent import AgentBase
from agents.mcp import MCPServer, MCPServerStreamableHttp
from chatkit.agents import AgentContext
from chatkit.types import ProgressUpdateEvent
from mcp.types import CallToolResult, GetPromptResult, ListPromptsResult
from mcp.types import Tool as ListedTool

from assistant.agent import explain_failure
from assistant.context import RequestContext

logger = logging.getLogger(__name__)

# The tools are listed before the model call, so a slow MCP server delays every answer.
REQUEST_SECONDS = 5.0
# An MCP server's tools seldom change. The list is cached this long.
LIST_CACHE_SECONDS = 300.0
# After a failure, wait this long before the next attempt, so that not every turn waits for the timeout.
RETRY_SECONDS = 30.0


class ShownCalls(AgentHooks[AgentContext[RequestContext]]):
    """Shows the progress of MCP tools, which cannot show it themselves."""

    async def on_tool_start(
        self, context: RunContextWrapper[AgentContext[RequestContext]], agent: Agent[Any], tool: Tool
    ) -> None:
        """Show the name of the tool."""
        if all(tool is not own for own in agent.tools):
            await context.context.stream(ProgressUpdateEvent(text=f"Calling {tool.name}", icon="globe"))


class SessionPerCall(MCPServer):
    """An MCP server with one session per call. If the server cannot be reached, the agent works without its tools.

    Args:
        url: The server's address, which begins with http:// or https://.
        headers: Headers of each request, such as `Authorization`.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(failure_error_function=explain_failure)
        self._url = url
        self._headers = dict(headers or {})
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
        """Return the server's tools. If it cannot be reached, return the last known list."""
        if time.monotonic() >= self._list_again_at:
            try:
                async with self._session() as session:
                    self._tools = await session.list_tools()
                self._list_again_at = time.monotonic() + LIST_CACHE_SECONDS
            except Exception as error:
                self._list_again_at = time.monotonic() + RETRY_SECONDS
                logger.warning(
                    "An MCP server cannot be reached: check its address, such as MCP_SERVER_URL",
                    extra={"error_type": type(error).__name__},
                )
        return self._tools

    async def call_tool(
        self, tool_name: str, arguments: dict[str, Any] | None, meta: dict[str, Any] | None = None
    ) -> CallToolResult:
        """Call a tool in its own session."""
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
            {"url": self._url, "headers": self._headers, "timeout": REQUEST_SECONDS},
            client_session_timeout_seconds=REQUEST_SECONDS,
        )
