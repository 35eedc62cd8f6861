"""The tool by which an agent asks for a person."""

from __future__ import annotations

from typing import Annotated

from agents.tool_context import ToolContext
from chatkit.agents import AgentContext
from chatkit.types import ClientEffectEvent

from assistant.agent import assistant_tool
from assistant.context import RequestContext
from assistant.takeover.queue import ask

# The router package handles this client effect.
PERSON_EFFECT = "person.asked"

Context = ToolContext[AgentContext[RequestContext]]


@assistant_tool
async def ask_for_a_person(
    context: Context,
    reason: Annotated[str, "What the user needs, in one or two sentences for the person who reads it."],
) -> str:
    """Ask a person of the staff to answer in this conversation. Call it if the user asks for a person, or if you cannot
    help. A person answers later, perhaps not at once: tell the user so."""
    chat = context.context
    await ask(chat.thread.id, reason, chat.request_context)
    # From now on the page reads the thread every few seconds: no other message tells it of the person's words.
    await chat.stream(ClientEffectEvent(name=PERSON_EFFECT, data={}))
    return "The staff sees this conversation now. Tell the user that a person will answer here as soon as one is free."
