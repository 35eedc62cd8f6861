"""A package whose parts fail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents import Agent

    from assistant.settings import Settings


def build_agent(settings: Settings) -> Agent[Any]:
    """Return the one agent."""
    from faulty.desk import desk

    return desk(settings)


async def handle_action(thread: Any, action: Any, sender: Any, context: Any) -> AsyncIterator[Any]:
    """Fail, as a hook that runs as a turn."""
    raise KeyError("canary of an action")
    yield


async def handle_sync_action(thread: Any, action: Any, sender: Any, context: Any) -> Any:
    """Fail, as a hook that answers at once."""
    raise LookupError("canary of a sync action")


async def search_entities(query: str, context: Any) -> list[Any]:
    """Fail by an import."""
    import no_such_search  # type: ignore[import-not-found]  # it is not there

    return [no_such_search]


async def on_turn_end(turn: Any, context: Any) -> None:
    """Fail after the turns of one user."""
    if turn.caller.user_id == "late":
        raise OSError("canary of a turn's end")
