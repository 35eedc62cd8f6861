"""A worker: one invocation after the other, on a connection of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextvars import copy_context

from lambda_stream.deadline import DeadlineGuard
from lambda_stream.invocation import Host, InvocationRun
from lambda_stream.runtime_api import Invocation, RuntimeApi, RuntimeApiError

TRACE_VARIABLE = "_X_AMZN_TRACE_ID"


class Worker:
    """Serves one invocation after the other.

    It is driven by what arrives, not by a task that waits: waking one costs more than an exchange.

    Args:
        host: what is the same for all invocations.
        api: a Runtime API of its own.
        give_up: called when there is no work to be had any more.
    """

    def __init__(self, host: Host, api: RuntimeApi, give_up: Callable[[RuntimeApiError], None]) -> None:
        self._host = host
        self._api = api
        self._give_up = give_up
        # A connection remembers the context that it was opened in, which may be an invocation's.
        self._context = copy_context()
        # One process, several invocations: there the environment can belong to none of them.
        self._sets_trace = not host.settings.multi_concurrent
        self._guard = DeadlineGuard(host.loop, host.settings.margin, host.settings.cut)
        self._run: InvocationRun | None = None
        self._stopped: asyncio.Future[None] | None = None

    def poll(self) -> None:
        """Take the next invocation, and all after it."""
        self._api.poll(self._serve, self._give_up)

    async def stop(self) -> None:
        """Take no other invocation, tell the running one that its client is gone, and wait for its end."""
        stopped = self._stopped = self._host.loop.create_future()
        if self._run is not None:
            self._run.disconnect()
            await stopped

    async def close(self) -> None:
        """Cancel what runs, and close the connection."""
        if self._run is not None:
            await asyncio.wait({self._run.cancel()})
        self._api.close()

    def _serve(self, invocation: Invocation) -> None:
        trace_id = invocation.trace_id
        # The environment holds no NUL, and this runs where nobody catches an error.
        if self._sets_trace and trace_id is not None and "\0" not in trace_id:
            os.environ[TRACE_VARIABLE] = trace_id
        run = self._run = InvocationRun(self._host, self._api, self._guard, invocation, self._ended)
        run.start(self._context.copy())

    def _ended(self) -> None:
        self._run = None
        if self._sets_trace:
            try:  # noqa: SIM105  # suppress() costs more than the removal
                del os.environ[TRACE_VARIABLE]
            except KeyError:
                pass
        if self._stopped is None:
            self.poll()
        elif not self._stopped.done():
            self._stopped.set_result(None)
