"""The client of the Lambda Runtime API, version 2018-06-01, with streamed responses.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and, for streaming,
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass

from lambda_stream.faults import Fault
from lambda_stream.response import ERROR_BODY_HEADER, ERROR_TYPE_HEADER, ResponseStream
from lambda_stream.wire import Answer, Connection, ConnectionBroken

VERSION = "2018-06-01"
USER_AGENT = f"lambda-stream/1.0.0 python/{sys.version_info.major}.{sys.version_info.minor}"
STREAM_CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
STREAM_HEADERS = (
    f"Content-Type: {STREAM_CONTENT_TYPE}\r\n"
    "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
    f"Trailer: {ERROR_TYPE_HEADER}\r\nTrailer: {ERROR_BODY_HEADER}\r\n"
    "Transfer-Encoding: chunked\r\n"
)
XRAY_HEADER = "Lambda-Runtime-Function-XRay-Error-Cause"
INVOCATION_ID_HEADER = "Lambda-Runtime-Invocation-Id"
MAX_XRAY_CAUSE = 64 * 1024
"""The maximum size of an X-Ray cause. A longer header could make Lambda refuse the whole report."""
NEXT_ATTEMPTS = 6
"""After this many failures of `/next` in a row, the process ends and Lambda starts another."""
REPORT_SECONDS = 2.0
"""The timeout of an error report."""
FIRST_RETRY_DELAY = 0.05
"""Seconds before the second attempt. The delay doubles for each further attempt, to 1.6 s in total."""


class RuntimeApiError(Exception):
    """The Runtime API gives no more work."""


@dataclass(slots=True)
class Invocation:
    """One answer of `/next`.

    Attributes:
        request_id: the invocation's id.
        invocation_id: the id to send back, if the platform sends one.
        deadline_ms: Lambda's deadline, in milliseconds since 1970 UTC.
        trace_id: the X-Ray header.
        function_arn: the invoked ARN.
        client_context: JSON text.
        cognito_identity: JSON text.
        tenant_id: the tenant of a function that isolates tenants.
        event: the event, JSON bytes.
    """

    request_id: str
    invocation_id: str | None
    deadline_ms: int
    trace_id: str | None
    function_arn: str | None
    client_context: str | None
    cognito_identity: str | None
    tenant_id: str | None
    event: bytes


class RuntimeApi:
    """A worker's client of the Runtime API. It has one connection, and opens a new one if that breaks.

    Args:
        address: `host:port`.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._host, self._port = (host, int(port)) if host else (port, 80)
        self._address = address
        self._connection: Connection | None = None
        self._next = self._head("GET", "/runtime/invocation/next") + b"\r\n"
        self._take: Callable[[Invocation], None]
        self._give_up: Callable[[RuntimeApiError], None]
        self._polling: asyncio.Task[None] | None = None

    def poll(self, take: Callable[[Invocation], None], give_up: Callable[[RuntimeApiError], None]) -> None:
        """Wait for the next invocation, without a time limit, and pass it to `take`.

        Args:
            take: called from the loop.
            give_up: called instead if the API fails several times in a row.
        """
        self._take = take
        self._give_up = give_up
        connection = self.idle
        if connection is not None:
            connection.begin(self._next, self._polled)
        else:
            self._polling = asyncio.get_running_loop().create_task(self._poll_anew(None))

    def _polled(self, answer: Answer | ConnectionBroken) -> None:
        try:
            invocation = _invocation(answer)
        except (OSError, ValueError) as error:
            self._drop()
            self._polling = asyncio.get_running_loop().create_task(self._poll_anew(error))
        else:
            self._take(invocation)

    async def _poll_anew(self, failure: Exception | None) -> None:
        """Poll on new connections, with retries. `failure` is the error of the first attempt, if there was one."""
        attempt = 0 if failure is None else 1
        while attempt < NEXT_ATTEMPTS:
            if attempt > 0:
                await asyncio.sleep(FIRST_RETRY_DELAY * 2 ** (attempt - 1))
            attempt += 1
            try:
                invocation = _invocation(await self._exchange(self._next))
            except (OSError, ValueError) as error:
                failure = error
                # After an invalid answer, the rest of the connection's data is invalid too.
                self._drop()
            else:
                self._take(invocation)
                return
        self._give_up(
            RuntimeApiError(f"the Runtime API gave no invocation {NEXT_ATTEMPTS} times in a row, last {failure}")
        )

    def respond(
        self, invocation: Invocation, on_broken: Callable[[str], None], on_settled: Callable[[], None]
    ) -> ResponseStream:
        """Prepare the streamed response of an invocation. Nothing is sent before the first chunk.

        Args:
            invocation: the invocation to answer.
            on_broken: called once, when the response cannot be delivered.
            on_settled: called once, when Lambda has acknowledged the response or never will.
        """
        head = self._head(
            "POST",
            f"/runtime/invocation/{invocation.request_id}/response",
            f"{STREAM_HEADERS}{_echo(invocation)}",
        )
        return ResponseStream(self, head + b"\r\n", on_broken, on_settled)

    async def invocation_error(self, invocation: Invocation, fault: Fault) -> None:
        """Report an invocation without a response. A refusal of the report is ignored."""
        cause = fault.xray_cause()
        xray = f"{XRAY_HEADER}: {cause.decode()}\r\n" if len(cause) <= MAX_XRAY_CAUSE else ""
        path = f"/runtime/invocation/{invocation.request_id}/error"
        await self._report(path, fault, fault.document(invocation.request_id), xray + _echo(invocation))

    async def init_error(self, fault: Fault) -> None:
        """Report a failed start-up."""
        await self._report("/runtime/init/error", fault, fault.document())

    async def restore_next(self) -> None:
        """Let Lambda take the snapshot. Returns in the restored process, without a connection.

        Raises:
            RuntimeApiError: The API refuses.
            OSError: it cannot be reached.
        """
        try:
            answer = await self._exchange(self._head("GET", "/runtime/restore/next") + b"\r\n")
        finally:
            self._drop()
        if answer.status != 200:
            raise RuntimeApiError(f"/restore/next answered with status {answer.status}: {answer.body[:500]!r}")

    async def restore_error(self, fault: Fault) -> None:
        """Report a failed restore."""
        await self._report("/runtime/restore/error", fault, fault.document())

    @property
    def idle(self) -> Connection | None:
        """The connection, if it is open and unused."""
        connection = self._connection
        return connection if connection is not None and connection.usable else None

    async def connect(self) -> Connection:
        """Open a new connection.

        Raises:
            OSError: the API cannot be reached.
        """
        self._drop()
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(loop), self._host, self._port)
        self._connection = connection
        return connection

    def close(self) -> None:
        """Close the connection and stop polling."""
        if self._polling is not None:
            self._polling.cancel()
        self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.drop()
            self._connection = None

    async def _report(self, path: str, fault: Fault, document: bytes, headers: str = "") -> None:
        head = self._head(
            "POST",
            path,
            f"Content-Type: application/json\r\nContent-Length: {len(document)}\r\n"
            f"{ERROR_TYPE_HEADER}: {fault.kind}\r\n{headers}",
        )
        try:
            await asyncio.wait_for(self._exchange(head + b"\r\n" + document), REPORT_SECONDS)
        except TimeoutError:
            self._drop()
        except OSError:
            # The Runtime API cannot be reached, so nothing can be reported.
            pass

    async def _exchange(self, request: bytes) -> Answer:
        connection = self.idle or await self.connect()
        return await connection.exchange(request)

    def _head(self, method: str, path: str, headers: str = "") -> bytes:
        # latin-1 sends the ids back with the same bytes that came in.
        return (
            f"{method} /{VERSION}{path} HTTP/1.1\r\nHost: {self._address}\r\nUser-Agent: {USER_AGENT}\r\n{headers}"
        ).encode("latin-1")


def _echo(invocation: Invocation) -> str:
    return f"{INVOCATION_ID_HEADER}: {invocation.invocation_id}\r\n" if invocation.invocation_id else ""


def _invocation(answer: Answer | ConnectionBroken) -> Invocation:
    """Read the answer of `/next`.

    Raises:
        OSError: there was none.
        ValueError: the answer has no invocation.
    """
    if isinstance(answer, ConnectionBroken):
        raise answer
    if answer.status != 200:
        raise ValueError(f"status {answer.status}: {answer.body[:500]!r}")
    headers = answer.headers
    request_id = headers.get("lambda-runtime-aws-request-id")
    if not request_id:
        raise ValueError("an event without a request id")
    deadline = headers.get("lambda-runtime-deadline-ms", "")
    client_context = headers.get("lambda-runtime-client-context")
    cognito_identity = headers.get("lambda-runtime-cognito-identity")
    return Invocation(
        request_id=request_id,
        invocation_id=headers.get("lambda-runtime-invocation-id"),
        # 0 means that there is no deadline to watch.
        deadline_ms=int(deadline) if deadline.isdecimal() else 0,
        trace_id=headers.get("lambda-runtime-trace-id"),
        function_arn=headers.get("lambda-runtime-invoked-function-arn"),
        client_context=_utf8(client_context),
        cognito_identity=_utf8(cognito_identity),
        tenant_id=_utf8(headers.get("lambda-runtime-aws-tenant-id")),
        event=answer.body,
    )


def _utf8(text: str | None) -> str | None:
    """Decode a header as UTF-8 that was read as latin-1."""
    return text if text is None or text.isascii() else text.encode("latin-1").decode("utf-8", "replace")
