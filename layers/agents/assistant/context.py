"""What a request carries through ChatKit's server, its store and the agents: ChatKit's `TContext`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assistant.identity import Caller
from assistant.settings import Settings

if TYPE_CHECKING:
    from agents import Usage

    from assistant.resources import Resources
    from assistant.threads.known import KnownThread


@dataclass
class Report:
    """What a turn's run tells about itself, for its story, its log line and its quota.

    Attributes:
        provider: Who answered.
        model: The model that answered.
        input_tokens: Tokens that were read, all calls of the turn together.
        output_tokens: Tokens that were written.
        model_calls: How often a model was called.
        tools: The names of the tools that were called, in their order.
        judged: Whether the agent's input guardrails have come to their end, so that it is known whether what came in
            is let in.
    """

    provider: str | None = None
    model: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    model_calls: int = 0
    tools: list[str] = field(default_factory=list)
    judged: bool = False

    def count(self, usage: Usage) -> None:
        """Add what a run of the SDK's has used."""
        self.model_calls += usage.requests
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens


@dataclass
class RequestContext:
    """One request's context.

    Attributes:
        caller: Who is calling, from the verified token. Tools authorise by it and by nothing else.
        resources: The process's table, bucket and settings.
        deadline: When its work is to come to its end, in seconds of the event loop's clock; None for no limit.
        max_answer_bytes: How large an answer may be, as `assistant.sizes` counts; None for no limit.
        report: What the turn's run tells about itself.
        loaded: The threads that this request has read or written, by id: what a save is compared with.
        suggested_title: The title that the model has given a thread; one that the user gives meanwhile stays.
        running_turn: The turn that was running in the thread that this request has read, if one was.
    """

    caller: Caller
    resources: Resources
    deadline: float | None = None
    max_answer_bytes: int | None = None
    report: Report = field(default_factory=Report)
    loaded: dict[str, KnownThread] = field(default_factory=dict)
    suggested_title: str | None = None
    running_turn: str | None = None

    @property
    def settings(self) -> Settings:
        """The process's settings."""
        return self.resources.settings

    def seconds_left(self) -> float | None:
        """Return the seconds until the deadline, never below zero; None where there is no limit."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - asyncio.get_running_loop().time())
