"""A router, and the specialists that it hands over to."""

from __future__ import annotations

from typing import Any

from agents import Agent, Handoff, ImageGenerationTool, StopAtTools, Tool, handoff

from assistant.memory import forget, remember
from assistant.settings import Settings

from .drafts import draft_message
from .guardrail import no_card_numbers
from .tools import (
    add_task,
    ask_about_problem,
    complete_task,
    get_browser_info,
    get_employee,
    get_invoice,
    hand_to_human,
    list_tasks,
    open_ticket,
    refund_invoice,
    search_help,
    set_theme,
)


def build_router(settings: Settings) -> Agent[Any]:
    """Return the router. Each specialist can hand back to it."""
    pictures = _pictures(settings)
    draws = "" if pictures else " You cannot draw pictures in this deployment."
    specialists = [
        Agent[Any](name="Tasks", instructions="You manage tasks.", tools=[add_task, list_tasks, complete_task]),
        Agent[Any](name="Employees", instructions="You know the employees.", tools=[get_employee]),
        Agent[Any](name="Billing", instructions="You refund invoices.", tools=[get_invoice, refund_invoice]),
        Agent[Any](
            name="Tech",
            instructions="You solve problems.",
            tools=[open_ticket, ask_about_problem, get_browser_info, hand_to_human],
            tool_use_behavior=StopAtTools(stop_at_tool_names=[ask_about_problem.name, get_browser_info.name]),
        ),
        Agent[Any](
            name="General",
            instructions=f"You answer the rest.{draws}",
            tools=[search_help, set_theme, draft_message, remember, forget, *pictures, *_documents(settings)],
        ),
    ]
    router = Agent[Any](
        name="Router",
        instructions="You hand over to the specialist who has the tools, and answer greetings.",
        input_guardrails=[no_card_numbers],
        handoffs=[_handoff_to(each) for each in specialists],
    )
    for each in specialists:
        each.handoffs.append(_handoff_to(router))
    return router


def _handoff_to(agent: Agent[Any]) -> Handoff[Any, Any]:
    tools = ", ".join(tool.name for tool in agent.tools)
    return handoff(agent, tool_description_override=f"Hand over to {agent.name}. Tools: {tools}.")


def _documents(settings: Settings) -> list[Tool]:
    if not settings.knowledge.on:
        return []
    from assistant.knowledge import search_knowledge

    return [search_knowledge]


def _pictures(settings: Settings) -> list[ImageGenerationTool]:
    if settings.llm_provider != "openai" or settings.openai_api != "responses":
        return []
    tool = ImageGenerationTool({"type": "image_generation", "model": settings.image_model, "partial_images": 2})
    return [tool]
