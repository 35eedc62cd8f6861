"""Which agents a chosen tool is looked for in."""

from __future__ import annotations

from typing import Any

import pytest
from agents import Agent, GuardrailFunctionOutput, Handoff, function_tool, handoff, input_guardrail
from chatkit.types import InferenceOptions, ToolChoice, UserMessageItem, UserMessageTextContent

from assistant.agent.tool_choice import first_agent, handed_to
from assistant.clock import now
from assistant.errors import InvalidRequestError
from assistant.settings import Settings

SETTINGS = Settings(allowed_tools=("ring", "knock"))


@function_tool
def ring() -> str:
    """Ring the bell."""
    return "ding"


@input_guardrail
def usual(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(None, False)


@input_guardrail
def shared(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(None, False)


@input_guardrail
def own(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(None, False)


def choosing(tool: str) -> UserMessageItem:
    return UserMessageItem(
        id="msg_1",
        thread_id="thr_1",
        created_at=now(),
        content=[UserMessageTextContent(text="Do it")],
        inference_options=InferenceOptions(tool_choice=ToolChoice(id=tool)),
    )


def test_a_handoff_still_tells_which_agent_it_leads_to() -> None:
    agent: Agent[Any] = Agent(name="Far")
    assert handed_to(agent) is agent
    assert handed_to(handoff(agent)) is agent, "the SDK keeps a handoff's agent elsewhere now: see choices.handed_to"


def test_a_handoff_of_a_kind_of_its_own_leads_nowhere_that_is_known() -> None:
    async def invoke(context: Any, arguments: str) -> Agent[Any]:
        raise AssertionError("it was invoked")

    own: Handoff[Any, Any] = Handoff("go", "", {}, invoke, "Far")
    assert handed_to(own) is None


def test_the_nearest_agent_with_the_chosen_tool_begins_and_is_made_to_call_it() -> None:
    far: Agent[Any] = Agent(name="Far", tools=[ring], input_guardrails=[shared, own])
    near: Agent[Any] = Agent(name="Near", handoffs=[handoff(far)])
    desk: Agent[Any] = Agent(name="Desk", handoffs=[near], input_guardrails=[usual, shared])
    far.handoffs.append(handoff(desk))
    first = first_agent(desk, choosing("ring"), SETTINGS)
    assert (first.name, first.model_settings.tool_choice) == ("Far", "ring")
    assert far.model_settings.tool_choice is None, "the choice is one message's"
    assert first.input_guardrails == [usual, shared, own], "a choice is no way around a guardrail"


def test_a_tool_that_no_agent_has_is_refused_and_one_that_is_not_allowed_counts_for_none() -> None:
    desk: Agent[Any] = Agent(name="Desk", tools=[ring])
    with pytest.raises(InvalidRequestError):
        first_agent(desk, choosing("knock"), SETTINGS)
    assert first_agent(desk, choosing("ring"), Settings()) is desk
