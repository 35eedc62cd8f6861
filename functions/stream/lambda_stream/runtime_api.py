"""The client of the Lambda Runtime API, version 2018-06-01, with streamed responses.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and, for streaming,
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass

from lambda_stream.faults import Fault
from lambda_stream.wire import Answer, Connection, ConnectionBroken

VERSION = "2018-06-01"
USER_AGENT = f"lambda-stream/1.0.0 python/{sys.version_info.major}.{sys.version_info.minor}"
STREAM_CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
ERROR_TYPE_HEADER = "Lambda-Runtime-Function-Error-Type"
ERROR_BODY_HEADER = "Lambda-Runtime-Function-Error-Body"
XRAY_HEADER = "Lambda-Runtime-Function-XRay-Error-Cause"
INVOCATION_ID_HEADER = "Lambda-Runtime-Invocation-Id"
MAX_XRAY_CAUSE = 64 * 1024
"""Bytes of an X-Ray cause; a longer one is left out, as a header it could cost the error report itself."""
NEXT_ATTEMPTS = 6
"""Times that `/next` may fail in a row before the process gives up and Lambda starts another."""
FIRST_RETRY_DELAY = 0.05
"""Seconds before the second attempt; doubled for each one after it, 1.6 s in all."""


class RuntimeApiError(Exception):
    """The Runtime API does not give us work."""


class StreamBroken(ConnectionError):
    """The response cannot be delivered any more."""


@dataclass(slots=True)
class Invocation:
    """One answer of `/next`.

    Attributes:
        request_id: the invocation's id.
        invocation_id: the id to echo, where the platform names one.
        deadline_ms: when Lambda ends it, milliseconds since 1970 UTC.
        trace_id: the X-Ray header.
        function_arn: the ARN that was invoked.
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


class ResponseStream:
    """The response of one invocation on its way to Lambda.

    Args:
        connection: an idle connection.
        head: the request head of the response.
        on_broken: called once, from the loop, when the response cannot be delivered.
    """

    __slots__ = ("_answer", "_connection", "_finished", "_on_broken", "_unsent", "broken")

    def __init__(self, connection: Connection, head: bytes, on_broken: Callable[[str], None]) -> None:
        self._connection = connection
        self._on_broken = on_broken
        self._unsent: list[bytes] | None = [head]
        """What leaves at the loop's next turn, until it has: the prelude and a short body cost one system call."""
        self._answer: asyncio.Future[Answer] | None = None
        self._finished = False
        self.broken: str = ""
        """Why the response cannot be delivered; empty while it can."""

    @property
    def paused(self) -> bool:
        """Whether Lambda takes less than was written: await `drain`."""
        return self._connection.paused

    def write(self, chunk: bytes) -> None:
        """Send a chunk.

        An empty one is skipped: on the wire a chunk without a byte ends the response.

        Raises:
            StreamBroken: Lambda does not take it any more.
        """
        size = len(chunk)
        if size == 0:
            return
        unsent = self._unsent
        if unsent is None:
            if not self._connection.write(b"".join((b"%x\r\n" % size, chunk, b"\r\n"))):
                self._break("the connection to the Runtime API is closed")
                raise StreamBroken(self.broken)
            return
        if len(unsent) == 1:
            self._connection.loop.call_soon(self._begin)
        unsent += (b"%x\r\n" % size, chunk, b"\r\n")

    async def drain(self) -> None:
        """Wait until Lambda has taken most of what was written.

        Raises:
            StreamBroken: it never will.
        """
        if self._unsent is not None:
            self._begin()
        await self._connection.drain()
        if self.broken:
            raise StreamBroken(self.broken)

    def finish(self, chunk: bytes = b"") -> None:
        """End the response, with a last chunk if there is one."""
        if chunk:
            self._end(b"".join((b"%x\r\n" % len(chunk), chunk, b"\r\n0\r\n\r\n")))
        else:
            self._end(b"0\r\n\r\n")

    def fail(self, fault: Fault) -> None:
        """End the response with an error, in the trailers."""
        self._end(
            b"0\r\n%s: %s\r\n%s: %s\r\n\r\n"
            % (
                ERROR_TYPE_HEADER.encode(),
                fault.kind.encode("ascii"),
                ERROR_BODY_HEADER.encode(),
                fault.trailer_body(),
            )
        )

    def abandon(self, why: str) -> None:
        """Give the response up and close its connection, whatever is still buffered."""
        self._break(why)
        self._connection.abort()

    async def delivered(self) -> bool:
        """Wait for Lambda's word on the response: whether it took it whole."""
        answer = self._answer
        if answer is None:
            return False
        with contextlib.suppress(ConnectionBroken):
            return (await answer).status < 400 and not self.broken
        return False

    def _end(self, last: bytes) -> None:
        if not self.broken and not self._finished:
            self._finished = True
            if self._unsent is None:
                self._connection.write(last)
            else:
                self._unsent.append(last)
                self._begin()

    def _begin(self) -> None:
        unsent, self._unsent = self._unsent, None
        if unsent is not None and not self.broken:
            answer = self._answer = self._connection.begin(b"".join(unsent))
            answer.add_done_callback(self._answered)

    def _answered(self, answer: asyncio.Future[Answer]) -> None:
        if answer.cancelled():
            return
        error = answer.exception()
        if error is not None:
            self._break(str(error))
        elif answer.result().status >= 400:
            refusal = answer.result()
            self._break(f"the Runtime API refused the response with status {refusal.status}: {refusal.body[:500]!r}")
            if not self._finished:
                # Half a request stands on the connection.
                self._connection.abort()

    def _break(self, why: str) -> None:
        if not self.broken:
            self.broken = why
            self._on_broken(why)


class RuntimeApi:
    """The Runtime API as one worker uses it: one connection, opened anew when it broke.

    Args:
        address: `host:port`.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._host, self._port = (host, int(port)) if host else (port, 80)
        self._address = address
        self._connection: Connection | None = None
        self._next = self._head("GET", "/runtime/invocation/next") + b"\r\n"

    async def next(self) -> Invocation:
        """Wait for the next invocation, as long as it takes.

        Raises:
            RuntimeApiError: the API failed several times in a row.
        """
        delay = FIRST_RETRY_DELAY
        for attempt in range(1, NEXT_ATTEMPTS + 1):
            try:
                answer = await self._exchange(self._next)
                if answer.status == 200:
                    return _invocation(answer)
                failure = f"status {answer.status}: {answer.body[:500]!r}"
            except (OSError, ValueError) as error:
                failure = f"{type(error).__name__}: {error}"
            if attempt < NEXT_ATTEMPTS:
                await asyncio.sleep(delay)
                delay *= 2
        raise RuntimeApiError(f"the Runtime API gave no invocation {NEXT_ATTEMPTS} times in a row, last {failure}")

    async def respond(self, invocation: Invocation, on_broken: Callable[[str], None]) -> ResponseStream:
        """Prepare the streamed response of an invocation; nothing is sent before the first chunk.

        Raises:
            OSError: the API cannot be reached.
        """
        head = self._head(
            "POST",
            f"/runtime/invocation/{invocation.request_id}/response",
            f"Content-Type: {STREAM_CONTENT_TYPE}\r\n"
            "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
            f"Trailer: {ERROR_TYPE_HEADER}\r\nTrailer: {ERROR_BODY_HEADER}\r\n"
            "Transfer-Encoding: chunked\r\n" + _echo(invocation),
        )
        return ResponseStream(await self._connected(), head + b"\r\n", on_broken)

    async def invocation_error(self, invocation: Invocation, fault: Fault) -> None:
        """Report an invocation that has no response. Lambda's refusal of the report is no error of ours."""
        cause = fault.xray_cause()
        xray = f"{XRAY_HEADER}: {cause.decode()}\r\n" if len(cause) <= MAX_XRAY_CAUSE else ""
        path = f"/runtime/invocation/{invocation.request_id}/error"
        with contextlib.suppress(OSError):
            await self._report(path, fault, fault.document(invocation.request_id), xray + _echo(invocation))

    async def init_error(self, fault: Fault) -> None:
        """Report a start-up that failed."""
        with contextlib.suppress(OSError):
            await self._report("/runtime/init/error", fault, fault.document())

    async def restore_next(self) -> None:
        """Tell Lambda that the snapshot may be taken; returns in a restored copy, without any connection.

        Raises:
            RuntimeApiError: the API says no.
            OSError: it cannot be reached.
        """
        try:
            answer = await self._exchange(self._head("GET", "/runtime/restore/next") + b"\r\n")
        finally:
            self.close()
        if answer.status != 200:
            raise RuntimeApiError(f"/restore/next answered with status {answer.status}: {answer.body[:500]!r}")

    async def restore_error(self, fault: Fault) -> None:
        """Report a restore that failed."""
        with contextlib.suppress(OSError):
            await self._report("/runtime/restore/error", fault, fault.document())

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    async def _report(self, path: str, fault: Fault, document: bytes, headers: str = "") -> None:
        head = self._head(
            "POST",
            path,
            f"Content-Type: application/json\r\nContent-Length: {len(document)}\r\n"
            f"{ERROR_TYPE_HEADER}: {fault.kind}\r\n{headers}",
        )
        await self._exchange(head + b"\r\n" + document)

    async def _exchange(self, request: bytes) -> Answer:
        connection = await self._connected()
        return await connection.begin(request)

    async def _connected(self) -> Connection:
        connection = self._connection
        if connection is not None and connection.usable:
            return connection
        self.close()
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(loop), self._host, self._port)
        self._connection = connection
        return connection

    def _head(self, method: str, path: str, headers: str = "") -> bytes:
        # latin-1 sends the id and its echo back as the bytes that they came in.
        return (
            f"{method} /{VERSION}{path} HTTP/1.1\r\nHost: {self._address}\r\nUser-Agent: {USER_AGENT}\r\n{headers}"
        ).encode("latin-1")


def _echo(invocation: Invocation) -> str:
    return f"{INVOCATION_ID_HEADER}: {invocation.invocation_id}\r\n" if invocation.invocation_id else ""


def _invocation(answer: Answer) -> Invocation:
    headers = answer.headers
    client_context = headers.get("lambda-runtime-client-context")
    cognito_identity = headers.get("lambda-runtime-cognito-identity")
    return Invocation(
        request_id=headers.get("lambda-runtime-aws-request-id", ""),
        invocation_id=headers.get("lambda-runtime-invocation-id"),
        deadline_ms=int(headers.get("lambda-runtime-deadline-ms") or 0),
        trace_id=headers.get("lambda-runtime-trace-id"),
        function_arn=headers.get("lambda-runtime-invoked-function-arn"),
        client_context=_utf8(client_context),
        cognito_identity=_utf8(cognito_identity),
        tenant_id=_utf8(headers.get("lambda-runtime-aws-tenant-id")),
        event=answer.body,
    )


def _utf8(text: str | None) -> str | None:
    """Undo latin-1, the header's reading as bytes, where the bytes are UTF-8."""
    return text if text is None or text.isascii() else text.encode("latin-1").decode("utf-8", "replace")
