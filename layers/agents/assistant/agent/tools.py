"""Check a tool's arguments before the user is asked for approval, and explain errors to the model as text.

The SDK reports every argument error as invalid JSON, asks the user to approve unchecked arguments, and hides the reason
of an error from the model (openai-agents, 0.24.0).
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

from assistant.agent.brought import Brings, bringing
from assistant.agent.outside import reading
from assistant.errors import AssistantError
from assistant.exits import EXITS, failing_at_exit
from assistant.failures import known, log_failure

logger = logging.getLogger(__name__)

# For `RunConfig`: run tool guardrails before the user is asked for approval too.
CHECKED_FIRST = ToolExecutionConfig(pre_approval_tool_input_guardrails=True)

# The start of each text of `explain_failure`.
_FAILURE_START = '{"error": '

Check = Callable[..., Awaitable[str | None]]
"""Takes the context and arguments of a call, as the tool does. Raises an `AssistantError` if the call cannot run.

Returns what the call will do, for the user who is asked to approve it. None: the card shows the tool's description.
"""


# What the model reads of a tool that returns nothing.
DONE = "Done."

Function = Callable[..., Awaitable[str | None] | str | None]
"""A tool's function: a coroutine function, or a plain one, which the SDK runs in a thread."""


Approval = bool | Callable[[RunContextWrapper[Any], dict[str, Any], str], Awaitable[bool]]
"""Whether a call needs approval, or a function that decides it from the context, the arguments and the call's id."""


def assistant_tool(
    function: Function,
    *,
    needs_approval: Approval = False,
    check: Check | None = None,
    brings: Brings | None = None,
    reads: str | None = None,
) -> FunctionTool:
    """Make a tool of a function. The SDK runs a plain `def` in a thread, so that it may block.

    The model reads the whole docstring as the tool's description, and the `Annotated` texts as the descriptions of the
    parameters. This avoids the SDK's docstring parser, which slows down a cold start.

    The model reads invalid arguments and the errors of `check` and of the function as text. Of a function that returns
    nothing it reads `DONE`.

    Args:
        function: Its first parameter is the tool's context.
        needs_approval: Whether the user must approve a call before it runs.
        check: Runs before the user is asked, and again before the call.
        brings: Returns context for the model, in each turn whose agents have the tool.
        reads: The source, such as `knowledge`, if the tool returns texts that the user did not write. In a turn
            that has called it, a tool with lasting effects, such as `remember`, asks for approval.
    """
    extra: Literal["forbid", "ignore"] = "forbid" if needs_approval or reads is not None else "ignore"
    tool = function_tool(
        function,
        description_override=inspect.getdoc(function),
        use_docstring_info=False,
        failure_error_function=explain_failure,
        needs_approval=needs_approval,
        tool_input_guardrails=[_guardrail(function, check, extra)],
    )
    fail_at_exit(tool)
    invoke = tool.on_invoke_tool

    async def said(context: ToolContext[Any], arguments: str) -> Any:
        result = await invoke(context, arguments)
        return DONE if result is None else result

    tool.on_invoke_tool = said
    if reads is not None:
        reading(tool, reads)
    return tool if brings is None else bringing(tool, brings)


def fail_at_exit(tool: FunctionTool) -> None:
    """Let a `SystemExit` of a tool fail its call.

    The SDK's wrapper of a function handles its errors (a private attribute of openai-agents, 0.24.0, holds the
    function), so the change is inside of that wrapper.

    Args:
        tool: The tool, which is changed in place.
    """
    handled: Any = tool.on_invoke_tool
    if hasattr(handled, "_invoke_tool_impl"):
        handled._invoke_tool_impl = failing_at_exit(handled._invoke_tool_impl)
    else:
        tool.on_invoke_tool = failing_at_exit(handled)


def _guardrail(function: Function, check: Check | None, extra: Literal["forbid", "ignore"]) -> ToolInputGuardrail[Any]:
    """Return a guardrail that refuses a call that cannot run.

    Args:
        function: The tool's function.
        check: An additional check of the call, or None.
        extra: Whether to forbid unknown arguments, which the SDK ignores. An approval card shows them, so with an
            approval they would mislead the user. In a search they would mislead the model: it would believe that a
            `document` or a `tenant_id` had limited what was read.
    """

    @functools.cache
    def parameters() -> type[BaseModel]:
        return function_schema(function, use_docstring_info=False).params_pydantic_model

    async def can_run(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        context: ToolContext[Any] = data.context
        # The watchdog of the event loop names this tool if it blocks the loop.
        context.context.request_context.report.latest_tool = context.tool_name
        try:
            given = parameters().model_validate(_arguments(context), extra=extra)
            if check is not None:
                effect = await check(context, **{name: getattr(given, name) for name in type(given).model_fields})
                if effect is not None:
                    context.context.request_context.effects[context.tool_call_id] = effect
        except ValidationError as error:
            return ToolGuardrailFunctionOutput.reject_content(
                explain_failure(context, ModelBehaviorError(_described(error)))
            )
        except (Exception, *EXITS) as error:
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


def explain_failure(context: RunContextWrapper[Any], error: BaseException) -> str:
    """Return the text for the model when a tool fails: what happened, and what to do."""
    if not isinstance(error, AssistantError | ModelBehaviorError):
        named = f"The tool {context.tool_name}" if isinstance(context, ToolContext) else "A tool"
        log_failure(logger, f"{named} failed", error)
    match known(error):
        case AssistantError() as found:
            code, message = found.code, found.message
            advice = "Do not call the tool again with the same arguments."
            if found.retryable:
                advice = "Tell the user, who may try again later."
        case ModelBehaviorError():
            code, message, advice = "invalid_arguments", str(error), "Correct the arguments and call again."
        case _:
            # The text of an unexpected error can hold secrets, so the model does not get it.
            code, message = "internal_error", "The tool failed for a reason on our side."
            advice = "Tell the user, who may try again later."
    return json.dumps({"error": code, "message": message, "advice": advice}, ensure_ascii=False)


def is_failure(output: Any) -> bool:
    """Tell whether a tool's result is a text of `explain_failure`."""
    return isinstance(output, str) and output.startswith(_FAILURE_START)
