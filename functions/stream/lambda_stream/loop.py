"""The main loop: initialise, then run invocations, as many at the same time as the platform allows."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal

from lambda_stream.apps import AppError, load_app
from lambda_stream.bridge import App
from lambda_stream.extension import InternalExtension
from lambda_stream.faults import Fault
from lambda_stream.invocation import Host
from lambda_stream.lifespan import Lifespan, LifespanFailed
from lambda_stream.logs import LogSink
from lambda_stream.runtime_api import RuntimeApi, RuntimeApiError
from lambda_stream.settings import RuntimeSettings
from lambda_stream.snapstart import run_after_restore, run_before_snapshot
from lambda_stream.worker import Worker

EXIT_INIT = 1
EXIT_BEFORE_SNAPSHOT = 64
EXIT_AFTER_RESTORE = 65
SHUTDOWN_GRACE = 0.25
"""Seconds for running invocations after SIGTERM. Lambda kills the process after 500 ms."""
CANCEL_GRACE = 0.05
"""More seconds for cancelled invocations."""
LIFESPAN_GRACE = 0.15
"""Seconds for the app's shutdown."""

logger = logging.getLogger("lambda_stream")


class InitFailed(Exception):
    """The process cannot start. The failure has been reported to Lambda.

    Attributes:
        exit_code: the exit code of the process.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class Runtime:
    """The runtime in one process.

    Args:
        settings: the runtime's settings.
        sink: the function's log, for the metric lines.
    """

    def __init__(self, settings: RuntimeSettings, sink: LogSink) -> None:
        self._settings = settings
        self._sink = sink
        self._api = RuntimeApi(settings.api_address)
        self._app: App
        self._lifespan: Lifespan

    async def run(self) -> None:
        """Initialise, then run invocations until SIGTERM.

        Raises:
            InitFailed: The start failed and has been reported.
            RuntimeApiError: The Runtime API gives no more work.
        """
        stopping = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
        await self._initialise()
        extension = InternalExtension(self._settings.api_address)
        if self._settings.graceful_shutdown:
            await extension.register()
        try:
            await self._serve(stopping)
        finally:
            extension.close()
            try:
                await asyncio.wait_for(self._lifespan.shutdown(), LIFESPAN_GRACE)
            except TimeoutError:
                logger.error("The app's shutdown takes longer than Lambda allows")

    # ---- initialisation

    async def _initialise(self) -> None:
        # Imports create little garbage, and collecting it would take a tenth of the start-up time.
        gc.disable()
        try:
            self._app = app = load_app(self._settings.app)
            self._lifespan = Lifespan(app)
            await self._lifespan.startup()
        except AppError as error:
            await self._init_failed(error.fault)
        except LifespanFailed as error:
            await self._init_failed(Fault("Runtime.LifespanFailed", str(error)))
        except BaseException as error:
            await self._init_failed(Fault.of(error))
        finally:
            # Before collections are possible again: the first one would visit everything that was loaded.
            gc.freeze()
            gc.enable()
        if self._settings.snap_start:
            await self._take_snapshot()

    async def _init_failed(self, fault: Fault) -> None:
        logger.error("The function cannot start: %s: %s\n%s", fault.kind, fault.message, "\n".join(fault.trace))
        await self._api.init_error(fault)
        raise InitFailed(EXIT_INIT)

    async def _take_snapshot(self) -> None:
        try:
            await run_before_snapshot()
            await self._api.restore_next()
        except BaseException as error:
            logger.exception("The snapshot cannot be taken")
            await self._api.init_error(Fault.of(error, "Runtime.BeforeSnapshotError"))
            raise InitFailed(EXIT_BEFORE_SNAPSHOT) from error
        try:
            await run_after_restore()
        except BaseException as error:
            logger.exception("The snapshot cannot be restored")
            await self._api.restore_error(Fault.of(error, "Runtime.AfterRestoreError"))
            raise InitFailed(EXIT_AFTER_RESTORE) from error

    # ---- serving

    async def _serve(self, stopping: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        host = Host(loop, self._app, self._lifespan.state, self._settings, self._sink)
        failed: asyncio.Future[object] = loop.create_future()

        def give_up(error: RuntimeApiError) -> None:
            if not failed.done():
                failed.set_exception(error)

        apis = [self._api, *(RuntimeApi(self._settings.api_address) for _ in range(1, self._settings.concurrency))]
        workers = [Worker(host, api, give_up) for api in apis]
        for worker in workers:
            worker.poll()
        stopped: asyncio.Future[object] = asyncio.ensure_future(stopping.wait())
        await asyncio.wait([failed, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(worker.stop() for worker in workers)), SHUTDOWN_GRACE)
        await asyncio.wait([loop.create_task(worker.close()) for worker in workers], timeout=CANCEL_GRACE)
        if failed.done():
            failed.result()
