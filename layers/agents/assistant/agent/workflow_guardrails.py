"""The verdicts of an export's guardrails, and how a refusal ends the turn.

An export runs the guardrails of openai-guardrails as a step, and usually returns their findings. Such an end is no
answer. So the turn ends as with a guardrail of the agents SDK, unless the workflow has answered after the tripwire.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chatkit.agents import AgentContext

from assistant.agent.step import Steps
from assistant.context import Report, RequestContext
from assistant.errors import AnswerWithheldError, AssistantError, InvalidRequestError
from assistant.threads import refusal
from assistant.workflows import UserText

REFUSED = "This message cannot be answered here."


@dataclass(frozen=True)
class Verdict:
    """A tripwire.

    Attributes:
        text: The text that was checked.
        is_input: Whether that is the user's message.
    """

    text: str
    is_input: bool

    async def error(self, context: AgentContext[RequestContext], steps: Steps) -> AssistantError:
        """Return the error that ends the turn. Store the mark that keeps a refused message from later models."""
        if not self.is_input:
            return AnswerWithheldError()
        mark = refusal(context.thread, steps.answered)
        await steps.store.add_thread_item(context.thread.id, mark, context.request_context)
        return InvalidRequestError(REFUSED)


class Verdicts:
    """The verdicts of one turn.

    Attributes:
        unanswered: The last tripwire, until the workflow answers.
    """

    def __init__(self) -> None:
        self.unanswered: Verdict | None = None

    def take(self, data: Any, results: Sequence[Any], *, is_input: bool) -> None:
        """Note tripwires, and mark the masked text of the user's message as that message."""
        if any(getattr(result, "tripwire_triggered", False) for result in results):
            self.unanswered = Verdict(str(data), is_input or isinstance(data, UserText))
        if not isinstance(data, UserText):
            return
        for result in results:
            info = getattr(result, "info", None)
            if isinstance(info, dict) and isinstance(text := info.get("checked_text"), str):
                info["checked_text"] = data if text == data else UserText.without_private_data(text)

    @staticmethod
    def count(results: Sequence[Any], report: Report) -> None:
        """Add the tokens that the guardrails have used to the turn's."""
        for result in results:
            used = (getattr(result, "info", None) or {}).get("token_usage")
            if isinstance(used, dict):
                report.model_calls += 1
                report.input_tokens += used.get("prompt_tokens") or 0
                report.output_tokens += used.get("completion_tokens") or 0
