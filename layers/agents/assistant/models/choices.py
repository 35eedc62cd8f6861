"""Check the model and the tool that a message asks for, and return the chosen model.

`ALLOWED_MODELS` and `ALLOWED_TOOLS` list the allowed names, models also by the caller's role. A page offers the same
names in its composer: `GET /chatkit/api/choices` returns them. A message with any other name is refused, so a
hand-written request cannot select an expensive model or force a tool.
`assistant.agent.tool_choice` applies the choice of a tool.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from assistant.errors import InvalidRequestError

if TYPE_CHECKING:
    from chatkit.types import InferenceOptions, ThreadItem

    from assistant.context import RequestContext


def check_choice(options: InferenceOptions, context: RequestContext) -> None:
    """Refuse a message whose model or tool the deployment does not offer to the caller.

    Raises:
        InvalidRequestError: the model or the tool is not among the allowed ones.
    """
    settings = context.settings
    if options.model is not None and options.model not in settings.allowed_models.of(context.caller.role):
        raise InvalidRequestError("This model is not offered here.")
    if options.tool_choice is not None and options.tool_choice.id not in settings.allowed_tools:
        raise InvalidRequestError("This tool is not offered here.")


def chosen_model(items: Iterable[ThreadItem], context: RequestContext) -> str | None:
    """Return the model that the newest message has chosen; None for the default.

    Ignore a choice that is no longer allowed, so that an old thread still works.

    Args:
        items: The thread's items, the oldest first.
        context: The turn's request: the allowed models and the caller.
    """
    chosen = None
    for item in items:
        if item.type == "user_message":
            chosen = item.inference_options.model
    return chosen if chosen in context.settings.allowed_models.of(context.caller.role) else None
