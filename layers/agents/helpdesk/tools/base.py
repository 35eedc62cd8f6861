"""What all tools share: how one is declared, what it answers and how it fails."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from agents import FunctionTool, ModelBehaviorError, RunContextWrapper, function_tool
from chatkit.icons import IconName
from chatkit.types import ProgressUpdateEvent

from assistant.errors import AssistantError
from helpdesk.context import HelpdeskToolContext

logger = logging.getLogger(__name__)


def helpdesk_tool(function: Callable[..., Awaitable[str]]) -> FunctionTool:
    """Make a tool of an async function.

    The docstring, whole, is what the model reads about the tool; the parameters' descriptions are their
    `Annotated` texts. (So the SDK needs no docstring parser, which would cost a cold start.)
    """
    return function_tool(
        function,
        description_override=inspect.getdoc(function),
        use_docstring_info=False,
        failure_error_function=explain_failure,
    )


def answer(**fields: Any) -> str:
    """Return what the model reads as a tool's output: JSON."""
    return json.dumps(fields, ensure_ascii=False)


async def show_progress(context: HelpdeskToolContext, text: str, icon: IconName) -> None:
    """Show the user what is being done. It disappears when the next thing is shown."""
    await context.context.stream(ProgressUpdateEvent(text=text, icon=icon))


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
