"""The workflow that runs in this task. An export reaches its turn through it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from assistant.errors import ConfigurationError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from agents import Agent, RunConfig, RunHooks, TResponseInputItem
    from chatkit.agents import AgentContext

    from assistant.context import RequestContext

# The key of `thread_state` in the thread's metadata, which no client gets.
STATE_KEY = "workflow_state"


class WorkflowPaused(BaseException):
    """The workflow waits for the user's approval. Like `CancelledError` it passes an `except Exception`."""


class ActiveWorkflow(Protocol):
    """One execution of a workflow."""

    @property
    def context(self) -> AgentContext[RequestContext]:
        """The context of the run that is being made, else of the turn."""
        ...

    async def run(
        self,
        agent: Agent[Any],
        given: str | list[TResponseInputItem],
        *,
        context: Any,
        max_turns: int | None,
        hooks: RunHooks[Any] | None,
        config: RunConfig | None,
    ) -> Any:
        """Run an agent as a step of the turn, and return its result."""
        ...

    def ask(self, message: str) -> bool:
        """Return the user's decision.

        Raises:
            WorkflowPaused: the user has not decided yet.
        """
        ...

    def trace(self, name: str, **fields: Any) -> AbstractContextManager[Any]:
        """Return the trace of the workflow."""
        ...

    async def begin_guardrails(self, data: Any) -> None:
        """Let guardrails call their models, if the limits allow it."""
        ...

    def end_guardrails(self, data: Any, results: list[Any]) -> None:
        """Note the results of guardrails: their verdicts, the masked text and the tokens."""
        ...


_active: ContextVar[ActiveWorkflow] = ContextVar("active_workflow")


def active() -> ActiveWorkflow:
    """Return the workflow that runs in this task.

    Raises:
        ConfigurationError: none does.
    """
    try:
        return _active.get()
    except LookupError:
        raise ConfigurationError("An exported workflow runs only in a turn of a chat.") from None


def activate(workflow: ActiveWorkflow) -> None:
    """Make a workflow the one of this task and of the tasks that it starts."""
    _active.set(workflow)


def current_context() -> AgentContext[RequestContext]:
    """Return ChatKit's context, for an export and its tools: the verified caller, the table, `stream`."""
    return active().context


def thread_state(initial: dict[str, Any]) -> dict[str, Any]:
    """Return a state that the thread keeps from turn to turn. Its values must be valid JSON.

    Args:
        initial: The state of a new thread.
    """
    metadata = active().context.thread.metadata
    kept: dict[str, Any] = metadata.setdefault(STATE_KEY, {})
    for name, value in initial.items():
        kept.setdefault(name, value)
    return kept
