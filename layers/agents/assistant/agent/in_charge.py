"""Keep a specialist in charge of a thread after a handoff, if the agents' package asks for it.

The package's `STAYS_IN_CHARGE` lists the names of such agents. The thread's metadata has the name of the agent that
answered last, if that agent is in the list.
"""

from __future__ import annotations

from typing import Any

from agents import Agent
from chatkit.types import ThreadMetadata

from assistant.agent.tool_choice import reachable_agents, with_guardrails_of
from assistant.hooks import find_hook
from assistant.settings import Settings

METADATA_KEY = "in_charge"


def agent_in_charge(agent: Agent[Any], thread: ThreadMetadata, settings: Settings) -> Agent[Any]:
    """Return the agent that starts the turn.

    Args:
        agent: The agent that starts a thread.
        thread: The thread, with the agent that is in charge.
        settings: The settings that name the agents' package.
    """
    name = thread.metadata.get(METADATA_KEY)
    if name is None or name not in _names(settings):
        return agent
    found = next((each for each in reachable_agents(agent) if each.name == name), agent)
    return found if found is agent else with_guardrails_of(agent, found)


def note_agent(agent: Agent[Any], thread: ThreadMetadata, settings: Settings) -> None:
    """Write the agent that answered into the thread's metadata, if it stays in charge."""
    if agent.name in _names(settings):
        thread.metadata[METADATA_KEY] = agent.name
    else:
        thread.metadata.pop(METADATA_KEY, None)


def _names(settings: Settings) -> tuple[str, ...]:
    return tuple(find_hook(settings, "STAYS_IN_CHARGE") or ())
