"""The configuration of each run of the Agents SDK."""

from __future__ import annotations

import copy
import functools
import json
from dataclasses import replace
from typing import Any

from agents import Agent, Handoff, Model, ModelProvider, RunConfig
from agents.run_config import CallModelData, ModelInputData, ToolErrorFormatterArgs

from assistant.agent.tools import CHECKED_FIRST
from assistant.agent.valid_history import valid_history
from assistant.observability import current_turn
from assistant.settings import Settings

# The name of each trace of the Agents SDK.
WORKFLOW = "ChatKit turn"


def run_config(settings: Settings, models: Model | ModelProvider) -> RunConfig:
    """Return the run configuration: the model, the tracing, valid model input, and how tool calls are checked.

    Args:
        settings: The settings.
        models: The model of every agent, or a provider for agents that choose their own model.
    """
    guard = _RunGuard()
    config = copy.copy(_common(settings.agents_tracing, settings.log_content, settings.tracing.on))
    turn = current_turn()
    if turn is not None:
        config.group_id = turn.thread_id
        config.trace_metadata = turn.metadata
    config.tool_error_formatter = guard.describe_error
    config.call_model_input_filter = guard.valid_input
    if isinstance(models, Model):
        config.model = models
    else:
        config.model_provider = models
    return config


@functools.cache
def _common(agents_tracing: bool, texts: bool, open_tracing: bool) -> RunConfig:
    """Return what all runs have in common. The SDK evaluates its type hints for each new `RunConfig`, so copy this."""
    if open_tracing:
        from assistant.otel.agents_spans import install

        install(beside_others=agents_tracing)
    return RunConfig(
        workflow_name=WORKFLOW,
        tracing_disabled=not (agents_tracing or open_tracing),
        trace_include_sensitive_data=texts,
        tool_execution=CHECKED_FIRST,
        tool_not_found_behavior="return_error_to_model",
    )


class _RunGuard:
    """Makes a run's model input valid, and explains a call of a tool that does not exist."""

    def __init__(self) -> None:
        self._agent: Agent[Any] | None = None

    def valid_input(self, call: CallModelData[Any]) -> ModelInputData:
        """Return the input of one model call. The Agents SDK calls this before each request."""
        self._agent = call.agent
        return replace(call.model_data, input=valid_history(call.model_data.input))

    def describe_error(self, args: ToolErrorFormatterArgs[Any]) -> str | None:
        """Return the text that the model reads, or None for the SDK's own text."""
        if args.kind != "tool_not_found":
            return None
        names = [] if self._agent is None else _tool_names(self._agent)
        advice = f"Use one of these tools: {', '.join(names)}." if names else "Answer without a tool."
        message = f"There is no tool named '{args.tool_name}'."
        return json.dumps({"error": "no_such_tool", "message": message, "advice": advice}, ensure_ascii=False)


def _tool_names(agent: Agent[Any]) -> list[str]:
    """Return the names of an agent's tools and handoffs."""
    handoffs = [
        each.tool_name if isinstance(each, Handoff) else Handoff.default_tool_name(each) for each in agent.handoffs
    ]
    return [tool.name for tool in agent.tools] + handoffs
