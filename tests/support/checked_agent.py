"""An agent whose output guardrail refuses answers with the word `secret`."""

from __future__ import annotations

from typing import Any

from agents import Agent, GuardrailFunctionOutput, RunContextWrapper, output_guardrail

from assistant.settings import Settings
from tests.support.turn_agents import look_up


def build_agent(settings: Settings) -> Agent[Any]:
    """Return the agent."""

    @output_guardrail
    async def no_secret(context: RunContextWrapper[Any], agent: Agent[Any], output: Any) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered="secret" in str(output))

    return Agent(name="Checked", instructions="You help.", tools=[look_up], output_guardrails=[no_secret])
