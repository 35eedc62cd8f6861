"""A process of its own that performs one operation, and is killed or stands still at a point of it."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

from chatkit.types import ChatKitReq, StreamingReq, ThreadItem, ThreadStreamEvent
from pydantic import TypeAdapter

from assistant.agent import titles, turn_models
from assistant.errors import AssistantError
from assistant.identity import Caller
from assistant.models import build_model
from assistant.models.demo import DemoModel
from assistant.settings import Settings
from tests.faults.points import FaultyModel, Points, watch
from tests.faults.timing import quicken
from tests.support import turn_agents  # noqa: F401 - loaded before the fork
from tests.support.forked import fork_context
from tests.support.turns import Client, Process

# The slowest point is reached within seconds; a loaded machine gets longer.
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.05

_REQUEST: TypeAdapter[Any] = TypeAdapter(ChatKitReq)
_EVENT: TypeAdapter[Any] = TypeAdapter(ThreadStreamEvent)


@dataclass
class Answer:
    """What the process has answered.

    Attributes:
        status: 200, or that of the error which it was refused with.
        turn_id: The turn.
        events: What it has sent, as JSON.
    """

    status: int
    turn_id: str = ""
    events: tuple[bytes, ...] = ()

    def client(self, known: list[ThreadItem]) -> Client:
        """Return a client that was sent this and knew these items before."""
        client = Client(items={item.id: item for item in known})
        for event in self.events:
            client.take(_EVENT.validate_json(event))
        return client


def perform(
    environment: dict[str, str],
    settings: Settings,
    caller: Caller,
    request: str,
    key: str | None,
    points: Points,
    answers: Connection,
) -> None:
    """Perform a request with the harm that the points name.

    Args:
        environment: The environment of the test. The process that this one is forked from has an older one.
    """
    os.environ.clear()
    os.environ.update(environment)
    quicken()

    async def run() -> Answer:
        process = Process(settings, caller)
        watch(process.resources, points)
        try:
            handle = await process.start(_REQUEST.validate_json(request), key=key)
        except AssistantError as error:
            return Answer(error.status)
        events = [event.model_dump_json().encode() async for event in handle.events()]
        await handle.wait()
        return Answer(200, handle.turn_id, tuple(events))

    with (
        patch.object(titles, "build_model", lambda *given: DemoModel()),
        patch.object(turn_models, "build_model", lambda *given: FaultyModel(build_model(*given), points)),
    ):
        answers.send(asyncio.run(run()))


class Apart:
    """That process.

    Args:
        settings: Its settings.
        caller: Who asks.
        request: For what.
        points: Where it is hurt, and how: `killed` or `stalled`.
        key: The request's idempotency key.
    """

    def __init__(
        self, settings: Settings, caller: Caller, request: StreamingReq, points: Points, key: str | None = None
    ) -> None:
        context = fork_context()
        self._answers, answers = context.Pipe(duplex=False)
        given = (dict(os.environ), settings, caller, request.model_dump_json(), key, points, answers)
        self._process = context.Process(target=perform, args=given)
        self._process.start()
        answers.close()

    async def died(self) -> bool:
        """Wait for its end, and return whether it was killed."""
        await asyncio.to_thread(self._process.join, PATIENCE_SECONDS)
        assert self._process.exitcode in (0, -signal.SIGKILL), f"the process ended with {self._process.exitcode}"
        return self._process.exitcode != 0

    async def stands_still(self) -> bool:
        """Wait until it stands still, and return whether it does; else it has come to its end."""
        while self._process.is_alive():
            if self._state() == "T":
                return True
            if self._answers.poll():
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return False

    def _state(self) -> str:
        """Return the process's state, which stands behind its name in brackets."""
        return Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0]

    async def answer(self) -> Answer:
        """Let it go on, and return what it answers."""
        assert self._process.pid is not None
        # On a slow machine the process may have ended before it was to stand still.
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGCONT)
        assert await asyncio.to_thread(self._answers.poll, PATIENCE_SECONDS), "the process does not answer"
        answer: Answer = self._answers.recv()
        await self.died()
        return answer
