"""ChatKit's server: run the configured agent, and pass actions on to the agents' package.

The first streaming operation loads this module, because the module imports the Agents SDK.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Any, cast

from agents import (
    Agent,
    InputGuardrailTripwireTriggered,
    MaxTurnsExceeded,
    ModelBehaviorError,
    OutputGuardrailTripwireTriggered,
    Runner,
    RunResultStreaming,
    RunState,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
    TResponseInputItem,
)
from chatkit.actions import Action
from chatkit.agents import AgentContext
from chatkit.server import ChatKitServer
from chatkit.store import Store
from chatkit.types import (
    AssistantMessageItem,
    ClientToolCallItem,
    HiddenContextItem,
    SyncCustomActionResponse,
    ThreadItem,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
    WidgetItem,
)

from assistant.agent.answer_text import AnswerText
from assistant.agent.brought import brought_context
from assistant.agent.client_tools import TurnContext, end_with_client_tools, with_own_call
from assistant.agent.code_files import CodeFiles
from assistant.agent.configuration import run_config
from assistant.agent.conversion import ItemConverter
from assistant.agent.guardrails import guarded_history, judged_history
from assistant.agent.history import load_history
from assistant.agent.in_charge import agent_in_charge, note_agent
from assistant.agent.left_out import LeftOut
from assistant.agent.marks import Marks
from assistant.agent.output import OutputConverter, refusal_as_answer
from assistant.agent.outside import OutsideHooks
from assistant.agent.run_stream import TOOL_FINISHED, CancellableRun
from assistant.agent.step import Step, Steps
from assistant.agent.store import AgentStore
from assistant.agent.titles import Title
from assistant.agent.tool_choice import first_agent, reachable_agents
from assistant.agent.tool_results import fail_at_exits, give_bad_results_back
from assistant.agent.tool_rounds import ToolRounds
from assistant.agent.turn_models import TurnModels, name_model_objects
from assistant.agent.workflow_turn import WorkflowTurn, continued
from assistant.approvals import HeldDecision, runs
from assistant.approvals.runs import Resumption
from assistant.approvals.waiting import complete_steps
from assistant.context import RequestContext
from assistant.errors import (
    AnswerWithheldError,
    AssistantError,
    InvalidRequestError,
    ModelContentFilteredError,
    ModelError,
)
from assistant.failures import log_failure
from assistant.hooks import agents_package, find_hook, needed_hook
from assistant.models import chosen_model, current_meter
from assistant.settings import Settings
from assistant.threads import SNAPSHOT_ITEMS, ThreadStore, kept_calls, refusal
from assistant.workflows import Workflow

logger = logging.getLogger(__name__)

# Model calls in one turn. An agent that needs more is in a loop.
MAX_MODEL_CALLS = 12


class AssistantServer(ChatKitServer[RequestContext]):
    """Answers one turn or one action. Reads and writes the store of that turn."""

    def __init__(self, store: ThreadStore, context: RequestContext) -> None:
        super().__init__(store)
        self._agent = load_agent(context.settings)
        self._answered: str | None = None

    def answer(
        self,
        thread: ThreadMetadata,
        context: RequestContext,
        *,
        message: UserMessageItem | None = None,
        changed_item: ThreadItem | None = None,
        decision: HeldDecision | None = None,
        action: Action[str, Any] | None = None,
        sender: WidgetItem | None = None,
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Stream the events of a claimed turn.

        Args:
            thread: The thread.
            context: The turn's request.
            message: The user's message to answer, also of a retry.
            changed_item: The earlier item that the request completed, for example a form with its answers.
            decision: The user's decision on a call that needs approval.
            action: A click in a widget.
            sender: The clicked widget.
        """
        if decision is not None:
            return self._resume(decision, thread, context)
        if action is not None:
            return self.action(thread, action, sender, context)
        self._answered = None if changed_item is None else changed_item.id
        return self.respond(thread, message, context)

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: RequestContext
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Run the agent or the workflow on the thread's newest history and stream its events."""
        if isinstance(self._agent, Workflow):
            history = await load_history(self.store, thread, context)
            history = LeftOut.of(thread.metadata).newer(history, self._answered)
            if self._agent.has_guardrails:
                history = judged_history(history, context)
            turn = WorkflowTurn(self._agent, self._steps(thread, history, context))
            async with aclosing(_titled(turn.events(), Title(thread, input_user_message, context))) as steps:
                async for event in steps:
                    yield event
            return
        agent = first_agent(self._agent, input_user_message, context.settings)
        if agent is self._agent:
            agent = agent_in_charge(agent, thread, context.settings)
        context.report.judged = not agent.input_guardrails
        agent_context = self._agent_context(thread, context)
        history, brought = await asyncio.gather(
            load_history(self.store, thread, context), brought_context(agent, context)
        )
        history = LeftOut.of(thread.metadata).newer(history, self._answered)
        history = await guarded_history(history, agent, self.store, agent_context)
        given = [*brought, *await ItemConverter(context).to_agent_input(history)]
        models = TurnModels(chosen_model(history, context), agent_context, _newest_message(history))
        run = self._run(agent, given, agent_context, models)
        async with aclosing(_titled(run, Title(thread, input_user_message, context))) as events:
            async for event in events:
                yield event

    def _agent_context(self, thread: ThreadMetadata, context: RequestContext) -> AgentContext[RequestContext]:
        store = cast(Store[RequestContext], AgentStore(cast(ThreadStore, self.store)))
        return TurnContext(thread=thread, store=store, request_context=context)

    def _steps(self, thread: ThreadMetadata, items: Sequence[ThreadItem], context: RequestContext) -> Steps:
        store = cast(ThreadStore, self.store)
        return Steps(self._run, lambda: self._agent_context(thread, context), store, self._answered, items)

    async def _run(
        self,
        agent: Agent[Any],
        given: list[TResponseInputItem] | RunState[Any, Any],
        agent_context: AgentContext[RequestContext],
        models: TurnModels,
        resumed: Resumption | None = None,
        kept: set[str] | None = None,
        step: Step | None = None,
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Run an agent on input, or resume a run after the user's approval.

        Args:
            agent: The agent that starts.
            given: The input, or the state of the run to resume.
            agent_context: The turn's context.
            models: The models of the agents.
            resumed: The approved call, if the run is resumed.
            kept: The ids of that run's calls that the thread has already.
            step: The step of a workflow that the run is; None if the run is the whole turn.
        """
        context = agent_context.request_context
        settings = context.settings
        step = step or Step(agent_context)
        config = step.configured(run_config(settings, models))
        # The run makes the approved call first. Do everything that can fail before that.
        if resumed is not None and (begun := await runs.begin(resumed, agent_context)) is not None:
            yield ThreadItemReplacedEvent(item=begun)
        result = Runner.run_streamed(
            agent,
            given,
            context=step.context,
            max_turns=min(step.max_turns or MAX_MODEL_CALLS, MAX_MODEL_CALLS),
            hooks=OutsideHooks(context, step.hooks),
            run_config=config,
            error_handlers={"model_refusal": refusal_as_answer},
        )
        step.result = result
        converter = OutputConverter(agent_context.thread.id, context)
        files = CodeFiles(converter, agent_context.thread.id, context)
        rounds = ToolRounds(agent_context.thread, kept or (), context.outside)
        # The verdict of a judging run comes after its end.
        guardrails = 0 if resumed else len(agent.input_guardrails) + step.judges
        run = CancellableRun(result, agent_context, guardrails, converter, rounds, files)
        text, marks = AnswerText(agent, settings), Marks(context)
        filtered = False
        try:
            async with aclosing(run.events()) as events:
                async for sent in events:
                    if isinstance(sent, ThreadItemUpdatedEvent):
                        # An update completes nothing.
                        for shown_update in marks.updated(sent):
                            if text.take(shown_update):
                                yield shown_update
                        continue
                    event = with_own_call(sent, result.new_items)
                    for completed in _completed_rounds(rounds, result, agent_context, resumed, event):
                        for earlier in text.release():
                            yield earlier
                        yield completed
                    if sent is TOOL_FINISHED:
                        continue
                    async for found in files.take(event):
                        if text.take(shown := await _with_sources(marks.done(found), context)):
                            yield shown
                        if (answered := _answered_at_provider(found, resumed)) is not None:
                            yield answered
            for event in text.release():
                yield event
            for completed in _completed_rounds(rounds, result, agent_context, resumed):
                yield completed
            for completed_steps in complete_steps(result, agent_context):
                yield completed_steps
            if not step.of_workflow:
                async for event in runs.hold(result, agent_context, resumed):
                    yield event
        except InputGuardrailTripwireTriggered as error:
            reason = error.guardrail_result.output.output_info
            message = reason if isinstance(reason, str) else "This message cannot be answered here."
            raise InvalidRequestError(message) from error
        except OutputGuardrailTripwireTriggered as error:
            for removal in text.remove():
                yield removal
            raise AnswerWithheldError from error
        except (ToolInputGuardrailTripwireTriggered, ToolOutputGuardrailTripwireTriggered) as error:
            reason = error.output.output_info
            message = reason if isinstance(reason, str) else "A check of a tool ended this answer."
            raise InvalidRequestError(message) from error
        except ModelContentFilteredError as error:
            filtered = error.of_message
            raise
        except ModelBehaviorError as error:
            # The Runner cannot go on with this answer.
            log_failure(logger, "an answer of the model could not be used", error)
            raise ModelError from error
        except MaxTurnsExceeded as error:
            raise ModelError("The assistant took too many steps without an answer. Please try again.") from error
        finally:
            await run.cancel()
            await converter.close()
            # A later model must not read a refused message, even if this turn ends before the tripwire is raised.
            if filtered or run.tripped() is not None:
                mark = refusal(agent_context.thread, self._answered)
                await self.store.add_thread_item(agent_context.thread.id, mark, context)
            elif not step.of_workflow:
                note_agent(result.last_agent, agent_context.thread, settings)
            # Store finished tool calls for the next turn, even if this turn ends before the model's answer.
            for completed in _completed_rounds(rounds, result, agent_context, resumed):
                await self.store.add_thread_item(agent_context.thread.id, completed.item, context)
            _report(context, settings, result)

    async def action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: RequestContext
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Pass an action on to the agents' package."""
        handle = needed_hook(context.settings, "handle_action", "actions")
        async with aclosing(handle(thread, action, sender, self._agent_context(thread, context))) as events:
            async for event in events:
                yield event

    async def _resume(
        self, held: HeldDecision, thread: ThreadMetadata, context: RequestContext
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Resume a run after the user's decision on its call."""
        agent_context = self._agent_context(thread, context)
        context.outside.update(held.row.get("outside", ()))
        if isinstance(self._agent, Workflow):
            stored = await runs.stored(held, agent_context)
            steps = self._steps(thread, await load_history(self.store, thread, context), context)
            turn = continued(self._agent, steps, Resumption(held), stored)
            async with aclosing(turn.events()) as workflow:
                async for event in workflow:
                    yield event
            return
        resumed = await runs.load(self._agent, held, agent_context)
        page = await self.store.load_thread_items(thread.id, None, SNAPSHOT_ITEMS, "desc", context)
        newest = page.data[::-1]
        models = TurnModels(chosen_model(newest, context), agent_context, _newest_message(newest))
        run = self._run(self._agent, resumed.needed_state(), agent_context, models, resumed, kept_calls(page.data))
        async with aclosing(run) as events:
            async for event in events:
                yield event

    async def sync_action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: RequestContext
    ) -> SyncCustomActionResponse:
        """Pass on an action whose answer is one changed item."""
        handle = needed_hook(context.settings, "handle_sync_action", "such actions")
        response: SyncCustomActionResponse = await handle(thread, action, sender, self._agent_context(thread, context))
        return response


async def _titled(
    run: AsyncGenerator[ThreadStreamEvent, None], title: Title
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Stream the events of a turn while its title is being written."""
    try:
        async with aclosing(run) as events:
            async for event in events:
                yield event
        await title.settle()
    finally:
        title.drop()


def _newest_message(items: Sequence[ThreadItem]) -> str | None:
    """Return the id of the newest message of the user."""
    return next((item.id for item in reversed(items) if isinstance(item, UserMessageItem)), None)


async def _with_sources(event: ThreadStreamEvent, context: RequestContext) -> ThreadStreamEvent:
    """Add the sources that the agents' package finds to a complete answer."""
    find_sources = find_hook(context.settings, "find_sources")
    if (
        find_sources is None
        or not isinstance(event, ThreadItemDoneEvent)
        or not isinstance(event.item, AssistantMessageItem)
    ):
        return event
    try:
        content = [
            part.model_copy(update={"annotations": [*part.annotations, *await find_sources(part.text, context)]})
            for part in event.item.content
        ]
    except Exception as error:
        # Send the answer without its sources: that is better than no answer.
        if not isinstance(error, AssistantError):
            log_failure(logger, "the sources of an answer could not be found", error)
        return event
    return ThreadItemDoneEvent(item=event.item.model_copy(update={"content": content}))


@functools.lru_cache(maxsize=8)
def load_agent(settings: Settings) -> Agent[Any] | Workflow:
    """Return the agent that starts each turn, or the workflow that runs in it. It is built once per process.

    Raises:
        ConfigurationError: The agents' package cannot be loaded.
    """
    agent: Agent[Any] | Workflow = agents_package(settings.agent_factory).build_agent(settings)
    if isinstance(agent, Workflow):
        return agent
    name_model_objects(reachable_agents(agent))
    fail_at_exits(reachable_agents(agent))
    give_bad_results_back(reachable_agents(agent))
    end_with_client_tools(reachable_agents(agent))
    return agent


def _completed_rounds(
    rounds: ToolRounds,
    result: RunResultStreaming,
    agent_context: AgentContext[RequestContext],
    resumed: Resumption | None,
    event: ThreadStreamEvent | None = None,
) -> Iterator[ThreadItemDoneEvent | ThreadItemReplacedEvent]:
    """Yield the completed round of tool calls, if there is one, and the card of its approved call.

    A client tool call has its own item, which comes last. Wait for that item: only then is the call's id known.
    """
    if isinstance(event, ThreadItemDoneEvent) and isinstance(event.item, ClientToolCallItem):
        rounds.leave_out(event.item.call_id)
        agent_context.client_tool_call = None
    if agent_context.client_tool_call is None:
        hidden = rounds.take(result.new_items)
        if hidden is not None:
            yield ThreadItemDoneEvent(item=hidden)
            if resumed is not None and (answered := resumed.answered_by(hidden)) is not None:
                yield ThreadItemReplacedEvent(item=answered)


def _answered_at_provider(event: ThreadStreamEvent, resumed: Resumption | None) -> ThreadItemReplacedEvent | None:
    """Return the approved card, if an event stores the approved call of a remote MCP tool."""
    if resumed is None or not isinstance(event, ThreadItemDoneEvent) or not isinstance(event.item, HiddenContextItem):
        return None
    answered = resumed.answered_by(event.item)
    return None if answered is None else ThreadItemReplacedEvent(item=answered)


def _report(context: RequestContext, settings: Settings, result: RunResultStreaming) -> None:
    meter, report = current_meter(), context.report
    report.provider, report.model = meter.provider or settings.llm_provider, meter.model
    report.count(result.context_wrapper.usage)
    # After an approval these are the tools of the whole run, also those called before the approval.
    report.tools += [
        name
        for item in result.new_items
        if item.type == "tool_call_item" and (name := getattr(item.raw_item, "name", None)) is not None
    ]
