"""What may be on the wire, as strict JSON Schemas made from the SDK's types: a check from outside.

The SDK's own schema lets much pass: a widget may be `Dynamic…` with any field at all, and no object says that it has no
further keys. Here the dynamic alternatives are gone and nothing more than what is declared is allowed.
"""

from __future__ import annotations

import functools
from typing import Any, get_args

from chatkit.types import (
    AttachmentsCreateReq,
    AttachmentsDeleteReq,
    ChatKitReq,
    FileAttachment,
    ImageAttachment,
    InputTranscribeReq,
    ItemsFeedbackReq,
    ItemsListReq,
    NonStreamingReq,
    Page,
    StreamingReq,
    SyncCustomActionResponse,
    Thread,
    ThreadItem,
    ThreadItemUpdate,
    ThreadsDeleteReq,
    ThreadsGetByIdReq,
    ThreadsListReq,
    ThreadsSyncCustomActionReq,
    ThreadStreamEvent,
    ThreadsUpdateReq,
    TranscriptionResult,
)
from jsonschema import Draft202012Validator
from pydantic import BaseModel, TypeAdapter

Schema = dict[str, Any]


class _Nothing(BaseModel):
    """What an operation answers that has nothing to say."""


# What each of the operations that do not stream answers, by what ChatKit's own server returns (chatkit.server, 1.6.5).
ANSWERS: dict[type[BaseModel], Any] = {
    ThreadsGetByIdReq: Thread,
    ThreadsListReq: Page[Thread],
    ItemsListReq: Page[ThreadItem],
    ItemsFeedbackReq: _Nothing,
    AttachmentsCreateReq: FileAttachment | ImageAttachment,
    AttachmentsDeleteReq: _Nothing,
    ThreadsUpdateReq: Thread,
    ThreadsDeleteReq: _Nothing,
    InputTranscribeReq: TranscriptionResult,
    ThreadsSyncCustomActionReq: SyncCustomActionResponse,
}


def kinds(union: Any) -> list[str]:
    """Return the `type` of each member of one of the SDK's unions, annotated or not."""
    members = get_args(union)
    if members and not isinstance(members[0], type):
        members = get_args(members[0])
    return sorted(member.model_fields["type"].default for member in members)


OPERATIONS = kinds(ChatKitReq)
EVENTS = kinds(ThreadStreamEvent)
ITEMS = kinds(ThreadItem)
UPDATES = kinds(ThreadItemUpdate)


def operation_of(request: type[BaseModel]) -> str:
    """Return the `type` of a request's class."""
    name: str = request.model_fields["type"].default
    return name


STREAMING = frozenset(operation_of(each) for each in get_args(StreamingReq))
ANSWER_TYPES = {operation_of(request): answer for request, answer in ANSWERS.items()}
if set(ANSWERS) != set(get_args(NonStreamingReq)):
    raise AssertionError("The SDK has operations whose answers are not known here.")


@functools.cache
def validator(of: Any) -> Draft202012Validator:
    """Return the strict validator of a type of the SDK's."""
    schema = TypeAdapter(of).json_schema(mode="serialization", by_alias=True)
    return Draft202012Validator(_strict(schema))


def event_validator() -> Draft202012Validator:
    """Return the strict validator of stream events."""
    return validator(ThreadStreamEvent)


def check(value: Any, by: Draft202012Validator) -> None:
    """Fail when a value is not what its schema says, with where and why."""
    problems = [f"{error.json_path}: {error.message[:300]}" for error in by.iter_errors(value)]
    assert not problems, problems


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    made: Schema = {name: _strict(value) for name, value in node.items()}
    for union in ("anyOf", "oneOf"):
        if union in made:
            made[union] = [each for each in made[union] if "/Dynamic" not in str(each.get("$ref", ""))]
    # Without None, a field that has no value is not there: the serialiser's `required` does not hold on the wire.
    if "properties" in made:
        made["required"] = [name for name in made.get("required", []) if not _may_be_null(made["properties"][name])]
        made.setdefault("additionalProperties", False)
    return made


def _may_be_null(node: Any) -> bool:
    return any(option.get("type") == "null" for option in node.get("anyOf", ())) or node.get("type") == "null"
