"""What a process makes once (`Resources`), and what a request carries through the server, the store and the agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from assistant import observability
from assistant.aws import Objects, Row, Table
from assistant.aws.keys import ThreadRef
from assistant.identity import Caller
from assistant.settings import Settings, load_settings

if TYPE_CHECKING:
    from agents import Usage
    from chatkit.types import ThreadMetadata, ThreadStreamEvent


EndReason = Literal["stopped", "interrupted", "lost"]


class RunningTurn(Protocol):
    """A turn that runs in this process."""

    turn_id: str
    thread_id: str
    error: BaseException | None

    def events(self) -> AsyncIterator[ThreadStreamEvent]:
        """Follow the turn from its first event to its end."""
        ...

    def request_end(self, outcome: EndReason) -> None:
        """Ask the turn to end. It keeps its partial answer."""
        ...

    async def wait(self) -> None:
        """Return when the turn has ended and is stored."""
        ...


@dataclass(eq=False)
class Resources:
    """The settings, the table and the bucket of this process.

    Clients inside are made on first use, so constructing this costs nothing and a snapshot holds no socket.

    Attributes:
        settings: The configuration.
        table: The DynamoDB table.
        objects: The bucket.
        running: The turns that run in this process, by thread. One event loop uses it.
    """

    settings: Settings = field(default_factory=load_settings)
    table: Table = field(init=False)
    objects: Objects = field(init=False)
    running: dict[ThreadRef, RunningTurn] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        observability.keep_texts_out(self.settings.log_content)
        self.table = Table(self.settings)
        self.objects = Objects(self.settings)


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


@dataclass(frozen=True)
class KnownThread:
    """A thread that a request has read or written.

    Attributes:
        seen: The thread as the request last saw it: what differs from this, the request has changed.
        row: The metadata's row as it was in the table then.
    """

    seen: ThreadMetadata
    row: Row


@dataclass
class RequestContext:
    """One request's context.

    Attributes:
        caller: Who is calling, from the verified token. Tools authorise by it and by nothing else.
        resources: The process's table, bucket and settings.
        deadline: When its work is to come to its end, in seconds of the event loop's clock; None for no limit.
        max_answer_bytes: How large an answer may be, as `assistant.aws.sizes` counts; None for no limit.
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
