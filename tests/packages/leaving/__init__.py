"""A package whose parts call `sys.exit()`: its routes and searches always, the others if `EXITS` names them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Any

from agents import Agent, GuardrailFunctionOutput, InputGuardrail, RunContextWrapper
from chatkit.types import ProgressUpdateEvent
from fastapi import APIRouter

from assistant.settings import Settings

# What a turn calls and what exits there.
EXITS: set[str] = set()


def build_agent(settings: Settings) -> Agent[Any]:
    """Return the one agent."""
    return Agent(name="Desk", instructions=instructions, input_guardrails=[InputGuardrail(guard)])


def instructions(context: RunContextWrapper[Any], agent: Agent[Any]) -> str:
    """Exit if a test wants it."""
    if "instructions" in EXITS:
        sys.exit(3)
    return "Help."


async def guard(context: RunContextWrapper[Any], agent: Agent[Any], given: Any) -> GuardrailFunctionOutput:
    """Exit if a test wants it."""
    if "guard" in EXITS:
        sys.exit(3)
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered=False)


async def find_sources(text: str, context: Any) -> list[Any]:
    """Exit if a test wants it."""
    if "find_sources" in EXITS:
        sys.exit(3)
    return []


async def handle_action(thread: Any, action: Any, sender: Any, context: Any) -> AsyncIterator[Any]:
    """Exit after an event."""
    yield ProgressUpdateEvent(text="Leaving")
    sys.exit(3)


async def handle_sync_action(thread: Any, action: Any, sender: Any, context: Any) -> Any:
    """Exit in a request that is answered at once."""
    sys.exit(3)


async def search_entities(query: str, context: Any) -> list[Any]:
    """Exit in a search."""
    sys.exit(3)


def build_router() -> APIRouter:
    """Return routes that exit or answer what is no JSON."""
    router = APIRouter()

    @router.get("/leave/{name}")
    async def leave(name: str) -> None:
        sys.exit(3)

    @router.get("/leave-in-a-thread/{name}")
    def leave_in_a_thread(name: str) -> None:
        sys.exit(3)

    @router.get("/set/{name}")
    async def no_json(name: str) -> Any:
        return {"value": sys}

    return router
