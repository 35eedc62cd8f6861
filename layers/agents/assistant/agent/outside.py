"""Note what a run reads that its user did not write: results of MCP servers, of tools that say so, and
of tools that run at OpenAI.

The hooks run before a tool of the same answer asks for approval, and before a later model call reads the result.
"""

from __future__ import annotations

from typing import Any

from agents import Agent, AgentHookContext, ModelResponse, RunContextWrapper, RunHooks, Tool
from agents.tool import FunctionTool, ToolOriginType, get_function_tool_origin

from assistant.agent.tool_choice import reachable_agents
from assistant.context import MCP, WEB, RequestContext
from assistant.models import APPROVAL_REQUEST, HOSTED_CALLS

# Lists the tools of a remote server: the model reads their descriptions.
_OF_REMOTE_SERVERS = frozenset({"mcp_call", "mcp_list_tools", APPROVAL_REQUEST})


# The attribute of a tool's function with the source of its results. A copy of the tool keeps its function.
_READS = "assistant_reads"


def reading(tool: FunctionTool, source: str) -> None:
    """Let the results of a tool count as texts that the user did not write."""
    setattr(tool.on_invoke_tool, _READS, source)


class OutsideHooks(RunHooks[Any]):
    """The hooks of a run, with the hooks that a workflow gives, if any.

    Args:
        request: The turn's request.
        given: The workflow's hooks.
    """

    def __init__(self, request: RequestContext, given: RunHooks[Any] | None = None) -> None:
        self._request = request
        self._given: RunHooks[Any] = RunHooks() if given is None else given

    async def on_tool_start(self, context: RunContextWrapper[Any], agent: Agent[Any], tool: Tool) -> None:
        """Note the call of an MCP server's tool, and of an agent that has such tools."""
        if isinstance(tool, FunctionTool):
            self._note_call(tool, agent)
        await self._given.on_tool_start(context, agent, tool)

    def _note_call(self, tool: FunctionTool | None, agent: Agent[Any]) -> None:
        """Note the sources of a tool; None for a tool of an MCP server, or for a handoff."""
        unknown = {MCP} if agent.mcp_servers else set()
        for source in unknown if tool is None else _sources_of(tool):
            self._request.read_outside(source)

    async def on_llm_end(self, context: RunContextWrapper[Any], agent: Agent[Any], response: ModelResponse) -> None:
        """Note what the provider's own tools have read for this answer, and what its calls will read."""
        tools = {tool.name: tool for tool in agent.tools if isinstance(tool, FunctionTool)}
        for item in response.output:
            kind = item.get("type") if isinstance(item, dict) else item.type
            if kind in _OF_REMOTE_SERVERS:
                self._request.read_outside(MCP)
            elif kind in HOSTED_CALLS:
                self._request.read_outside(WEB)
            elif kind == "function_call":
                name = item["name"] if isinstance(item, dict) else getattr(item, "name", "")
                self._note_call(tools.get(name), agent)
        await self._given.on_llm_end(context, agent, response)

    async def on_llm_start(self, *given: Any, **named: Any) -> None:
        """Pass on."""
        await self._given.on_llm_start(*given, **named)

    async def on_agent_start(self, context: AgentHookContext[Any], agent: Agent[Any]) -> None:
        """Pass on."""
        await self._given.on_agent_start(context, agent)

    async def on_agent_end(self, context: AgentHookContext[Any], agent: Agent[Any], output: Any) -> None:
        """Pass on."""
        await self._given.on_agent_end(context, agent, output)

    async def on_handoff(self, *given: Any, **named: Any) -> None:
        """Pass on."""
        await self._given.on_handoff(*given, **named)

    async def on_tool_end(self, context: RunContextWrapper[Any], agent: Agent[Any], tool: Tool, result: Any) -> None:
        """Pass on."""
        await self._given.on_tool_end(context, agent, tool, result)


def _sources_of(tool: FunctionTool) -> set[str]:
    """Return where the results of a tool come from, if they come from outside."""
    if (declared := getattr(tool.on_invoke_tool, _READS, None)) is not None:
        return {declared}
    origin = get_function_tool_origin(tool)
    if origin is not None and origin.type is ToolOriginType.MCP:
        return {MCP}
    nested = tool._agent_instance
    if not isinstance(nested, Agent):
        return set()
    found: set[str] = set()
    # A run inside of a tool has no hooks of ours.
    for agent in reachable_agents(nested):
        found |= {MCP} if agent.mcp_servers else set()
        found |= {WEB} if any(not isinstance(each, FunctionTool) for each in agent.tools) else set()
    return found
