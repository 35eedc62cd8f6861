"""What all tools share: how one is declared, what it answers and how it fails."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

from agents import FunctionTool, ModelBehaviorError, RunContextWrapper, function_tool
from chatkit.icons import IconName
from chatkit.types import CustomSummary, CustomTask, ProgressUpdateEvent, ThreadItemReplacedEvent

from assistant.errors import AssistantError
from helpdesk.context import HelpdeskRunContext, HelpdeskToolContext

logger = logging.getLogger(__name__)


NeedsApproval = Callable[[RunContextWrapper[Any], dict[str, Any], str], Awaitable[bool]]


def helpdesk_tool(
    function: Callable[..., Awaitable[str]], *, needs_approval: bool | NeedsApproval = False
) -> FunctionTool:
    """Make a tool of an async function.

    The docstring, whole, is what the model reads about the tool; the parameters' descriptions are their
    `Annotated` texts. (So the SDK needs no docstring parser, which would cost a cold start.)

    Args:
        function: Its first parameter is the `HelpdeskToolContext`.
        needs_approval: Whether the user must approve a call before it runs, or a function that decides it from the
            context, the arguments and the call's id.
    """
    return function_tool(
        function,
        description_override=inspect.getdoc(function),
        use_docstring_info=False,
        failure_error_function=explain_failure,
        needs_approval=needs_approval,
    )


def answer(**fields: Any) -> str:
    """Return what the model reads as a tool's output: JSON."""
    return json.dumps(fields, ensure_ascii=False)


async def show(context: HelpdeskRunContext, text: str, icon: IconName) -> None:
    """Show the user what a tool does, until the next thing is shown."""
    await context.context.stream(ProgressUpdateEvent(text=text, icon=icon))


@asynccontextmanager
async def step(context: HelpdeskToolContext, text: str, icon: IconName) -> AsyncIterator[None]:
    """Show the user what a tool does while it does it: as progress, and as a task of the turn's workflow.

    The progress disappears when the next thing is shown; the workflow stays in the thread.
    """
    chat = context.context
    await show(context, text, icon)
    await chat.add_workflow_task(CustomTask(title=text, icon=icon, status_indicator="loading"))
    workflow = chat.workflow_item
    assert workflow is not None, "add_workflow_task has just begun one"  # noqa: S101 - for the type checker
    tasks = workflow.workflow.tasks
    index = len(tasks) - 1
    workflow.workflow.summary = CustomSummary(title=text if index == 0 else f"{index + 1} steps", icon=icon)
    status: Literal["none", "complete"] = "none"
    try:
        yield
        status = "complete"
    finally:
        task = CustomTask(title=text, icon=icon, status_indicator=status)
        if chat.workflow_item is workflow:
            await chat.update_workflow_task(task, index)
        else:
            # What a parallel tool has shown meanwhile has ended the workflow.
            tasks[index] = task
            await chat.stream(ThreadItemReplacedEvent(item=workflow))


def explain_failure(context: RunContextWrapper[Any], error: Exception) -> str:
    """Return what the model reads when a tool fails: what happened, and what to do about it."""
    match error:
        case AssistantError():
            advice = (
                "Tell the user, who may try again later."
                if error.retryable
                else "Do not call the tool again with the same arguments."
            )
            return answer(error=error.code, message=error.message, advice=advice)
        case ModelBehaviorError():
            return answer(error="invalid_arguments", message=str(error), advice="Correct the arguments and call again.")
        case _:
            # The text of an unforeseen error can hold anything, so neither the model nor the log gets it.
            logger.error("A tool failed", extra={"error_type": type(error).__name__})
            return answer(
                error="internal_error",
                message="The tool failed for a reason on our side.",
                advice="Tell the user, who may try again later.",
            )
