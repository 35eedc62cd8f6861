"""The model picker and the tool menu: what a message may ask for is what the deployment allows, and nothing else.

`ALLOWED_MODELS` and `ALLOWED_TOOLS` name it; a page offers the same names in its composer's options. Without them a
message takes no choice, so nobody can run a dearer model, or force a tool, by writing a request by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatkit.types import UserMessageItem

from assistant.errors import InvalidRequestError

if TYPE_CHECKING:
    from agents import Agent, Handoff

    from assistant.settings import Settings


def first_agent(agent: Agent[Any], message: UserMessageItem | None, settings: Settings) -> Agent[Any]:
    """Return the agent that begins the turn: the one that has the chosen tool, and calls it first.

    Args:
        agent: The agent that begins any other turn.
        message: The turn's message, if it has one.
        settings: What is allowed.

    Raises:
        InvalidRequestError: no agent has the tool.
    """
    choice = message.inference_options.tool_choice if message is not None else None
    if choice is None or choice.id not in settings.allowed_tools:
        return agent
    for each in _reachable(agent):
        if any(tool.name == choice.id for tool in each.tools):
            # The SDK frees the choice again after the first call, so an answer follows. It runs the input guardrails
            # of the agent that begins, and a choice must not be a way around those of the one that usually does.
            others = [guardrail for guardrail in agent.input_guardrails if guardrail not in each.input_guardrails]
            return each.clone(
                model_settings=each.model_settings.resolve(_only(choice.id)),
                input_guardrails=[*others, *each.input_guardrails],
            )
    raise InvalidRequestError(f"No agent here has the tool {choice.id}.")


def _only(tool: str) -> Any:
    from agents import ModelSettings

    return ModelSettings(tool_choice=tool)


def _reachable(agent: Agent[Any]) -> list[Agent[Any]]:
    """Return an agent and all that it hands over to, at once or by others, the nearest first."""
    found = [agent]
    for each in found:
        for handoff in each.handoffs:
            other = handed_to(handoff)
            if other is not None and all(other is not known for known in found):
                found.append(other)
    return found


def handed_to(handoff: Agent[Any] | Handoff[Any, Any]) -> Agent[Any] | None:
    """Return the agent that a handoff leads to; None where only a call of the handoff would tell.

    The one use of a private name of the Agents SDK here. A `Handoff` names its agent in public and holds it in
    private (openai-agents, 0.24.0); to invoke it for the agent would run what its author does on a handoff.
    """
    from agents import Agent

    if isinstance(handoff, Agent):
        return handoff
    reference = handoff._agent_ref
    agent = reference() if reference is not None else None
    return agent if isinstance(agent, Agent) else None
