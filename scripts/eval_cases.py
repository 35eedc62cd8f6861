"""The form of a sample conversation, and of the tool calls that a good model makes in it.

The conversations with a package are in `tests/evals/PACKAGE/cases.py`, as `CASES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Expected:
    """A tool call or handoff that a turn must make.

    Attributes:
        name: The tool's name; a handoff's is `transfer_to_…`.
        arguments: Those that matter, with their values. Texts need only be contained, in any case.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Turn:
    """A message of the user, and the expected behaviour.

    Attributes:
        says: The user's message.
        calls: What must be called, in this order; other calls may stand between them.
        never: What must not be called.
        held: Whether the turn must end by asking for approval.
        answer_has: Texts that the answer must contain, in any case.
        answer_lacks: Texts that it must not contain.
        criteria: What the answer must fulfil, in words that a model judges: "It names the price and invents nothing".
    """

    says: str
    calls: tuple[Expected, ...] = ()
    never: tuple[str, ...] = ()
    held: bool = False
    answer_has: tuple[str, ...] = ()
    answer_lacks: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """One conversation of a new user in a new tenant."""

    name: str
    turns: tuple[Turn, ...]
    role: str = "user"


def to(specialist: str) -> Expected:
    """Return the handoff to a specialist."""
    return Expected(f"transfer_to_{specialist}")
