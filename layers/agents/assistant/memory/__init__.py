"""The memory: short facts about a user. The user sees, changes and removes them, and switches the memory off.

An agents' package adds the tools `remember` and `forget` to an agent. A deployment without them stores nothing here,
and its turns read nothing. Importing this package does not load the agents SDK; the two tools do.
"""

from typing import TYPE_CHECKING, Any

from assistant.memory.card import FORGET, forgotten_card
from assistant.memory.moving import take_facts_along
from assistant.memory.rows import (
    MAX_FACT_CHARACTERS,
    MAX_FACTS,
    Fact,
    Memory,
    add_fact,
    change_fact,
    load_memory,
    remove_fact,
    switch_memory,
)

if TYPE_CHECKING:
    from assistant.memory.extraction import extract_facts as extract_facts
    from assistant.memory.tools import forget as forget
    from assistant.memory.tools import remember as remember

__all__ = [
    "FORGET",
    "MAX_FACTS",
    "MAX_FACT_CHARACTERS",
    "Fact",
    "Memory",
    "add_fact",
    "change_fact",
    "extract_facts",
    "forget",
    "forgotten_card",
    "load_memory",
    "remember",
    "remove_fact",
    "switch_memory",
    "take_facts_along",
]


def __getattr__(name: str) -> Any:
    """Return one of the tools, or the extraction. Both load more than a read needs."""
    if name in ("remember", "forget"):
        from assistant.memory import tools

        return getattr(tools, name)
    if name == "extract_facts":
        from assistant.memory.extraction import extract_facts

        return extract_facts
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
