"""Apply the user's choice of a tool: start with the agent that has the tool, and call the tool first.

`assistant.models.choices` checks the choices of a model and of a tool when a message arrives, and applies the choice of
a model. This module needs the agents, so it is not part of `assistant.models`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatkit.types import UserMessageItem

from assistant.errors import InvalidRequestError

if TYPE_CHECKING:
    from agents import Agent, Handoff

    from assistant.settings import Settings


def first_agent(agent: Agent[Any], message: UserMessageItem | None, settings: Settings) -> Agent[Any]:
    """Return the agent that starts the turn. If the user chose a tool, that agent has the tool and calls it first.

    Args:
        agent: The agent that starts a turn without a choice.
        message: The turn's message, if it has one.
        settings: The settings with the allowed tools.

    Raises:
        InvalidRequestError: no agent has the tool.
    """
    choice = message.inference_options.tool_choice if message is not None else None
    if choice is None or choice.id not in settings.allowed_tools:
        return agent
    for each in reachable_agents(agent):
        if any(tool.name == choice.id for tool in each.tools):
            # The SDK resets the choice after the first call, so an answer follows.
            chosen = with_guardrails_of(agent, each)
            return chosen.clone(model_settings=each.model_settings.resolve(_only(choice.id)))
    raise InvalidRequestError(f"No agent here has the tool {choice.id}.")


def with_guardrails_of(agent: Agent[Any], other: Agent[Any]) -> Agent[Any]:
    """Return the other agent with the input guardrails of both.

    The SDK runs only the input guardrails of the starting agent. Another first agent must not bypass those of the
    usual one.
    """
    more = [guardrail for guardrail in agent.input_guardrails if guardrail not in other.input_guardrails]
    return other.clone(input_guardrails=[*more, *other.input_guardrails])


def _only(tool: str) -> Any:
    from agents import ModelSettings

    return ModelSettings(tool_choice=tool)


def reachable_agents(agent: Agent[Any]) -> list[Agent[Any]]:
    """Return an agent and all agents that its handoffs lead to, the nearest first."""
    found = [agent]
    for each in found:
        for handoff in each.handoffs:
            other = handed_to(handoff)
            if other is not None and all(other is not known for known in found):
                found.append(other)
    return found


def handed_to(handoff: Agent[Any] | Handoff[Any, Any]) -> Agent[Any] | None:
    """Return the agent that a handoff leads to, or None if the handoff does not hold an agent.

    A `Handoff` has a public agent name but only a private reference to the agent (openai-agents, 0.24.0). Do not invoke
    the handoff to get the agent: that would run its `on_handoff` callback.
    """
    from agents import Agent

    if isinstance(handoff, Agent):
        return handoff
    reference = handoff._agent_ref
    agent = reference() if reference is not None else None
    return agent if isinstance(agent, Agent) else None
