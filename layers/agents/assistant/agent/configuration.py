"""How the Agents SDK runs an agent here."""

from __future__ import annotations

from agents import Model, RunConfig

from assistant.agent.tools import CHECKED_FIRST
from assistant.settings import Settings


def run_config(settings: Settings, model: Model) -> RunConfig:
    """Return how the SDK is to run an agent here, a turn's as any other: what it traces, and when it checks tools."""
    return RunConfig(
        model=model,
        tracing_disabled=not settings.agents_tracing,
        trace_include_sensitive_data=settings.log_content,
        tool_execution=CHECKED_FIRST,
    )
