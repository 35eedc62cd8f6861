"""Let a run go on after a failed call of a tool that ends the turn.

The SDK ends the turn after such a call too (openai-agents, 0.24.0): the model would not read the error, and the user
would get no answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from agents import Agent, FunctionToolResult, RunContextWrapper, ToolsToFinalOutputResult

from assistant.agent.tools import is_failure


def stop_after_success(agents: Iterable[Agent[Any]]) -> None:
    """Change agents that have `StopAtTools`: a failed call ends no turn.

    Args:
        agents: The agents, which are changed in place.
    """
    for agent in agents:
        if isinstance(agent.tool_use_behavior, dict):
            agent.tool_use_behavior = partial(_stop, frozenset(agent.tool_use_behavior["stop_at_tool_names"]))


def _stop(
    names: frozenset[str], _context: RunContextWrapper[Any], results: list[FunctionToolResult]
) -> ToolsToFinalOutputResult:
    for result in results:
        if not names.isdisjoint({result.tool.name, result.tool.qualified_name}) and not is_failure(result.output):
            return ToolsToFinalOutputResult(is_final_output=True, final_output=result.output)
    return ToolsToFinalOutputResult(is_final_output=False)
