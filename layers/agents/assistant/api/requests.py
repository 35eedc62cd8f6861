"""The three shapes of a request: ChatKit's, the plain call, and ChatKit's input without its envelope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from chatkit.types import ChatKitReq, NonStreamingReq, StreamingReq, ThreadsCustomActionReq, ThreadsSyncCustomActionReq
from pydantic import ValidationError

from assistant.errors import InvalidRequestError

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails

# Enough to find the mistake by.
MAX_REPORTED_PROBLEMS = 3


@dataclass(frozen=True)
class ParsedRequest:
    """A request, and the form in which its answer is wanted.

    Attributes:
        request: The ChatKit request that it is or stands for.
        plain: Whether it was the plain call, which gets text and no ChatKit events.
    """

    request: StreamingReq | NonStreamingReq
    plain: bool = False


@cache
def _adapter() -> TypeAdapter[StreamingReq | NonStreamingReq]:
    from pydantic import TypeAdapter

    # Building it takes 3.5 ms, using it microseconds.
    return TypeAdapter(ChatKitReq)


def parse_request(body: Mapping[str, Any]) -> ParsedRequest:
    """Return the request that a body holds.

    Args:
        body: The parsed JSON: with `type`, or else with `message.content` or `input.content`, and there with
            an optional `thread_id`.

    Raises:
        InvalidRequestError: it has none of the three shapes, or something in it is wrong.
    """
    if "type" in body:
        return ParsedRequest(_validated(body))
    for name in ("message", "input"):
        given = body.get(name)
        if isinstance(given, dict) and "content" in given:
            return ParsedRequest(_message(given, body.get("thread_id")), plain=name == "message")
    raise InvalidRequestError("The body needs a 'type', a 'message.content' or an 'input.content'.")


def _message(given: Mapping[str, Any], thread_id: object) -> StreamingReq | NonStreamingReq:
    content = given["content"]
    if isinstance(content, str):
        content = [{"type": "input_text", "text": content}]
    message = {"attachments": [], "inference_options": {}, **given, "content": content}
    if not message["attachments"] and not _has_text(content):
        raise InvalidRequestError("The message is empty.")
    if thread_id is None:
        return _validated({"type": "threads.create", "params": {"input": message}})
    params = {"input": message, "thread_id": thread_id}
    return _validated({"type": "threads.add_user_message", "params": params})


def _has_text(content: object) -> bool:
    if not isinstance(content, list):
        return True
    return any(not isinstance(part, dict) or str(part.get("text", "")).strip() for part in content)


def _validated(body: Mapping[str, Any]) -> StreamingReq | NonStreamingReq:
    try:
        request = _adapter().validate_python(body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        raise InvalidRequestError("; ".join(map(_described, problems[:MAX_REPORTED_PROBLEMS]))) from None
    # ChatKit's own default for it is a type variable (chatkit.actions, 1.6.5).
    if isinstance(request, ThreadsCustomActionReq | ThreadsSyncCustomActionReq) and not isinstance(
        request.params.action.type, str
    ):
        raise InvalidRequestError("params.action.type: Field required")
    return request


def _described(problem: ErrorDetails) -> str:
    """Return what is wrong and where, without a word of what was sent."""
    # First in the place stands which of the operations it is, which the sender knows.
    place, message = [str(part) for part in problem["loc"][1:]], problem["msg"]
    if problem["type"] == "union_tag_invalid":
        place, message = [*place, "type"], f"Input should be one of {problem['ctx']['expected_tags']}"
    elif problem["type"] == "union_tag_not_found":
        place, message = [*place, "type"], "Field required"
    return f"{'.'.join(place)}: {message}"
