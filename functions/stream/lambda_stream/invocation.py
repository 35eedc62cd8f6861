"""One invocation: turn its event into a request, run it in the bridge and watch its deadline."""

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
"""The share of the cut that a stalled reader gets to receive the end of a response."""

logger = logging.getLogger("lambda_stream")

_decode_json = json.JSONDecoder().decode

# On Python 3.12 and newer, the app starts in the same iteration of the event loop that received its event.
_AT_ONCE: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


@dataclass(frozen=True, slots=True)
class Host:
    """The objects that all invocations share.

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
    """One invocation. It ends when the app has returned and Lambda has received the response, or never will.

    Args:
        host: the objects that all invocations share.
        api: the worker's Runtime API.
        guard: the worker's deadline guard.
        invocation: the answer of `/next`.
        on_end: called once, at the end.
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
        """Start the app in this invocation's own context, so that its context variables end with the invocation."""
        self._context = context
        self._task = asyncio.Task(self._run(), loop=self._host.loop, context=context, **_AT_ONCE)

    def disconnect(self) -> None:
        """Tell the app that its client has disconnected."""
        if self._exchange is not None:
            self._exchange.disconnect()

    def cancel(self) -> asyncio.Task[None]:
        """Cancel the app and return its task."""
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
            # A failure in one invocation must not affect later ones.
            logger.exception("The runtime failed on an invocation")
            self._api.close()
        finally:
            self._returned = True
            self._end_if_over()

    def _open_exchange(self) -> Exchange | Fault:
        """Return the invocation's request, or the reason why it has none."""
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
        # The connection may call this outside the invocation's context, which has the request id for the log.
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
        # Break the reference cycles, so that memory is freed now and not by the garbage collector.
        self._exchange = self._stream = None
        self._on_end()

    # ---- the deadline

    def _begin_cut(self) -> None:
        # The guard's timer runs outside the invocation's context, which has the request id for the log.
        self._cutting = self._host.loop.create_task(self._cut(), context=self._context.copy())

    async def _cut(self) -> None:
        try:
            if not self._returned and self._exchange is not None:
                # End the response first, because the app may take too long to react to its cancellation.
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
