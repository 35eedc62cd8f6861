"""The configuration of each run of the Agents SDK."""

from __future__ import annotations

from agents import Model, RunConfig

from assistant.agent.tools import CHECKED_FIRST
from assistant.settings import Settings


def run_config(settings: Settings, model: Model) -> RunConfig:
    """Return the run configuration: the model, the tracing, and when tool guardrails run."""
    return RunConfig(
        model=model,
        tracing_disabled=not settings.agents_tracing,
        trace_include_sensitive_data=settings.log_content,
        tool_execution=CHECKED_FIRST,
    )
