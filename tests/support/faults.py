"""Inject failures of DynamoDB and S3 where botocore sends its requests. All code above runs as on AWS."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Literal

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError

Fault = Literal[
    "throttled",
    "timed out",
    "answer lost",
    "condition failed",
    "conflict",
    "invalid",
    "access denied",
    "gone",
    "killed",
    "left over",
]

_DYNAMODB: dict[Fault, tuple[int, str]] = {
    "throttled": (400, "ProvisionedThroughputExceededException"),
    "condition failed": (400, "ConditionalCheckFailedException"),
    "conflict": (400, "TransactionConflictException"),
    "invalid": (400, "ValidationException"),
    "access denied": (400, "AccessDeniedException"),
    "gone": (400, "ResourceNotFoundException"),
}
# The same failures as reasons of a cancelled transaction.
_REASONS: dict[Fault, str] = {
    "throttled": "ThrottlingError",
    "condition failed": "ConditionalCheckFailed",
    "conflict": "TransactionConflict",
    "invalid": "ValidationError",
}
_S3: dict[Fault, tuple[int, str]] = {
    "throttled": (503, "SlowDown"),
    "condition failed": (412, "PreconditionFailed"),
    "invalid": (400, "InvalidRequest"),
    "access denied": (403, "AccessDenied"),
    "gone": (404, "NoSuchBucket"),
}


class ProcessKilledError(BaseException):
    """The process ended at this point: nothing that handles errors runs after it."""


class _Raw(BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@dataclass
class Calls:
    """The calls that were met, in their order.

    Attributes:
        seen: The names of all operations that were sent.
        failed: How many of them failed by the fault.
    """

    seen: list[str] = field(default_factory=list)
    failed: int = 0


def aws_response(url: str, status: int, content_type: str, body: bytes) -> AWSResponse:
    """Return a response as botocore receives it."""
    return AWSResponse(url, status, HTTPHeaders.from_dict({"content-type": content_type}), _Raw(body))


def _answer(url: str, service: str, fault: Fault, operation: str) -> AWSResponse:
    if service == "s3":
        status, code = _S3[fault]
        body = f"<Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
        return aws_response(url, status, "application/xml", body)
    status, code = _DYNAMODB[fault]
    answer: dict[str, Any] = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "injected"}
    if operation == "TransactWriteItems" and fault in _REASONS:
        reason = _REASONS[fault]
        answer["__type"] = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
        answer["CancellationReasons"] = [{"Code": reason, "Message": "injected"}]
    return aws_response(url, status, "application/x-amz-json-1.0", json.dumps(answer).encode())


def _left_over(client: Any, request: AWSPreparedRequest, operation: str) -> AWSResponse:
    """Carry out half of a batch, and answer what is left over as AWS does."""
    assert isinstance(request.body, bytes)
    if operation == "DeleteObjects":
        keys = re.findall(rb"<Key>(.*?)</Key>", request.body)
        errors = b"".join(b"<Error><Key>%s</Key><Code>InternalError</Code></Error>" % key for key in keys)
        xml = b"<DeleteResult>" + errors + b"</DeleteResult>"
        return aws_response(request.url, 200, "application/xml", xml)
    ((table, batch),) = json.loads(request.body)["RequestItems"].items()
    answer: dict[str, Any]
    if operation == "BatchWriteItem":
        done, left = batch[: len(batch) // 2], batch[len(batch) // 2 :]
        if done:
            client.batch_write_item(RequestItems={table: done})
        answer = {"UnprocessedItems": {table: left}}
    else:
        done, left = batch["Keys"][: len(batch["Keys"]) // 2], batch["Keys"][len(batch["Keys"]) // 2 :]
        found = client.batch_get_item(RequestItems={table: {**batch, "Keys": done}})["Responses"] if done else {}
        answer = {"Responses": found, "UnprocessedKeys": {table: {**batch, "Keys": left}}}
    content = json.dumps(answer, default=lambda value: b64encode(value).decode()).encode()
    return aws_response(request.url, 200, "application/x-amz-json-1.0", content)


@contextmanager
def failing(
    client: Any,
    fault: Fault | None,
    operation: str = "*",
    *,
    times: int | None = None,
    after: int = 0,
    only: Callable[[bytes], bool] = lambda _: True,
) -> Iterator[Calls]:
    """Let a client's calls fail; with None for a fault, only watch them.

    Args:
        client: A boto3 client of DynamoDB or S3, on a local AWS that is a server.
        fault: What happens. `answer lost`: the call is carried out and its answer never comes. `left over`: of a
            batch half is done (none of S3's), and the answer says so.
        operation: The operation's name, such as `TransactWriteItems`; all by default.
        times: How many calls fail; all by default.
        after: How many calls succeed before the first one fails.
        only: Whether a request of this body counts.
    """
    service: str = client.meta.service_model.service_name
    calls = Calls()
    passed = 0

    def before_send(request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse | None:
        nonlocal passed
        name = event_name.rpartition(".")[2]
        calls.seen.append(name)
        body = request.body or b""
        if fault is None or operation not in ("*", name) or not only(body if isinstance(body, bytes) else b""):
            return None
        passed += 1
        if passed <= after or (times is not None and calls.failed >= times):
            return None
        calls.failed += 1
        if fault == "killed":
            raise ProcessKilledError
        if fault == "left over":
            # The half of it is a call of the same client.
            client.meta.events.unregister(event, before_send)
            try:
                return _left_over(client, request, name)
            finally:
                client.meta.events.register_first(event, before_send)
        if fault == "answer lost":
            client._endpoint.http_session.send(request)
        if fault in ("timed out", "answer lost"):
            raise ReadTimeoutError(endpoint_url=request.url)
        return _answer(request.url, service, fault, name)

    event = f"before-send.{client.meta.service_model.service_id.hyphenize()}"
    client.meta.events.register_first(event, before_send)
    try:
        yield calls
    finally:
        client.meta.events.unregister(event, before_send)
