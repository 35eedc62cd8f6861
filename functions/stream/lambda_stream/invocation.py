"""One invocation: its event becomes a request, the bridge runs it, the deadline guard watches it."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from lambda_stream.bridge import App, Exchange
from lambda_stream.context import CURRENT_CONTEXT, ContextError, LambdaContext, parse_header
from lambda_stream.deadline import DeadlineGuard
from lambda_stream.events import UnsupportedEvent, http_request
from lambda_stream.faults import Fault
from lambda_stream.logs import LogSink
from lambda_stream.metrics import broken_stream_metric
from lambda_stream.runtime_api import Invocation, ResponseStream, RuntimeApi
from lambda_stream.settings import RuntimeSettings

LAST_WAIT_SHARE = 0.5
"""Share of the cut in which a reader that stalls may still take the end of a response."""

logger = logging.getLogger("lambda_stream")


class InvocationRun:
    """The work on one invocation.

    Args:
        loop: the running loop.
        app: the ASGI app.
        state: the lifespan's state.
        settings: the runtime's settings.
        sink: the function's log, for the metric lines.
        api: the worker's Runtime API.
        invocation: what `/next` gave.
    """

    __slots__ = (
        "_api",
        "_app",
        "_cutting",
        "_exchange",
        "_invocation",
        "_loop",
        "_settings",
        "_sink",
        "_state",
        "_stream",
        "task",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        app: App,
        state: dict[str, Any],
        settings: RuntimeSettings,
        sink: LogSink,
        api: RuntimeApi,
        invocation: Invocation,
    ) -> None:
        self._loop = loop
        self._app = app
        self._state = state
        self._settings = settings
        self._sink = sink
        self._api = api
        self._invocation = invocation
        self._exchange: Exchange | None = None
        self._stream: ResponseStream | None = None
        self.task: asyncio.Task[None] | None = None
        """The task that runs this, while the app does."""
        self._cutting: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Answer the invocation; returns when the app has, and Lambda has the response or never will."""
        invocation = self._invocation
        try:
            context = _context(invocation)
            CURRENT_CONTEXT.set(context)
            event = json.loads(invocation.event.decode())
            scope, body = http_request(event)
        except (ContextError, UnsupportedEvent, ValueError) as error:
            fault = Fault(_refusal_kind(error), str(error))
            logger.error("%s: %s", fault.kind, fault.message)
            await self._api.invocation_error(invocation, fault)
            return
        scope["aws.event"] = event
        scope["aws.context"] = context
        scope["state"] = self._state.copy()
        self._exchange = exchange = Exchange(self._app, scope, body, self._open_response, self._count_broken_stream)
        settings = self._settings
        guard = DeadlineGuard(
            self._loop,
            invocation.deadline_ms,
            settings.margin,
            settings.cut,
            exchange.tell_of_deadline,
            self._begin_cut,
        )
        try:
            await exchange.run()
            self.task = None
            if self._stream is not None:
                await self._stream.delivered()
            if self._cutting is not None:
                await self._cutting
        finally:
            guard.cancel()

    def disconnect(self) -> None:
        """Tell the app that its client is gone."""
        if self._exchange is not None:
            self._exchange.disconnect()

    async def _open_response(self) -> ResponseStream:
        stream = self._stream = await self._api.respond(self._invocation, self._on_broken)
        return stream

    def _on_broken(self, why: str) -> None:
        logger.warning("The response cannot be delivered: %s", why)
        self.disconnect()

    def _count_broken_stream(self, fault: Fault) -> None:
        self._sink.log(broken_stream_metric(self._settings.metrics_namespace, fault.kind, self._invocation.request_id))

    # ---- the deadline

    def _begin_cut(self) -> None:
        self._cutting = self._loop.create_task(self._cut())

    async def _cut(self) -> None:
        task = self.task
        if task is not None and self._exchange is not None:
            # First the client's word, then the app: cancelling may take it longer than there is time.
            await self._exchange.cut()
            task.cancel()
        if self._stream is not None:
            delivery = asyncio.ensure_future(self._stream.delivered())
            done, _ = await asyncio.wait({delivery}, timeout=self._settings.cut * LAST_WAIT_SHARE)
            if not done:
                self._stream.abandon("the reader stalled until the deadline")
                await delivery


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
