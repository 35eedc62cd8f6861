"""Decide how a turn that does not complete ends: the items to keep, the last events, and the notes about the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from chatkit.errors import CustomStreamError, ErrorCode, StreamError
from chatkit.types import (
    AssistantMessageItem,
    CustomTask,
    ErrorEvent,
    GeneratedImageItem,
    NoticeEvent,
    SDKHiddenContextItem,
    TaskItem,
    ThreadItem,
    ThreadStreamEvent,
    WidgetItem,
    WorkflowItem,
)

from assistant import clock
from assistant.errors import AnswerWithheldError, AssistantError, LengthLimitError, TurnDeadlineError
from assistant.ids import ID_PREFIXES, new_id
from assistant.texts import DEFAULT_LANGUAGE, in_language
from assistant.threads import MARK_PREFIX, Outcome
from assistant.turns.journal import end_streaming

# The note that the model reads in the next turn, by outcome.
_FOR_THE_MODEL: dict[Outcome, str] = {
    "stopped": "The user stopped this answer. Do not go on with it unless asked.",
    "interrupted": "A later request ended this answer before it was complete. Do not go on with it unless asked.",
    "deadline": "Time ran out before this answer was complete.",
    "failed": "An error ended this answer before it was complete.",
    "lost": "This answer was cut off before it was complete.",
}
# The mark that the user reads under an answer that they did not stop themselves.
_FOR_THE_USER: dict[Outcome, str] = {
    "deadline": "This answer is incomplete because time ran out.",
    "failed": "This answer is incomplete because of an error.",
    "lost": "This answer is incomplete because it was cut off.",
}


class ReportedError(Exception):
    """The agent has sent an `error` event to the client itself."""

    def __init__(self, event: ErrorEvent) -> None:
        super().__init__(event.code)
        self.event = event


# The same two texts for an answer that an output guardrail refused.
_WITHHELD_FOR_THE_USER = "This answer was withheld because it did not pass a check."
_WITHHELD_FOR_THE_MODEL = "A check refused this answer, so the user does not see it. Do not write it again."
# And the model's text for an answer that reached the length limit.
_CUT_FOR_THE_MODEL = (
    "The length limit ended this answer before it was complete. A call of a tool that was not complete did not run."
)
# A retry that does not complete leaves two answers, so its mark says which of them is incomplete.
_FOR_THE_USER_OF_A_RETRY: dict[Outcome, str] = {
    "stopped": "You stopped this new answer. The earlier answer is kept.",
    "interrupted": "A later request ended this new answer. The earlier answer is kept.",
    "deadline": "The new answer is incomplete because time ran out. The earlier answer is kept.",
    "failed": "The new answer is incomplete because of an error. The earlier answer is kept.",
    "lost": "The new answer is incomplete because it was cut off. The earlier answer is kept.",
}


def kept_items(
    thread_id: str,
    pending: list[ThreadItem],
    outcome: Outcome,
    error: BaseException | None = None,
    *,
    retry: bool = False,
    language: str = DEFAULT_LANGUAGE,
) -> list[ThreadItem]:
    """Return the items to store for a turn that did not complete.

    Args:
        thread_id: The thread.
        pending: The unfinished items.
        outcome: How the turn ended.
        error: The error that ended the turn, if any.
        retry: Whether the turn is a retry, which has left the old answer in the thread.
        language: The language of the mark for the user.

    Returns:
        The partial items, a mark for the user unless the user ended the turn, and a note for the model.
    """
    kept = [settled for item in pending if (settled := _settled(item)) is not None]
    for_user, for_model = _texts(outcome, error, retry=retry)
    if for_user is not None:
        kept.append(
            TaskItem(
                id=new_id(MARK_PREFIX),
                thread_id=thread_id,
                created_at=clock.now(),
                task=CustomTask(title=in_language(for_user, language), icon="info"),
            )
        )
    if for_model is not None:
        kept.append(
            SDKHiddenContextItem(
                id=new_id(ID_PREFIXES["sdk_hidden_context"]),
                thread_id=thread_id,
                created_at=clock.now(),
                content=for_model,
            )
        )
    return kept


def _texts(outcome: Outcome, error: BaseException | None, *, retry: bool) -> tuple[str | None, str | None]:
    """Return the mark for the user and the note for the model."""
    if isinstance(error, AnswerWithheldError):
        return _WITHHELD_FOR_THE_USER, _WITHHELD_FOR_THE_MODEL
    if retry:
        return _FOR_THE_USER_OF_A_RETRY.get(outcome), _FOR_THE_MODEL.get(outcome)
    if isinstance(error, LengthLimitError):
        return LengthLimitError.default_message, _CUT_FOR_THE_MODEL
    return _FOR_THE_USER.get(outcome), _FOR_THE_MODEL.get(outcome)


def _settled(item: ThreadItem) -> ThreadItem | None:
    """Return an unfinished item as it is stored; None if the item is empty."""
    match item:
        case AssistantMessageItem():
            return item if any(part.text.strip() for part in item.content) else None
        case WorkflowItem():
            if not item.workflow.tasks:
                return None
            for task in item.workflow.tasks:
                if task.status_indicator == "loading":
                    task.status_indicator = "none"
            return item
        case WidgetItem():
            end_streaming(item.widget)
            return item
        case GeneratedImageItem():
            return item if item.image is not None else None
        case _:
            return item


def ending_events(outcome: Outcome, error: BaseException | None) -> list[ThreadStreamEvent]:
    """Return the last events of a turn that did not complete."""
    match outcome:
        case "failed" if error is not None:
            return [error_event(error)]
        case "deadline":
            message = TurnDeadlineError.default_message
            return [NoticeEvent(level="warning", message=message), error_event(TurnDeadlineError())]
        case "lost":
            return [ErrorEvent(code=ErrorCode.STREAM_ERROR, allow_retry=True)]
        case "interrupted":
            return [NoticeEvent(level="info", message="A later request or a person ended this answer.")]
        case _:
            return []


def error_event(error: BaseException) -> ErrorEvent:
    """Return the `error` event of a failure. Only messages that were written for users leave the process."""
    match error:
        case ReportedError():
            return error.event
        case AssistantError():
            return ErrorEvent(code="custom", message=error.message, allow_retry=error.retryable)
        case CustomStreamError():
            return ErrorEvent(code="custom", message=error.message, allow_retry=error.allow_retry)
        case StreamError():
            return ErrorEvent(code=error.code, allow_retry=error.allow_retry)
        case _:
            return ErrorEvent(code=ErrorCode.STREAM_ERROR, allow_retry=True)


def error_story(error: BaseException | None) -> dict[str, Any]:
    """Return the attributes of a failure that the turn's story row stores: the error code and the event's content."""
    if error is None:
        return {}
    event = error_event(error)
    code = error.code if isinstance(error, AssistantError) else type(error).__name__
    return {"error": code, "error_message": event.message, "error_retry": event.allow_retry}


def stored_error_event(story: Mapping[str, Any]) -> ErrorEvent:
    """Return the `error` event of a failed turn, from its story."""
    message = story.get("error_message")
    code: ErrorCode | Literal["custom"] = ErrorCode.STREAM_ERROR if message is None else "custom"
    return ErrorEvent(code=code, message=message, allow_retry=story.get("error_retry", True))
