"""The objects that a process makes once (`Resources`), and the context of one request (`RequestContext`)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from assistant import failures, observability
from assistant.aws import Objects, Row, Table
from assistant.aws.keys import Key, Space, ThreadRef
from assistant.identity import Caller
from assistant.otel import Parent
from assistant.settings import Settings, load_settings
from assistant.texts import DEFAULT_LANGUAGE

if TYPE_CHECKING:
    from agents import Usage
    from chatkit.types import ThreadMetadata, ThreadStreamEvent


# Requests of a user that wait for a claim or a scan, beyond one for each turn: a double click and some tabs.
MORE_WAITS = 5

# What a turn can read that its user did not write (`RequestContext.outside`). An agents' package may name others.
WEB, MCP, FILES, PAGE, KNOWLEDGE = "web", "mcp", "files", "page", "knowledge"


class PictureClaim(Protocol):
    """A counted picture that may be drawn."""

    @property
    def day(self) -> str:
        """The day's row that counts it."""
        ...

    @property
    def spend(self) -> int:
        """The millionths of a dollar that are counted for it."""
        ...

    @property
    def tenant_sk(self) -> str | None:
        """The tenant's row that counts them too."""
        ...


EndReason = Literal["stopped", "interrupted", "lost"]


class RunningTurn(Protocol):
    """A turn that is running in this process."""

    turn_id: str
    thread_id: str
    error: BaseException | None

    def events(self) -> AsyncIterator[ThreadStreamEvent]:
        """Follow the turn from its first event to its end."""
        ...

    def join(self, follower: str, most: int) -> AsyncIterator[ThreadStreamEvent]:
        """Follow the turn as one of at most so many other requests."""
        ...

    def request_end(self, outcome: EndReason) -> None:
        """Ask the turn to end. The partial answer is kept."""
        ...

    async def wait(self) -> None:
        """Return when the turn has ended and is stored."""
        ...

    @property
    def tool(self) -> str | None:
        """The name of the tool that the turn has called last."""
        ...

    async def renew_lease(self) -> None:
        """Renew the turn's lease, from any event loop."""
        ...


@dataclass(eq=False)
class Resources:
    """The settings, the table and the bucket of this process.

    Its clients are made on first use, so construction is cheap and a snapshot contains no socket.

    Attributes:
        settings: The configuration.
        table: The DynamoDB table.
        passages: The table of passages, if there is knowledge.
        objects: The bucket.
        running: The turns that run in this process, by thread. Only one event loop uses it.
        claiming: How many requests are claiming a turn.
        waiting: How many requests of a user wait for something that may never come (`one_more_wait`).
        starting: How many requests of this process are starting a turn, by thread.
        records: Records that change limits, with the time of their read on the event loop's clock.
        reading: The task that reads them again.
        ending: What follows the turns of this process: their hooks. An invocation waits for it.
    """

    settings: Settings = field(default_factory=load_settings)
    table: Table = field(init=False)
    passages: Table = field(init=False)
    objects: Objects = field(init=False)
    running: dict[ThreadRef, RunningTurn] = field(init=False, default_factory=dict)
    claiming: int = field(init=False, default=0)
    waiting: Counter[str] = field(init=False, default_factory=Counter)
    starting: Counter[ThreadRef] = field(init=False, default_factory=Counter)
    records: dict[Key, tuple[float, Row | None]] = field(init=False, default_factory=dict)
    reading: set[asyncio.Task[None]] = field(init=False, default_factory=set)
    ending: set[asyncio.Task[None]] = field(init=False, default_factory=set)

    @cached_property
    def visitor_settings(self) -> Settings:
        """The settings of visitors' requests."""
        return self.settings.for_visitors()

    @contextmanager
    def one_more_wait(self, caller: Caller) -> Iterator[bool]:
        """Count a request of a user that waits for a claim or a scan. Yield whether the request may wait.

        A request that waits holds an invocation without being a turn, so `MAX_CONCURRENT_TURNS` does not bound it.
        """
        user = caller.partition
        self.waiting[user] += 1
        try:
            yield self.waiting[user] <= self.settings.max_concurrent_turns + MORE_WAITS
        finally:
            self.waiting[user] -= 1
            if not self.waiting[user]:
                del self.waiting[user]

    def __post_init__(self) -> None:
        observability.keep_texts_out(self.settings.log_content)
        failures.look_for_places_in(self.settings.agent_factory)
        self.table = Table(self.settings)
        self.passages = Table(self.settings, beside=self.table, name=self.settings.knowledge.table_name)
        self.objects = Objects(self.settings)


@dataclass
class Report:
    """Figures about a turn's run, for its record, its log line and its quota.

    Attributes:
        provider: The provider that answered.
        model: The model that answered.
        input_tokens: The input tokens of all model calls.
        output_tokens: The output tokens of all model calls.
        model_calls: The number of model calls.
        latest_tool: The tool that was called last, also while it runs.
        tools: The names of the called tools, in order.
        claimed_pictures: The claims of pictures, if a limit needs them. The last one may be unused.
        picture_refused: Whether a limit has allowed no further picture.
        judged: Whether the agent's input guardrails have finished, so that their verdict on the message is known.
    """

    provider: str | None = None
    model: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    model_calls: int = 0
    tools: list[str] = field(default_factory=list)
    latest_tool: str | None = None
    claimed_pictures: list[PictureClaim] = field(default_factory=list)
    picture_refused: bool = False
    judged: bool = False

    def count(self, usage: Usage) -> None:
        """Add the usage of one run of the agents SDK."""
        self.model_calls += usage.requests
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens


class Origin(NamedTuple):
    """Where a passage comes from: one reading (generation) of a document in a space."""

    space: Space
    document_id: str
    generation: str


@dataclass(frozen=True)
class CitedPassage:
    """A passage that the model may cite in this turn.

    Attributes:
        entity_id: The id by which a client asks for its document.
        title: The document's name.
        page: The page, if the document has pages.
        origin: Where the passage comes from. A turn that continues after an approval checks it again.
    """

    entity_id: str
    title: str
    page: int | None
    origin: Origin


@dataclass(frozen=True)
class KnownThread:
    """A thread that this request has read or written.

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
        caller: The caller, from the verified token. Tools must authorise by this caller only.
        resources: The process's table, bucket and settings.
        deadline: The time by which the request must end, in seconds of the event loop's clock; None for no limit.
        max_answer_bytes: The largest answer, as `assistant.aws.sizes` counts bytes; None for no limit.
        report: Figures about the turn's run.
        loaded: The threads that this request has read or written, by id. A save is compared with them.
        suggested_title: The title that the model suggests. A title that the user sets meanwhile wins.
        rewrites_title: Whether this turn replaces the message that the thread's title was written from.
        running_turn: The turn that was running in the thread when this request read it, if any.
        language: The language of the platform's texts for this user, as `assistant.texts` has it.
        parent: The caller's span, if the request names one.
        effects: What a call would do, by the call's id, as its tool's `check` says it. The approval card shows it.
        cited: The passages that this turn has given to the model, by their marks.
        working: `yes` if a job runs in the thread, as this request last saw it.
        person: Whether the thread waits for a person (`asked`) or has one (`answering`), as this request last saw it.
        outside: Where the texts come from that the turn's model has read and its user did not write.
    """

    caller: Caller
    resources: Resources
    deadline: float | None = None
    max_answer_bytes: int | None = None
    report: Report = field(default_factory=Report)
    loaded: dict[str, KnownThread] = field(default_factory=dict)
    suggested_title: str | None = None
    rewrites_title: bool = False
    running_turn: str | None = None
    language: str = DEFAULT_LANGUAGE
    parent: Parent = field(default_factory=Parent)
    effects: dict[str, str] = field(default_factory=dict)
    cited: dict[str, CitedPassage] = field(default_factory=dict)
    person: str | None = None
    working: str | None = None
    outside: set[str] = field(default_factory=set)

    def read_outside(self, source: str) -> None:
        """Note that the model reads text that the user did not write, before it reads it.

        Such a text can contain instructions. So a tool with lasting effects, such as `remember`, then needs approval.

        Args:
            source: `WEB`, `MCP`, `FILES`, `PAGE`, `KNOWLEDGE`, or a name of the agents' package.
        """
        self.outside.add(source)

    @property
    def settings(self) -> Settings:
        """The process's settings. A visitor's request has the visitors' limits."""
        return self.resources.visitor_settings if self.caller.visitor else self.resources.settings

    def seconds_left(self) -> float | None:
        """Return the seconds until the deadline, at least zero; None if there is no limit."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - asyncio.get_running_loop().time())
