"""A worker: run one invocation after another on its own connection."""

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
    """Runs one invocation after another.

    It uses callbacks instead of a waiting task, because waking a task takes longer than an exchange.

    Args:
        host: the objects that all invocations share.
        api: the worker's own client of the Runtime API.
        give_up: called if the Runtime API gives no more work.
    """

    def __init__(self, host: Host, api: RuntimeApi, give_up: Callable[[RuntimeApiError], None]) -> None:
        self._host = host
        self._api = api
        self._give_up = give_up
        # A connection may have been opened in an invocation's context. New invocations must not inherit it.
        self._context = copy_context()
        # With several invocations in the process, the environment cannot belong to one of them.
        self._sets_trace = not host.settings.multi_concurrent
        self._guard = DeadlineGuard(host.loop, host.settings.margin, host.settings.cut)
        self._run: InvocationRun | None = None
        self._stopped: asyncio.Future[None] | None = None

    def poll(self) -> None:
        """Run the next invocation and all later ones."""
        self._api.poll(self._serve, self._give_up)

    async def stop(self) -> None:
        """Take no more invocations, disconnect the running one and wait for its end."""
        stopped = self._stopped = self._host.loop.create_future()
        if self._run is not None:
            self._run.disconnect()
            await stopped

    async def close(self) -> None:
        """Cancel the running invocation and close the connection."""
        if self._run is not None:
            await asyncio.wait({self._run.cancel()})
        self._api.close()

    def _serve(self, invocation: Invocation) -> None:
        trace_id = invocation.trace_id
        # The environment cannot contain a NUL, and nothing would catch the error here.
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
