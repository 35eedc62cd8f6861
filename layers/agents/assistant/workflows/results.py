"""The result of a run that was made before the workflow waited for approval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json, to_jsonable_python

from assistant.workflows.journal import Run

if TYPE_CHECKING:
    from agents import Agent, RunResultStreaming


@dataclass(frozen=True)
class RecordedItem:
    """An item of a stored run."""

    raw_item: dict[str, Any]

    @property
    def type(self) -> str:
        """The type of the item."""
        return str(self.raw_item.get("type", "message"))

    def to_input_item(self) -> dict[str, Any]:
        """Return the item as model input."""
        return self.raw_item


@dataclass(frozen=True)
class RecordedResult:
    """The part of the SDK's `RunResult` that exports use."""

    input: Any
    new_items: list[RecordedItem]
    final_output: Any
    last_agent: Agent[Any]

    def final_output_as(self, _type: type[Any], raise_if_incorrect_type: bool = False) -> Any:
        """Return the output.

        Raises:
            TypeError: the output has another type, and the caller asked for a check.
        """
        if raise_if_incorrect_type and not isinstance(self.final_output, _type):
            raise TypeError(f"Final output is not of type {_type.__name__}")
        return self.final_output

    def to_input_list(self) -> list[Any]:
        """Return the input and the items of the run as model input."""
        given = [{"role": "user", "content": self.input}] if isinstance(self.input, str) else list(self.input)
        return given + [item.raw_item for item in self.new_items]


def recorded(result: RunResultStreaming, agent: Agent[Any]) -> Run:
    """Return a complete run as a step of a journal."""
    return Run(
        agent=agent.name,
        last_agent=result.last_agent.name,
        items=[to_jsonable_python(item.to_input_item(), exclude_none=True) for item in result.new_items],
        output=to_json(result.final_output).decode(),
    )


def replayed(step: Run, given: Any, agents: Sequence[Agent[Any]]) -> RecordedResult:
    """Return the result of a step.

    Args:
        step: The step.
        given: The input of the run.
        agents: The agents that the run may have reached.

    Raises:
        ValueError: the output does not fit the agent any more, or the agent does not exist any more.
    """
    last = next((agent for agent in agents if agent.name == step.last_agent), None)
    if last is None:
        raise ValueError(f"There is no agent {step.last_agent!r} any more.")
    output: Any = from_json(step.output)
    if last.output_type is not None:
        kind: Any = getattr(last.output_type, "output_type", last.output_type)
        output = TypeAdapter[Any](kind).validate_python(output)
    return RecordedResult(given, [RecordedItem(item) for item in step.items], output, last)
