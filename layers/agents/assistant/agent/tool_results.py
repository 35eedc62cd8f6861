"""Give bad results of tools back to the model (openai-agents, 0.24.0, ends the turn).

- A failed call of a tool in `StopAtTools` ends the turn: the model does not read the error, and no answer comes.
- A failed call of a `function_tool` has no line in the log, and the model does not read what happened.
- A deeply nested value of a tool cannot become text, and the run fails.
- A `SystemExit` of a tool ends the event loop, and with it the process.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from agents import Agent, FunctionTool, FunctionToolResult, RunContextWrapper, ToolsToFinalOutputResult
from agents.tool import (
    default_tool_error_function,
    resolve_function_tool_failure_error_function,
    set_function_tool_failure_error_function,
)
from agents.tool_guardrails import ToolGuardrailFunctionOutput, ToolOutputGuardrail, ToolOutputGuardrailData

from assistant.agent.tool_choice import reachable_agents
from assistant.agent.tools import explain_failure, fail_at_exit, is_failure
from assistant.errors import AssistantError
from assistant.exits import failing_at_exit
from assistant.nesting import is_deep


def fail_at_exits(agents: Iterable[Agent[Any]]) -> None:
    """Let a `sys.exit()` in an agent's instructions or guardrails fail the turn only.

    Args:
        agents: The agents, which are changed in place.
    """
    for agent in agents:
        if callable(agent.instructions):
            agent.instructions = failing_at_exit(agent.instructions)
        for of_input in agent.input_guardrails:
            of_input.guardrail_function = failing_at_exit(of_input.guardrail_function)
        for of_output in agent.output_guardrails:
            of_output.guardrail_function = failing_at_exit(of_output.guardrail_function)


def give_bad_results_back(agents: Iterable[Agent[Any]]) -> None:
    """Change agents and their tools, so that the model reads why a tool failed.

    Args:
        agents: The agents, which are changed in place, and with them the agents that they have as tools.
    """
    for agent in agents:
        if isinstance(agent.tool_use_behavior, dict):
            agent.tool_use_behavior = partial(_stop, frozenset(agent.tool_use_behavior["stop_at_tool_names"]))
        for tool in agent.tools:
            if isinstance(tool, FunctionTool) and _READABLE not in (tool.tool_output_guardrails or ()):
                fail_at_exit(tool)
                tool.tool_output_guardrails = [_READABLE, *(tool.tool_output_guardrails or ())]
                if resolve_function_tool_failure_error_function(tool) is default_tool_error_function:
                    set_function_tool_failure_error_function(tool, explain_failure)
                # Only a private attribute of `Agent.as_tool` has the agent (openai-agents, 0.24.0).
                if isinstance(tool._agent_instance, Agent):
                    give_bad_results_back(reachable_agents(tool._agent_instance))


def _stop(
    names: frozenset[str], _context: RunContextWrapper[Any], results: list[FunctionToolResult]
) -> ToolsToFinalOutputResult:
    for result in results:
        if not names.isdisjoint({result.tool.name, result.tool.qualified_name}) and not is_failure(result.output):
            return ToolsToFinalOutputResult(is_final_output=True, final_output=result.output)
    return ToolsToFinalOutputResult(is_final_output=False)


def _readable(data: ToolOutputGuardrailData) -> ToolGuardrailFunctionOutput:
    if is_deep(data.output):
        error = AssistantError("The tool's result is nested too deeply.")
        return ToolGuardrailFunctionOutput.reject_content(explain_failure(data.context, error))
    return ToolGuardrailFunctionOutput.allow()


_READABLE: ToolOutputGuardrail[Any] = ToolOutputGuardrail(_readable)
