"""What an agent's tool owes its model and its user: a call that cannot run comes back as text, before anybody is asked.

The SDK tells a model that its JSON is invalid whatever does not fit, asks the user to approve arguments that it has not
looked at, and says nothing of an error (openai-agents, 0.24.0).
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from agents import FunctionTool, ModelBehaviorError, RunContextWrapper, ToolExecutionConfig, function_tool
from agents.function_schema import function_schema
from agents.tool_context import ToolContext
from agents.tool_guardrails import ToolGuardrailFunctionOutput, ToolInputGuardrail, ToolInputGuardrailData
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from assistant.errors import AssistantError
from assistant.observability import log_failure

logger = logging.getLogger(__name__)

# For a run's `RunConfig`: tools are checked before the user is asked for approval, and not only after it.
CHECKED_FIRST = ToolExecutionConfig(pre_approval_tool_input_guardrails=True)

Check = Callable[..., Awaitable[None]]
"""Takes a call's context and arguments, as the tool itself does, and raises an `AssistantError` if it cannot run."""


def assistant_tool(
    function: Callable[..., Awaitable[str]], *, needs_approval: bool = False, check: Check | None = None
) -> FunctionTool:
    """Make a tool of an async function.

    The docstring, whole, is what the model reads about the tool; the parameters' descriptions are their
    `Annotated` texts. (So the SDK needs no docstring parser, which would cost a cold start.)

    Arguments that do not fit, and what `check` and the function raise, reach the model as text.

    Args:
        function: Its first parameter is the tool's context.
        needs_approval: Whether the user must approve a call before it runs.
        check: What a call must pass before that, and once more before it runs.
    """
    return function_tool(
        function,
        description_override=inspect.getdoc(function),
        use_docstring_info=False,
        failure_error_function=explain_failure,
        needs_approval=needs_approval,
        tool_input_guardrails=[_guardrail(function, check, "forbid" if needs_approval else "ignore")],
    )


def _guardrail(
    function: Callable[..., Awaitable[str]], check: Check | None, extra: Literal["forbid", "ignore"]
) -> ToolInputGuardrail[Any]:
    """Return what refuses a call that cannot run.

    Args:
        function: The tool's function.
        check: What a call must pass.
        extra: What to do about arguments that the function does not take, which the SDK passes over. A card for
            approval shows them, so there they would mislead.
    """

    @functools.cache
    def parameters() -> type[BaseModel]:
        return function_schema(function, use_docstring_info=False).params_pydantic_model

    async def can_run(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        context: ToolContext[Any] = data.context
        try:
            given = parameters().model_validate(_arguments(context), extra=extra)
            if check is not None:
                await check(context, **{name: getattr(given, name) for name in type(given).model_fields})
        except ValidationError as error:
            return ToolGuardrailFunctionOutput.reject_content(
                explain_failure(context, ModelBehaviorError(_described(error)))
            )
        except Exception as error:
            return ToolGuardrailFunctionOutput.reject_content(explain_failure(context, error))
        return ToolGuardrailFunctionOutput.allow()

    return ToolInputGuardrail(can_run)


def _arguments(context: ToolContext[Any]) -> Any:
    try:
        return from_json(context.tool_arguments or "{}")
    except ValueError:
        raise ModelBehaviorError("The arguments are not valid JSON.") from None


def _described(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}" for each in problems)


def explain_failure(context: RunContextWrapper[Any], error: Exception) -> str:
    """Return what the model reads when a tool fails: what happened, and what to do about it."""
    match error:
        case AssistantError():
            code, message = error.code, error.message
            advice = "Do not call the tool again with the same arguments."
            if error.retryable:
                advice = "Tell the user, who may try again later."
        case ModelBehaviorError():
            code, message, advice = "invalid_arguments", str(error), "Correct the arguments and call again."
        case _:
            # The text of an unforeseen error can hold anything, so neither the model nor the log gets it.
            log_failure(logger, "A tool failed", error)
            code, message = "internal_error", "The tool failed for a reason on our side."
            advice = "Tell the user, who may try again later."
    return json.dumps({"error": code, "message": message, "advice": advice}, ensure_ascii=False)
