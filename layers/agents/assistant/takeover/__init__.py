"""A person answers in a thread, in place of the agent.

A thread asks for a person: by the tool `ask_for_a_person`, or by its user. Users with a role of `SUPPORT_ROLES` see the
threads of their tenant that ask, and no others. While one of them answers, the user's messages are stored and no agent
runs. Importing this package does not load the agents SDK; the tool does.
"""

from typing import TYPE_CHECKING, Any

from assistant.takeover.acts import hand_back, own_waiting, say, take_over
from assistant.takeover.files import file_url
from assistant.takeover.queue import Waiting, ask, find_waiting, list_waiting

if TYPE_CHECKING:
    from assistant.takeover.tool import ask_for_a_person as ask_for_a_person

__all__ = [
    "Waiting",
    "ask",
    "ask_for_a_person",
    "file_url",
    "find_waiting",
    "hand_back",
    "list_waiting",
    "own_waiting",
    "say",
    "take_over",
]


def __getattr__(name: str) -> Any:
    """Return the tool, which loads the agents SDK."""
    if name != "ask_for_a_person":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from assistant.takeover import tool

    return tool.ask_for_a_person
