"""Run an exported workflow as a turn: its runs stream, and an approval ends the turn until the user answers."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractContextManager, aclosing
from typing import Any, TypeVar

from agents import (
    Agent,
    RunConfig,
    RunContextWrapper,
    RunHooks,
    TResponseInputItem,
    custom_span,
    get_current_trace,
)
from agents import trace as sdk_trace
from chatkit.agents import AgentContext
from chatkit.types import ThreadItemReplacedEvent, ThreadStreamEvent

from assistant import quotas
from assistant.agent.brought import brought_context
from assistant.agent.configuration import run_config
from assistant.agent.step import Step, Steps
from assistant.agent.tool_choice import reachable_agents
from assistant.agent.tool_results import give_bad_results_back
from assistant.agent.turn_models import TurnModels, name_model_objects
from assistant.agent.workflow_guardrails import Verdicts
from assistant.agent.workflow_input import WorkflowInput
from assistant.agent.workflow_output import Shown
from assistant.approvals import runs
from assistant.approvals.runs import HeldRunUnreadableError, Resumption
from assistant.approvals.waiting import Waiting, state_of, waiting_calls
from assistant.context import RequestContext
from assistant.errors import ModelError
from assistant.models import chosen_model, input_tokens
from assistant.threads import kept_calls
from assistant.workflows import (
    STATE_KEY,
    Approval,
    Journal,
    OpenRun,
    Run,
    Workflow,
    WorkflowPaused,
    activate,
    recorded,
    replayed,
)

logger = logging.getLogger(__name__)

# Runs of agents in one turn. A workflow with more is in a `while` that does not end.
MAX_RUNS = 30
# The name of the step in the audit trail, and the title of its card.
APPROVAL_NAME = "approval_request"

_StepKind = TypeVar("_StepKind", Run, Approval)


class WorkflowTurn:
    """One execution of a workflow: the `ActiveWorkflow` of its task.

    Args:
        workflow: The workflow.
        steps: What the server does for the runs.
        resumed: The user's decision that continues a workflow.
        journal: The steps that the workflow has made before the decision.
    """

    def __init__(
        self, workflow: Workflow, steps: Steps, resumed: Resumption | None = None, journal: Journal | None = None
    ) -> None:
        self._workflow = workflow
        self._steps = steps
        self._resumed = resumed
        self._context = steps.new_context()
        self._input = WorkflowInput(steps.items, journal.message_id if journal else None, to_the_end=journal is None)
        message = self._input.message
        self._journal = journal or Journal(
            workflow=workflow.module,
            text=self._input.text,
            message_id=None if message is None else message.id,
            state=copy.deepcopy(self._metadata.get(STATE_KEY)),
        )
        self._replayed, self._next_step = len(self._journal.steps), 0
        self._shown = Shown(workflow)
        self._verdicts = Verdicts()
        self._waiting: list[Waiting] = []
        self._runs = self._guardrails = 0
        self._one_run = asyncio.Lock()
        self._events: asyncio.Queue[ThreadStreamEvent | None] = asyncio.Queue()

    @property
    def context(self) -> AgentContext[RequestContext]:
        """The context of the run that is being made."""
        return self._context

    @property
    def _metadata(self) -> dict[str, Any]:
        return self._context.thread.metadata

    @property
    def _request(self) -> RequestContext:
        return self._context.request_context

    async def events(self) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Stream the workflow."""
        resumed = self._resumed
        self._request.report.judged = resumed is not None or not self._workflow.has_guardrails
        await self._input.load(self._request)
        if resumed is not None:
            self._reset_state()
            # From here the steps after the approval may be made. A tool's approval begins with its run instead.
            if self._journal.open_run is None and (begun := await runs.begin(resumed, self._context)) is not None:
                yield ThreadItemReplacedEvent(item=begun)
        work = asyncio.create_task(self._work(), name=f"workflow {self._workflow.module}")
        work.add_done_callback(lambda _: self._events.put_nowait(None))
        try:
            while (event := await self._events.get()) is not None:
                yield event
            await work
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait([work])
        if self._waiting:
            async for event in runs.ask(self._waiting, self._journal.model_dump(mode="json"), self._context, resumed):
                yield event
        elif resumed is not None:
            await runs.finish(resumed, self._context)
            if (answered := resumed.answered()) is not None:
                yield ThreadItemReplacedEvent(item=answered)

    async def _work(self) -> None:
        activate(self)
        try:
            await self._workflow.start(self._journal.text)
        except WorkflowPaused:
            pass
        except Exception:
            await self._refuse_if_tripped()
            raise
        if self._waiting:
            return
        if self._next_step < self._replayed:
            raise HeldRunUnreadableError
        await self._refuse_if_tripped()
        if not self._shown.anything:
            logger.warning(
                "the workflow %s has shown nothing: name an agent in `outputs`, or take one out of `hide`",
                self._workflow.module,
            )

    async def _refuse_if_tripped(self) -> None:
        """End the turn as a guardrail of the SDK ends it, if the workflow has not answered after the tripwire."""
        if (verdict := self._verdicts.unanswered) is not None:
            for event in self._shown.without(verdict.text):
                self._events.put_nowait(event)
            raise await verdict.error(self._context, self._steps)

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
        """Run an agent as a step, or return the result that the step had before the approval."""
        async with self._one_run:
            if self._waiting:
                raise WorkflowPaused
            agents = reachable_agents(agent)
            if (done := self._replay(Run)) is not None:
                try:
                    if done.agent != agent.name:
                        raise HeldRunUnreadableError
                    return replayed(done, given, agents)
                except ValueError as error:
                    raise HeldRunUnreadableError from error
            self._runs += 1
            if self._runs > MAX_RUNS:
                logger.warning(
                    "the workflow %s wants more than %d runs of agents in a turn: look for a `while` that does not end",
                    self._workflow.module,
                    MAX_RUNS,
                )
                raise ModelError("The assistant took too many steps without an answer. Please try again.")
            name_model_objects(agents)
            give_bad_results_back(agents)
            self._context = self._steps.new_context()
            step = Step(self._context if context is None else context, max_turns, hooks, config, of_workflow=True)
            step.judges = self._guardrails > 0
            async with aclosing(await self._started(agent, given, step)) as events:
                async for event in events:
                    if self._shown.take(event, step.running_agent or agent):
                        self._send(event)
            return self._ended(agent, step)

    async def _started(
        self, agent: Agent[Any], given: str | list[TResponseInputItem], step: Step
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Return the events of a run, which is new or continues after the approval of a tool."""
        items, message = self._steps.items, self._journal.message_id
        models = TurnModels(chosen_model(items, self._request), self._context, message, self._workflow.models)
        opened, self._journal.open_run = self._journal.open_run, None
        if opened is None or self._resumed is None:
            complete = [*await brought_context(agent, self._request), *self._input.complete(given)]
            return self._steps.run(agent, complete, self._context, models, step=step)
        if opened.agent != agent.name:
            raise HeldRunUnreadableError
        wrapper = RunContextWrapper(step.context)
        resumed = await runs.resume(agent, opened.state, self._resumed.held, wrapper)
        return self._steps.run(agent, resumed.needed_state(), self._context, models, resumed, kept_calls(items), step)

    def _ended(self, agent: Agent[Any], step: Step) -> Any:
        """Store the run as a step and show its output, or wait for the approval of its tools."""
        result = step.ended
        if self._waiting:
            raise WorkflowPaused
        if result.interruptions:
            self._waiting = waiting_calls(result, self._context)
            self._journal.open_run = OpenRun(agent=agent.name, state=state_of(result))
            raise WorkflowPaused
        self._journal.steps.append(recorded(result, agent))
        if (event := self._shown.output(result, self._context)) is not None:
            self._send(event)
        return result

    def _send(self, event: ThreadStreamEvent) -> None:
        self._events.put_nowait(event)
        if self._shown.is_answer(event):
            self._verdicts.unanswered = None

    def ask(self, message: str) -> bool:
        """Return the user's decision, or wait for it."""
        if self._waiting:
            raise WorkflowPaused
        if (step := self._replay(Approval)) is not None:
            return step.approved
        self._journal.question = message
        self._waiting = [Waiting(question_id(self._journal), APPROVAL_NAME, None, message)]
        raise WorkflowPaused

    def _replay(self, kind: type[_StepKind]) -> _StepKind | None:
        """Return the next step that the workflow has made before the approval, or None if it has made no more."""
        if self._next_step == self._replayed:
            return None
        step = self._journal.steps[self._next_step]
        self._next_step += 1
        if not isinstance(step, kind):
            # The export has changed since then.
            raise HeldRunUnreadableError
        return step

    def _reset_state(self) -> None:
        """Set the thread's state to its value at the start of the workflow, which is executed again."""
        if self._journal.state is None:
            self._metadata.pop(STATE_KEY, None)
        else:
            self._metadata[STATE_KEY] = copy.deepcopy(self._journal.state)

    def trace(self, name: str, **fields: Any) -> AbstractContextManager[Any]:
        """Return a span of the turn's trace, or a trace if there is none."""
        if get_current_trace() is not None:
            return custom_span(name)
        config = run_config(self._request.settings, TurnModels(None, self._context))
        return sdk_trace(
            name,
            group_id=config.group_id or self._context.thread.id,
            metadata={**(fields.get("metadata") or {}), **(config.trace_metadata or {})},
            disabled=config.tracing_disabled or bool(fields.get("disabled")),
        )

    async def begin_guardrails(self, data: Any) -> None:
        """Reserve what the guardrails may need, as before each call of a model."""
        model = chosen_model(self._steps.items, self._request)
        await quotas.reserve_call(self._request, model, lambda: input_tokens(None, str(data)))
        self._guardrails += 1

    def end_guardrails(self, data: Any, results: Sequence[Any]) -> None:
        """Note the results of guardrails."""
        self._guardrails -= 1
        if data == self._journal.text:
            self._request.report.judged = True
        self._verdicts.take(data, results, is_input=data == self._journal.text)
        self._verdicts.count(results, self._request.report)


def question_id(journal: Journal) -> str:
    """Return the id of the next question of a workflow, in place of the id of a call."""
    return f"{APPROVAL_NAME}_{len(journal.steps)}"


def continued(workflow: Workflow, steps: Steps, resumed: Resumption, stored: dict[str, Any]) -> WorkflowTurn:
    """Return a workflow that goes on with the user's decision.

    Args:
        workflow: The workflow.
        steps: What the server does for the runs.
        resumed: The decision.
        stored: The journal, as it was stored.

    Raises:
        HeldRunUnreadableError: this workflow cannot be continued with the journal.
    """
    decision = resumed.held.decision
    try:
        journal = Journal.model_validate(stored)
    except ValueError as error:
        raise HeldRunUnreadableError from error
    if journal.workflow != workflow.module:
        raise HeldRunUnreadableError
    if journal.open_run is None:
        if journal.question is None or decision.call_id != question_id(journal):
            raise HeldRunUnreadableError
        journal.steps.append(Approval(message=journal.question, approved=decision.approve))
        journal.question = None
    return WorkflowTurn(workflow, steps, resumed, journal)
