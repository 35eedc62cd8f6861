"""One invocation: its event becomes a request, the bridge runs it, the deadline guard watches it."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from lambda_stream.bridge import App, Exchange
from lambda_stream.context import CURRENT_CONTEXT, ContextError, LambdaContext, parse_header
from lambda_stream.deadline import DeadlineGuard
from lambda_stream.events import UnsupportedEvent, http_request
from lambda_stream.faults import Fault
from lambda_stream.logs import LogSink
from lambda_stream.metrics import broken_stream_metric
from lambda_stream.response import ResponseStream
from lambda_stream.runtime_api import Invocation, RuntimeApi
from lambda_stream.settings import RuntimeSettings

LAST_WAIT_SHARE = 0.5
"""Share of the cut in which a reader that stalls may still take the end of a response."""

logger = logging.getLogger("lambda_stream")

_decode_json = json.JSONDecoder().decode

# From Python 3.12 on an app begins in the turn of the loop that brings its event: one turn less to the first byte.
_AT_ONCE: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


@dataclass(frozen=True, slots=True)
class Host:
    """What is the same for all invocations.

    Attributes:
        loop: the running loop.
        app: the ASGI app.
        state: the lifespan's state.
        settings: the runtime's settings.
        sink: the function's log, for the metric lines.
    """

    loop: asyncio.AbstractEventLoop
    app: App
    state: dict[str, Any]
    settings: RuntimeSettings
    sink: LogSink


class InvocationRun:
    """The work on one invocation. It is over when the app has returned and Lambda has the response or never will.

    Args:
        host: what is the same for all invocations.
        api: the worker's Runtime API.
        guard: the worker's deadline guard.
        invocation: what `/next` gave.
        on_end: called once, when it is over.
    """

    __slots__ = (
        "_abandoning",
        "_api",
        "_context",
        "_cutting",
        "_exchange",
        "_guard",
        "_host",
        "_invocation",
        "_on_end",
        "_returned",
        "_stream",
        "_task",
    )

    def __init__(
        self,
        host: Host,
        api: RuntimeApi,
        guard: DeadlineGuard,
        invocation: Invocation,
        on_end: Callable[[], None],
    ) -> None:
        self._host = host
        self._api = api
        self._guard = guard
        self._invocation = invocation
        self._on_end = on_end
        self._exchange: Exchange | None = None
        self._stream: ResponseStream | None = None
        self._cutting: asyncio.Task[None] | None = None
        self._abandoning: asyncio.TimerHandle | None = None
        self._returned = False
        self._context: Context
        self._task: asyncio.Task[None]

    def start(self, context: Context) -> None:
        """Begin, in a context of its own: what the app puts into it ends with the invocation."""
        self._context = context
        self._task = asyncio.Task(self._run(), loop=self._host.loop, context=context, **_AT_ONCE)

    def disconnect(self) -> None:
        """Tell the app that its client is gone."""
        if self._exchange is not None:
            self._exchange.disconnect()

    def cancel(self) -> asyncio.Task[None]:
        """Cancel the app, and return its task."""
        self._task.cancel()
        return self._task

    async def _run(self) -> None:
        try:
            exchange = self._open_exchange()
            if isinstance(exchange, Fault):
                logger.error("%s: %s", exchange.kind, exchange.message)
                await self._api.invocation_error(self._invocation, exchange)
            else:
                await exchange.run()
        except Exception:
            # Nothing that one invocation brings about may cost the ones after it.
            logger.exception("The runtime failed on an invocation")
            self._api.close()
        finally:
            self._returned = True
            self._end_if_over()

    def _open_exchange(self) -> Exchange | Fault:
        """Read the invocation, and return the request that it brings or why it brings none."""
        invocation = self._invocation
        try:
            context = _context(invocation)
            CURRENT_CONTEXT.set(context)
            event = _decode_json(invocation.event.decode())
            scope, body = http_request(event)
        except (ContextError, UnsupportedEvent, ValueError, RecursionError) as error:
            return Fault(_refusal_kind(error), str(error))
        host = self._host
        scope["aws.event"] = event
        scope["aws.context"] = context
        scope["state"] = host.state.copy()
        self._stream = stream = self._api.respond(invocation, self._on_broken, self._on_settled)
        self._exchange = exchange = Exchange(host.app, scope, body, stream, self._count_broken_stream)
        self._guard.watch(invocation.deadline_ms, exchange.tell_of_deadline, self._begin_cut)
        return exchange

    def _on_broken(self, why: str) -> None:
        # The news may come from the connection, whose context is no invocation's: a log line has a request id.
        self._context.copy().run(logger.warning, "The response cannot be delivered: %s", why)
        self.disconnect()

    def _on_settled(self) -> None:
        if self._abandoning is not None:
            self._abandoning.cancel()
        self._end_if_over()

    def _count_broken_stream(self, fault: Fault) -> None:
        host = self._host
        host.sink.log(broken_stream_metric(host.settings.metrics_namespace, fault.kind, self._invocation.request_id))

    def _end_if_over(self) -> None:
        if not self._returned or self._cutting is not None or not (self._stream is None or self._stream.settled):
            return
        self._guard.release()
        # What points back here lets go: all of it is freed now, and not when the collector next looks.
        self._exchange = self._stream = None
        self._on_end()

    # ---- the deadline

    def _begin_cut(self) -> None:
        # The guard's timer belongs to no invocation, and a log line has a request id.
        self._cutting = self._host.loop.create_task(self._cut(), context=self._context.copy())

    async def _cut(self) -> None:
        try:
            if not self._returned and self._exchange is not None:
                # First the client's word, then the app: cancelling may take it longer than there is time.
                await self._exchange.cut()
                self._task.cancel()
            stream = self._stream
            if stream is not None and not stream.settled:
                self._abandoning = self._host.loop.call_later(
                    self._host.settings.cut * LAST_WAIT_SHARE,
                    stream.abandon,
                    "the reader stalled until the deadline",
                )
        finally:
            self._cutting = None
            self._end_if_over()


def _context(invocation: Invocation) -> LambdaContext:
    return LambdaContext(
        invocation.request_id,
        parse_header(invocation.client_context, "Client Context"),
        parse_header(invocation.cognito_identity, "Cognito Identity"),
        invocation.deadline_ms,
        invocation.function_arn,
        invocation.tenant_id,
        invocation.trace_id,
    )


def _refusal_kind(error: Exception) -> str:
    if isinstance(error, ContextError):
        return "Runtime.LambdaContextUnmarshalError"
    if isinstance(error, UnsupportedEvent):
        return "Runtime.UnsupportedEvent"
    return "Runtime.UnmarshalError"
