"""The context object of an invocation, compatible with awslambdaric 4."""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

W3C_FIELDS = ("traceparent", "tracestate", "baggage")
"""The trace fields that a client context may contain under `w3c`. All others are dropped."""


FACTS = (
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
)


@functools.cache
def function_facts() -> dict[str, str | None]:
    """Return the function's facts from the environment. They never change in a process."""
    return {name: os.environ.get(name) for name in FACTS}


class ContextError(Exception):
    """A header of the invocation is not valid JSON."""


class _Fields:
    """A record whose fields are its slots. Missing values are None."""

    __slots__: tuple[str, ...] = ()

    def __init__(self, values: Mapping[str, Any]) -> None:
        for field in self.__slots__:
            setattr(self, field, values.get(field))

    def __repr__(self) -> str:
        fields = ",".join(f"{field}={getattr(self, field)}" for field in self.__slots__)
        return f"{type(self).__name__}([{fields}])"


class CognitoIdentity(_Fields):
    """The caller's Amazon Cognito identity, if it used one."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    cognito_identity_id: str | None
    cognito_identity_pool_id: str | None


class Client(_Fields):
    """The mobile app of the caller, as described by its AWS SDK."""

    __slots__ = ("app_package_name", "app_title", "app_version_code", "app_version_name", "installation_id")


class ClientContext(_Fields):
    """The client context that a caller with an AWS SDK sends with the event."""

    __slots__ = ("client", "custom", "env")

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        client = values.get("client")
        self.client = None if client is None else Client(client)


class LambdaContext:
    """The context of one invocation.

    The public attributes are those of awslambdaric, and `trace_id`: with several invocations in one process,
    the environment cannot contain it.
    """

    def __init__(
        self,
        invoke_id: str,
        client_context: dict[str, Any] | None,
        cognito_identity: Mapping[str, Any] | None,
        epoch_deadline_time_in_ms: int,
        invoked_function_arn: str | None = None,
        tenant_id: str | None = None,
        trace_id: str | None = None,
    ) -> None:
        facts = function_facts()
        self.aws_request_id = invoke_id
        self.log_group_name = facts["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = facts["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.function_name = facts["AWS_LAMBDA_FUNCTION_NAME"]
        self.memory_limit_in_mb = facts["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.function_version = facts["AWS_LAMBDA_FUNCTION_VERSION"]
        self.invoked_function_arn = invoked_function_arn
        self.tenant_id = tenant_id
        self.trace_id = trace_id
        self._w3c_fields: dict[str, str] = {}
        self.client_context: ClientContext | None = None
        if client_context is not None:
            w3c = client_context.pop("w3c", None)
            if isinstance(w3c, dict):
                self._w3c_fields = {key: w3c[key] for key in W3C_FIELDS if isinstance(w3c.get(key), str)}
            self.client_context = ClientContext(client_context)
        self._cognito_identity = cognito_identity or {}
        self._epoch_deadline_time_in_ms = epoch_deadline_time_in_ms

    @functools.cached_property
    def identity(self) -> CognitoIdentity:
        """The caller's Amazon Cognito identity. Created at first use, because few apps need it."""
        return CognitoIdentity(
            {
                "cognito_identity_id": self._cognito_identity.get("cognitoIdentityId"),
                "cognito_identity_pool_id": self._cognito_identity.get("cognitoIdentityPoolId"),
            }
        )

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends this invocation, at least 0."""
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def w3c(self) -> dict[str, str]:
        """Return the W3C trace context of the invocation."""
        return dict(self._w3c_fields)

    def log(self, msg: object) -> None:
        """Write an unformatted message to the function's log."""
        for handler in logging.getLogger().handlers:
            sink = getattr(handler, "log_sink", None)
            if sink is not None:
                sink.log(str(msg))
                return
        sys.stdout.write(str(msg))

    def __repr__(self) -> str:
        names = (
            "aws_request_id",
            "log_group_name",
            "log_stream_name",
            "function_name",
            "memory_limit_in_mb",
            "function_version",
            "invoked_function_arn",
            "client_context",
            "identity",
            "tenant_id",
        )
        return f"LambdaContext([{','.join(f'{name}={getattr(self, name)}' for name in names)}])"


CURRENT_CONTEXT: ContextVar[LambdaContext | None] = ContextVar("lambda_stream_context", default=None)
"""The context of the current invocation. Log lines take their request id from it."""


def parse_header(text: str | None, name: str) -> dict[str, Any] | None:
    """Return the JSON object in a header, or None if the header is missing or empty.

    Raises:
        ContextError: The header is not a JSON object.
    """
    if not text:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ContextError(f"Unable to parse {name} JSON: {error}") from None
    if not isinstance(value, dict):
        raise ContextError(f"Unable to parse {name} JSON: it is no object")
    return value
