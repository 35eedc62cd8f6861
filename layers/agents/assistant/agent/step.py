"""One run of the agents SDK in a turn: the whole turn, or a step of a workflow."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from agents import Agent, Model, RunConfig, RunHooks, RunResultStreaming, RunState, TResponseInputItem
from chatkit.agents import AgentContext
from chatkit.types import ThreadItem, ThreadStreamEvent

from assistant.agent.turn_models import ModelObject, TurnModels
from assistant.approvals.runs import Resumption
from assistant.context import RequestContext
from assistant.threads import ThreadStore

if TYPE_CHECKING:
    from typing import Protocol

    class RunAgent(Protocol):
        """Runs an agent and streams the events of the run."""

        def __call__(
            self,
            agent: Agent[Any],
            given: list[TResponseInputItem] | RunState[Any, Any],
            agent_context: AgentContext[RequestContext],
            models: TurnModels,
            resumed: Resumption | None = None,
            kept: set[str] | None = None,
            step: Step | None = None,
        ) -> AsyncGenerator[ThreadStreamEvent, None]: ...


@dataclass
class Step:
    """The part of a run that a workflow decides.

    Attributes:
        context: The context that the agents and their tools get.
        max_turns: The most model calls; None for the platform's limit.
        hooks: The SDK's hooks of the run.
        config: The configuration that the workflow gives.
        of_workflow: Whether the run is one of several in a turn.
        judges: Whether the run is part of a guardrail of the workflow.
        result: The run, once it has begun.
    """

    context: Any
    max_turns: int | None = None
    hooks: RunHooks[Any] | None = None
    config: RunConfig | None = None
    of_workflow: bool = False
    judges: bool = False
    result: RunResultStreaming | None = None

    def configured(self, config: RunConfig) -> RunConfig:
        """Return the configuration of the workflow, with the platform's models, checks and tracing."""
        given = self.config
        if given is None:
            return config
        return replace(
            given,
            model=ModelObject.of(given.model) if isinstance(given.model, Model) else given.model,
            model_provider=config.model_provider,
            workflow_name=config.workflow_name,
            group_id=config.group_id,
            trace_metadata={**(given.trace_metadata or {}), **(config.trace_metadata or {})},
            tracing_disabled=config.tracing_disabled,
            trace_include_sensitive_data=config.trace_include_sensitive_data,
            tool_execution=config.tool_execution,
            tool_not_found_behavior=config.tool_not_found_behavior,
            tool_error_formatter=config.tool_error_formatter,
            call_model_input_filter=config.call_model_input_filter,
        )

    @property
    def running_agent(self) -> Agent[Any] | None:
        """The agent that runs; None before the run begins."""
        return None if self.result is None else self.result.current_agent

    @property
    def ended(self) -> RunResultStreaming:
        """The run, after its events have been streamed."""
        return cast(RunResultStreaming, self.result)


@dataclass(frozen=True)
class Steps:
    """What a workflow needs of the server for its runs.

    Attributes:
        run: Runs an agent.
        new_context: Makes ChatKit's context of a run. ChatKit's events of one run must not reach the next one.
        store: The turn's store.
        answered: The id of the earlier item that the request completed, if any.
        items: The thread's newest items, the oldest first.
    """

    run: RunAgent
    new_context: Callable[[], AgentContext[RequestContext]]
    store: ThreadStore
    answered: str | None
    items: Sequence[ThreadItem]
