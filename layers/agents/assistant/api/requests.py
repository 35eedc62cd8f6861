"""Parse the three forms of a request: ChatKit's own, the plain call, and ChatKit's input without its envelope."""

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

# Enough to find the mistake.
MAX_REPORTED_PROBLEMS = 3


@dataclass(frozen=True)
class ParsedRequest:
    """A request and the form of its answer.

    Attributes:
        request: The request in ChatKit's form.
        plain: Whether it was the plain call, which is answered with text instead of ChatKit's events.
    """

    request: StreamingReq | NonStreamingReq
    plain: bool = False


@cache
def _adapter() -> TypeAdapter[StreamingReq | NonStreamingReq]:
    from pydantic import TypeAdapter

    # Building the adapter takes 3.5 ms, using it microseconds.
    return TypeAdapter(ChatKitReq)


def parse_request(body: Mapping[str, Any]) -> ParsedRequest:
    """Return the request in a body.

    Args:
        body: The parsed JSON. It has `type`, or else `message.content` or `input.content` and optionally `thread_id`.

    Raises:
        InvalidRequestError: The body has none of the three forms, or a value in it is not valid.
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
    # ChatKit's default for a missing action type is a type variable (chatkit.actions, 1.6.5).
    if isinstance(request, ThreadsCustomActionReq | ThreadsSyncCustomActionReq) and not isinstance(
        request.params.action.type, str
    ):
        raise InvalidRequestError("params.action.type: Field required")
    return request


def _described(problem: ErrorDetails) -> str:
    """Return where the problem is and what is wrong, without the value that was sent."""
    # The first part of the location is the operation, which the client knows.
    place, message = [str(part) for part in problem["loc"][1:]], problem["msg"]
    if problem["type"] == "union_tag_invalid":
        place, message = [*place, "type"], f"Input should be one of {problem['ctx']['expected_tags']}"
    elif problem["type"] == "union_tag_not_found":
        place, message = [*place, "type"], "Field required"
    return f"{'.'.join(place)}: {message}"
