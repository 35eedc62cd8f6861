"""The ASGI lifespan: run the app's start-up at initialisation and its shutdown on SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from lambda_stream.bridge import App, Message
from lambda_stream.events import ASGI_VERSION
from lambda_stream.faults import message_of

ANSWERS = frozenset(
    f"lifespan.{step}.{outcome}" for step in ("startup", "shutdown") for outcome in ("complete", "failed")
)

logger = logging.getLogger("lambda_stream")


class LifespanFailed(Exception):
    """The app's start-up failed or raised an exception."""


class Lifespan:
    """The lifespan of an app. An app that raises an exception for the lifespan scope is served without it.

    Attributes:
        state: the state that the start-up has set. Each request's scope gets a shallow copy.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._task: asyncio.Task[None] | None = None
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Future[Message] | None = None
        self._supported = False
        self.state: dict[str, Any] = {}

    async def startup(self) -> None:
        """Run the app's start-up.

        Raises:
            LifespanFailed: The start-up failed.
        """
        answer = await self._step("startup")
        if answer is None:
            return
        self._supported = True
        if answer["type"] != "lifespan.startup.complete":
            raise LifespanFailed(f"the app's start-up failed: {answer.get('message', '')}")

    async def shutdown(self) -> None:
        """Run the app's shutdown, if it had a start-up. A failure is logged."""
        if not self._supported or self._task is None or self._task.done():
            return
        answer = await self._step("shutdown")
        if answer is not None and answer["type"] != "lifespan.shutdown.complete":
            logger.error("The app's shutdown failed: %s", answer.get("message", ""))
        with contextlib.suppress(Exception):
            await self._task

    async def _step(self, name: str) -> Message | None:
        answered: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._from_app = answered
        self._to_app.put_nowait({"type": f"lifespan.{name}"})
        if self._task is None:
            scope = {"type": "lifespan", "asgi": ASGI_VERSION, "state": self.state}
            self._task = asyncio.create_task(self._run(scope))
        either: set[asyncio.Future[Any]] = {answered, self._task}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if answered.done():
            return answered.result()
        error = None if self._task.cancelled() else self._task.exception()
        if name == "startup" and isinstance(error, LifespanFailed):
            raise error
        if name == "startup":
            # By the ASGI spec, this means that the app has no lifespan.
            logger.debug("The app has no lifespan", exc_info=error)
        else:
            logger.error("The app's lifespan ended before its shutdown", exc_info=error)
        return None

    async def _run(self, scope: dict[str, Any]) -> None:
        try:
            await self._app(scope, self._receive, self._send)
        except (SystemExit, KeyboardInterrupt) as error:
            # These exceptions in a task would end the process without a message.
            raise LifespanFailed(f"the app's lifespan raised {type(error).__name__} {message_of(error)}") from error

    async def _receive(self) -> Message:
        return await self._to_app.get()

    async def _send(self, message: Message) -> None:
        if message["type"] not in ANSWERS:
            # The app ignores the scope's type and answers as if this were a request.
            raise RuntimeError(f"{message['type']!r} is not possible in the lifespan")
        if self._from_app is not None and not self._from_app.done():
            self._from_app.set_result(message)
